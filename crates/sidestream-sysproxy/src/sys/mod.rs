//! What differs between systems: where a proxy is set, and how.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as imp;
#[cfg(not(target_os = "linux"))]
mod fallback;
#[cfg(not(target_os = "linux"))]
use fallback as imp;

pub(crate) use imp::{KINDS, current, is_root, notify, places, restore, set, without};
