//! Systems without counters of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use crate::counters::Source;
use crate::sys::Program;

/// The counters of a thread, which cannot be had.
#[derive(Debug)]
pub(crate) enum Thread {}

impl Thread {
    /// Refuses.
    pub(crate) fn observe(_tid: u32, _source: Source) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Cannot be reached.
    pub(crate) fn read(&mut self) -> io::Result<(Option<u64>, Duration)> {
        match *self {}
    }
}

/// Refuses.
pub(crate) fn processes() -> io::Result<Vec<(u32, u32)>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Knows none.
pub(crate) fn threads(_pid: u32) -> Vec<u32> {
    Vec::new()
}

/// Knows none.
pub(crate) fn cpu_time(_pid: u32) -> Duration {
    Duration::ZERO
}

/// Knows nothing.
pub(crate) fn resident_kb(_pid: u32) -> u64 {
    0
}

/// Knows nothing.
pub(crate) fn descriptors(_pid: u32) -> usize {
    0
}

/// The counting of eBPF programs, which there are none of.
#[derive(Debug)]
pub(crate) enum Counting {}

impl Counting {
    /// Refuses.
    pub(crate) fn begin() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Knows none.
pub(crate) fn held_programs(_pids: &[u32]) -> BTreeSet<u32> {
    BTreeSet::new()
}

/// Knows none.
pub(crate) fn programs(_ids: &BTreeSet<u32>) -> Vec<Program> {
    Vec::new()
}

/// Refuses.
pub(crate) fn held_entries(_pids: &[u32]) -> io::Result<BTreeMap<&'static str, u64>> {
    Err(io::ErrorKind::Unsupported.into())
}
