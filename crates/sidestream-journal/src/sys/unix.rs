//! Unix: modes, owners and links as they are.

use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

pub(crate) use std::os::unix::fs::symlink;

/// The permission bits.
pub(crate) fn mode(metadata: &Metadata) -> u32 {
    metadata.mode() & 0o7777
}

/// User and group.
pub(crate) fn owner(metadata: &Metadata) -> (u32, u32) {
    (metadata.uid(), metadata.gid())
}

pub(crate) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Gives a file to whom it belonged, where that differs.
pub(crate) fn chown(path: &Path, (uid, gid): (u32, u32)) -> io::Result<()> {
    let now = fs::symlink_metadata(path)?;
    if owner(&now) == (uid, gid) {
        return Ok(());
    }
    std::os::unix::fs::lchown(path, Some(uid), Some(gid))
}

pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

pub(crate) fn read_link_text(path: &Path) -> io::Result<PathBuf> {
    fs::read_link(path)
}

/// Returns whether a process has a file open, as far as that can be seen.
pub(crate) fn is_open(path: &Path) -> bool {
    let Ok(wanted) = fs::metadata(path).map(|found| (found.dev(), found.ino())) else {
        return false;
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let descriptors = processes
        .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
        .flat_map(|entry| fs::read_dir(entry.path().join("fd")).into_iter().flatten().flatten());
    descriptors
        .filter_map(|entry| fs::metadata(entry.path()).ok())
        .any(|found| (found.dev(), found.ino()) == wanted)
}
