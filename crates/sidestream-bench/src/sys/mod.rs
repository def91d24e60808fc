//! Counters of the hardware and of the kernel, by system.

use std::time::Duration;

#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod imp;
#[cfg(not(target_os = "linux"))]
#[path = "fallback.rs"]
mod imp;

pub(crate) use imp::{
    Counting, Thread, cpu_time, descriptors, held_entries, held_programs, processes, programs,
    resident_kb, threads,
};

/// An eBPF program, and how often it ran while that was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// Its name, up to 15 bytes of it.
    pub(crate) name: String,
    /// How long it ran in all.
    pub(crate) time: Duration,
    /// How often it ran.
    pub(crate) runs: u64,
}
