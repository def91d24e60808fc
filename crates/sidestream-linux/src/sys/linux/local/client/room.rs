//! How many descriptors this process has left for flows.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use tokio::time::sleep;

/// How long nothing is taken before it is looked again.
const REST: Duration = Duration::from_millis(50);

/// Where the kernel lists this process's descriptors.
const LIST: &str = "/proc/self/fd";

/// Knows whether there is room for more flows. Clones share what they know.
///
/// A descriptor that comes when there is none left for it is lost, and its connection with it. So
/// some are kept free, and one for the server of each flow that has none yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Room(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    is_short: AtomicBool,
    /// Flows whose server is not connected to yet.
    seats: AtomicU64,
    /// Flows that were taken since the descriptors were counted.
    uncounted: AtomicU64,
}

/// A descriptor that is kept free until this is dropped.
#[derive(Debug)]
pub(super) struct Seat(Room);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.0.seats.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Room {
    /// Keeps a descriptor free.
    pub(super) fn seat(&self) -> Seat {
        self.0.seats.fetch_add(1, Ordering::Relaxed);
        Seat(self.clone())
    }

    /// Tells whether nothing is taken for want of descriptors.
    pub(super) fn is_short(&self) -> bool {
        self.0.is_short.load(Ordering::Relaxed)
    }

    /// Waits, after a flow was taken, until there is room for others.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub(super) async fn wait(&self) {
        let limit = limit();
        if self.0.uncounted.fetch_add(1, Ordering::Relaxed) + 1 < at_once(limit) {
            return;
        }
        self.0.uncounted.store(0, Ordering::Relaxed);
        if !self.has_place(limit) {
            self.wait_long().await;
        }
    }

    /// Waits until there is room again, after there was not.
    pub(super) async fn wait_long(&self) {
        self.0.is_short.store(true, Ordering::Relaxed);
        tracing::warn!(
            "no room for more flows, new connections are left alone; \
             raise the limit on open files (ulimit -n)"
        );
        while !self.has_place(limit()) {
            sleep(REST).await;
        }
        self.0.is_short.store(false, Ordering::Relaxed);
    }

    fn has_place(&self, limit: u64) -> bool {
        let seats = self.0.seats.load(Ordering::Relaxed);
        // What cannot be counted for want of a descriptor has no room.
        open().is_ok_and(|open| fits(open.saturating_add(seats), limit))
    }
}
/// Counts the descriptors that are open. Their numbers do not tell: they have gaps.
fn open() -> io::Result<u64> {
    // Linux 6.2 and later tell the number as the folder's size, others say nothing by it.
    match fs::metadata(LIST)?.len() {
        0 => Ok(fs::read_dir(LIST)?.count() as u64),
        open => Ok(open),
    }
}

fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// How many descriptors stay free.
fn kept(limit: u64) -> u64 {
    (limit / 4).clamp(64, 1024)
}

/// How many flows are taken before the descriptors are counted. Each has a socket by then and
/// needs another.
fn at_once(limit: u64) -> u64 {
    kept(limit) / 8
}

fn fits(open: u64, limit: u64) -> bool {
    open.saturating_add(kept(limit)) < limit
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::{Room, at_once, fits, kept, open};

    #[test]
    fn a_quarter_is_kept_free_within_reason() {
        for (number, limit, expected) in [
            (3, 1024, true),
            (767, 1024, true),
            (768, 1024, false),
            (18_975, 20_000, true),
            (18_976, 20_000, false),
            (3, 64, false),
            (1_000_000, u64::MAX, true),
        ] {
            assert_eq!(fits(number, limit), expected, "{number} of {limit}");
        }
    }

    #[test]
    fn what_is_kept_is_enough_for_all_that_is_taken_uncounted() {
        for limit in [64, 256, 1024, 20_000, u64::MAX] {
            assert!(at_once(limit) > 0, "{limit}");
            assert!(2 * at_once(limit) < kept(limit), "{limit}");
        }
    }

    #[test]
    fn a_flow_whose_server_is_not_connected_to_yet_takes_room() {
        let room = Room::default();
        let before = open().unwrap();
        let limit = before + 400;
        assert!(room.has_place(limit));
        let seats: Vec<_> = (0..400).map(|_| room.seat()).collect();
        assert!(!room.has_place(limit));
        drop(seats);
        assert!(room.has_place(limit));
    }

    #[test]
    fn descriptors_are_counted_whatever_their_numbers() {
        // Other tests of this process open and close some meanwhile, though not each time.
        let is_counted = |_| {
            let before = open().unwrap();
            let mut files: Vec<_> = (0..600).map(|_| File::open("/dev/null").unwrap()).collect();
            let with_all = open().unwrap();
            // The lowest number is free then, and still most are open.
            files.drain(..20);
            with_all > before + 500 && open().unwrap() > before + 480
        };
        assert!((0..20).any(is_counted));
    }
}
