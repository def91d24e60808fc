//! What differs between systems: private files, the bytes of a path, a file's identity.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(not(unix), path = "fallback.rs")]
mod imp;

pub(crate) use imp::{create_private, make_private, path_from_bytes, path_to_bytes, same_file};
