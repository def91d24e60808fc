//! A link that delays, loses, reorders and repeats packets, the same ones for the same seed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sidestream_packet::Offload;

/// What goes wrong on a link, in per mille.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) loss: u32,
    pub(crate) reorder: u32,
    pub(crate) duplicate: u32,
    pub(crate) delay: Duration,
    pub(crate) narrow: Option<Narrow>,
}

/// A link that passes on one packet after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Narrow {
    pub(crate) bytes_per_second: u32,
    /// How many bytes may wait before more are lost.
    pub(crate) queue: u32,
}

pub(crate) struct Link {
    faults: Faults,
    random: Random,
    queue: BTreeMap<(Instant, u64), (Vec<u8>, Offload)>,
    count: u64,
    /// Until when the link is busy.
    busy_until: Option<Instant>,
}

impl Link {
    pub(crate) fn new(faults: Faults, seed: u64) -> Self {
        Self {
            faults,
            random: Random::new(seed),
            queue: BTreeMap::new(),
            count: 0,
            busy_until: None,
        }
    }

    pub(crate) fn push(&mut self, packet: &[u8], offload: Offload, now: Instant) {
        if self.random.happens(self.faults.loss) {
            return;
        }
        let Some(passed) = self.pass(packet.len(), now) else { return };
        let copies = 1 + u32::from(self.random.happens(self.faults.duplicate));
        for _ in 0..copies {
            let late = if self.random.happens(self.faults.reorder) {
                self.faults.delay / 2 + Duration::from_millis(1)
            } else {
                Duration::ZERO
            };
            self.count += 1;
            let at = passed + self.faults.delay + late;
            self.queue.insert((at, self.count), (packet.to_vec(), offload));
        }
    }

    /// Answers when a packet of that length is through, if there is room for it.
    fn pass(&mut self, len: usize, now: Instant) -> Option<Instant> {
        let Some(Narrow { bytes_per_second, queue }) = self.faults.narrow else { return Some(now) };
        let begins = self.busy_until.map_or(now, |busy| busy.max(now));
        let rate = f64::from(bytes_per_second);
        if (begins - now).as_secs_f64() * rate > f64::from(queue) {
            return None;
        }
        let ends = begins + Duration::from_secs_f64(len as f64 / rate);
        self.busy_until = Some(ends);
        Some(ends)
    }

    /// Makes other things go wrong from now on.
    pub(crate) const fn set(&mut self, faults: Faults) {
        self.faults = faults;
    }

    pub(crate) fn pop(&mut self, now: Instant) -> Option<(Vec<u8>, Offload)> {
        self.queue.first_key_value().filter(|((at, _), _)| *at <= now)?;
        self.queue.pop_first().map(|(_, packet)| packet)
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }
}

/// Numbers that look random (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub(crate) fn happens(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.below(1000) < u64::from(per_mille)
    }
}
