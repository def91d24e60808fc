//! What differs between systems: the bytes of a path.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(not(unix), path = "fallback.rs")]
mod imp;

pub(crate) use imp::{path_from_bytes, path_to_bytes};
