//! Moving bytes without looking at them, where the system can.

#[cfg(not(target_os = "linux"))]
#[path = "fallback.rs"]
mod imp;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod imp;

pub(crate) use imp::{Pipe, has_sent};

/// What one attempt to move bytes came to.
#[derive(Debug)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nothing is moved"))]
pub(crate) enum Moved {
    /// So many; none from an end means that it has ended.
    Bytes(usize),
    /// The end cannot be spliced: nothing was moved, and nothing will be.
    Unable,
}
