//! Counters of the hardware and of the kernel, by system.

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod imp;
#[cfg(not(target_os = "linux"))]
#[path = "fallback.rs"]
mod imp;

pub(crate) use imp::{Thread, cpu_time, processes, resident_kb, threads};
