//! Any other system: files have neither mode nor owner that would be kept.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

pub(crate) fn mode(_: &Metadata) -> u32 {
    0
}

pub(crate) fn owner(_: &Metadata) -> (u32, u32) {
    (0, 0)
}

pub(crate) fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}

pub(crate) fn chown(_: &Path, _: (u32, u32)) -> io::Result<()> {
    Ok(())
}

pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

pub(crate) fn sync_dir(_: &Path) -> io::Result<()> {
    Ok(())
}

pub(crate) fn read_link_text(path: &Path) -> io::Result<PathBuf> {
    fs::read_link(path)
}

pub(crate) fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn is_open(_: &Path) -> bool {
    false
}
