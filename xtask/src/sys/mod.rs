//! Whose files are, who may use them, and how much room is left, where the system knows such things.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(not(unix), path = "fallback.rs")]
mod imp;

pub(crate) use imp::{free_space, is_root, mode, own, set_mode};
