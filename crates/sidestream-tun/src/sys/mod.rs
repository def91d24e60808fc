//! One public file; the body is picked by system.

#[cfg(any(target_os = "macos", windows))]
mod device;
#[cfg_attr(target_os = "linux", path = "linux/mod.rs")]
#[cfg_attr(target_os = "macos", path = "macos/mod.rs")]
#[cfg_attr(windows, path = "windows/mod.rs")]
#[cfg_attr(not(any(target_os = "linux", target_os = "macos", windows)), path = "fallback.rs")]
mod imp;
// What needs no system is tried on all of them.
#[cfg(any(target_os = "macos", windows, test))]
mod plain;
#[cfg(any(target_os = "macos", test))]
mod utun;

pub(crate) use imp::{Device, Queue, open};

/// A device that was just opened.
pub(crate) struct Opened {
    pub(crate) device: Device,
    pub(crate) queues: Vec<Queue>,
}
