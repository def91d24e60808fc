//! What was lost, counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the packets that the queues of a device have lost; clones show the same numbers.
#[derive(Clone, Debug, Default)]
pub struct Losses(pub(crate) Arc<Counts>);

/// The numbers themselves.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) malformed: Count,
    pub(crate) truncated: Count,
    pub(crate) undelivered: Count,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(pub(crate) AtomicU64);

impl Count {
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Losses {
    /// Returns how many packets came with a header that contradicted them.
    pub fn malformed(&self) -> u64 {
        self.0.malformed.get()
    }

    /// Returns how many packets came that were longer than any should be.
    pub fn truncated(&self) -> u64 {
        self.0.truncated.get()
    }

    /// Returns how many packets the kernel had no room for, or no use, as while the device is
    /// down.
    pub fn undelivered(&self) -> u64 {
        self.0.undelivered.get()
    }
}
