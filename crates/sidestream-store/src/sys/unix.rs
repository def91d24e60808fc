//! Unix: modes, paths as bytes, inodes.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Opens a file for writing, made for its owner alone if it is not there.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Takes a file from everybody but its owner.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o600))
}

/// Returns whether that open file still stands at that path, and no link to it.
pub(crate) fn same_file(path: &Path, file: &File) -> io::Result<bool> {
    let (there, here) = match fs::symlink_metadata(path) {
        Ok(there) => (there, file.metadata()?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    Ok(there.dev() == here.dev() && there.ino() == here.ino())
}

/// Returns the bytes of a path.
pub(crate) fn path_to_bytes(path: &Path) -> Vec<u8> {
    OsStr::as_bytes(path.as_os_str()).to_vec()
}

/// Makes a path of its bytes.
pub(crate) fn path_from_bytes(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}
