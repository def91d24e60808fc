//! How many descriptors this process has left for flows.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use tokio::time::sleep;

/// How long nothing is taken before it is looked again.
const REST: Duration = Duration::from_millis(50);

/// Knows whether there is room for more flows. Clones share what they know.
///
/// A descriptor that comes when there is none left for it is lost, and with it the channel. So
/// some are kept free: each flow that was taken needs another one for its server.
#[derive(Clone, Debug, Default)]
pub(super) struct Room {
    is_short: Arc<AtomicBool>,
}

impl Room {
    /// Tells whether nothing is taken for want of descriptors.
    pub(super) fn is_short(&self) -> bool {
        self.is_short.load(Ordering::Relaxed)
    }

    /// Waits, after that descriptor came, until there is room for others.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub(super) async fn wait(&self, number: i32) {
        if fits(number, limit()) {
            return;
        }
        self.is_short.store(true, Ordering::Relaxed);
        tracing::warn!(
            "no room for more flows, new connections are left alone; \
             raise the limit on open files (ulimit -n)"
        );
        while !next().is_some_and(|number| fits(number, limit())) {
            sleep(REST).await;
        }
        self.is_short.store(false, Ordering::Relaxed);
    }
}

/// Returns the number that the next descriptor has: the lowest that is free.
fn next() -> Option<i32> {
    File::open("/dev/null").ok().map(|file| file.as_fd().as_raw_fd())
}

fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Tells whether enough is free beyond a descriptor, as the lowest number is always given.
fn fits(number: i32, limit: u64) -> bool {
    let kept = (limit / 4).clamp(64, 1024);
    u64::try_from(number).is_ok_and(|number| number.saturating_add(kept) < limit)
}

#[cfg(test)]
mod tests {
    use super::fits;

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
}
