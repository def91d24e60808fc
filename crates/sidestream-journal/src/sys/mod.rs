//! What differs between systems: modes, owners, links, and who has a file open.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(not(unix), path = "fallback.rs")]
mod imp;

pub(crate) use imp::{
    chown, create_private_dir, is_open, mode, owner, read_link_text, set_mode, symlink, sync_dir,
};
