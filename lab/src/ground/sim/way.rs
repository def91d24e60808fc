//! One way of a link: when what is sent arrives, in virtual time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::Quality;

/// How much of a stream a packet carries: an Ethernet's 1,500 bytes without the headers.
pub(super) const SEGMENT: usize = 1448;

/// How many bytes a packet's headers have.
const HEADERS: usize = 52;

/// How long a sender waits beyond the round trip before it sends again.
const RETRANSMISSION: Duration = Duration::from_millis(200);

/// How much later a packet comes that is overtaken.
const OVERTAKEN: Duration = Duration::from_millis(20);

/// How often a sender sends again before it would have given up.
const MAX_TRIES: u32 = 8;

/// One way of a link, shared by all that goes over it.
#[derive(Clone, Debug)]
pub(super) struct Way(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    quality: Quality,
    random: u64,
    /// When the last packet has left.
    free_at: Instant,
}

impl Way {
    /// Makes a way; the two of a link have different numbers, so that they draw differently.
    pub(super) fn new(quality: &Quality, number: u64) -> Self {
        let random = quality.seed.wrapping_mul(2).wrapping_add(number);
        let inner = Inner { quality: quality.clone(), random, free_at: Instant::now() };
        Self(Arc::new(Mutex::new(inner)))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether what is sent arrives at once and always.
    pub(super) fn is_perfect(&self) -> bool {
        let inner = self.lock();
        let Quality { delay, loss, rate, .. } = inner.quality;
        delay.is_zero() && loss == 0 && rate.is_none()
    }

    /// Returns when a segment of a stream arrives, sent again as often as it is lost.
    pub(super) fn segment(&self, len: usize) -> Instant {
        let mut inner = self.lock();
        let Quality { delay, loss, .. } = inner.quality;
        let mut arrives = inner.leave(len) + delay;
        let mut patience = RETRANSMISSION + 2 * delay;
        for _ in 0..MAX_TRIES {
            if !inner.draw(loss) {
                break;
            }
            arrives += patience;
            patience *= 2;
        }
        arrives
    }

    /// Returns when a datagram arrives: never, once or twice.
    pub(super) fn datagram(&self, len: usize) -> Vec<Instant> {
        let mut inner = self.lock();
        let Quality { delay, loss, reorder, duplicate, .. } = inner.quality;
        let arrives = inner.leave(len) + delay;
        if inner.draw(loss) {
            return Vec::new();
        }
        let arrives = if inner.draw(reorder) { arrives + OVERTAKEN } else { arrives };
        vec![arrives; if inner.draw(duplicate) { 2 } else { 1 }]
    }
}

impl Inner {
    /// Returns when a packet has left wholly.
    fn leave(&mut self, len: usize) -> Instant {
        let takes = self.quality.rate.map_or(Duration::ZERO, |rate| {
            let nanos = (len + HEADERS) as u128 * 1_000_000_000 / u128::from(rate.max(1));
            Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
        });
        self.free_at = self.free_at.max(Instant::now()) + takes;
        self.free_at
    }

    /// Draws whether it is among so many of a thousand. Nothing is drawn for what never happens,
    /// so that one property does not change what becomes of the others.
    fn draw(&mut self, of_thousand: u16) -> bool {
        if of_thousand == 0 {
            return false;
        }
        // SplitMix64: every seed gives a sequence of its own.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % 1000 < u64::from(of_thousand)
    }
}
