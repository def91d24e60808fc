//! How long a process that has gone is remembered.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Key;

/// A connection may wait this long to be accepted, and then asks who made it.
const GRACE: Duration = Duration::from_secs(30);

/// The most processes that are remembered for their last connections: about 30 MiB.
const MAX_KEPT: usize = 64 * 1024;

/// The processes that have gone and have no descendants, the first to go first.
#[derive(Debug, Default)]
pub(super) struct Retention {
    kept: VecDeque<(Instant, Key)>,
    /// Those that are not to be kept at all.
    dropped: Vec<Key>,
}

impl Retention {
    pub(super) fn push(&mut self, key: Key, now: Instant) {
        self.kept.push_back((now, key));
    }

    /// Adds a process that is remembered no longer.
    pub(super) fn push_first(&mut self, key: Key) {
        self.dropped.push(key);
    }

    /// Takes a process whose time is over, or that is one too many.
    pub(super) fn poll_expired(&mut self, now: Instant) -> Option<Key> {
        let over = |&(gone_at, _): &(Instant, Key)| now.duration_since(gone_at) >= GRACE;
        let expired = self.kept.len() > MAX_KEPT || self.kept.front().is_some_and(over);
        let kept = || if expired { self.kept.pop_front().map(|(_, key)| key) } else { None };
        self.dropped.pop().or_else(kept)
    }
}
