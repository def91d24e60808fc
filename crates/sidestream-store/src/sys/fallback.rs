//! Other systems: files inherit the rights of their folder, paths are text.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Opens a file for writing, making it if it is not there.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).open(path)
}

/// Does nothing: the folder's rights hold.
#[expect(clippy::unnecessary_wraps, reason = "it fails on other systems")]
pub(crate) fn make_private(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Returns whether the path leads anywhere, since an open file cannot be replaced here.
pub(crate) fn same_file(path: &Path, _file: &File) -> io::Result<bool> {
    path.try_exists()
}

/// Returns a path as UTF-8.
pub(crate) fn path_to_bytes(path: &Path) -> Vec<u8> {
    path.to_string_lossy().into_owned().into_bytes()
}

/// Makes a path of UTF-8.
pub(crate) fn path_from_bytes(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}
