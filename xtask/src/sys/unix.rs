//! Unix: owners and modes.

use std::fs::{Metadata, Permissions, set_permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::command::output;

/// Whether root runs us.
pub(crate) fn is_root() -> Result<bool> {
    Ok(output(Command::new("id").arg("-u"))?.trim() == "0")
}

/// Gives the bits that say who may do what with a file.
pub(crate) fn mode(metadata: &Metadata) -> u32 {
    metadata.permissions().mode()
}

/// Sets the bits that say who may do what with a file.
pub(crate) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    set_permissions(path, Permissions::from_mode(mode))
}

/// Gives a file to a user.
pub(crate) fn own(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    chown(path, Some(uid), Some(gid))
}

/// The bytes that are free for us where `path` is, where `df` tells.
pub(crate) fn free_space(path: &Path) -> Option<u64> {
    let told = output(Command::new("df").arg("-Pk").arg(path)).ok()?;
    let kibibytes: u64 = told.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kibibytes * 1024)
}
