//! Files that are put and got, a piece at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result};

use super::wire::Hex;

/// The longest piece that is given.
const PIECE: u64 = 1 << 20;

/// Writes a piece; the first one makes the file, and the folders that it lies in.
pub(super) fn put(path: &Path, offset: u64, bytes: &[u8], mode: u32) -> Result<()> {
    write(path, offset, bytes, mode).with_context(|| format!("writing {}", path.display()))
}

fn write(path: &Path, offset: u64, bytes: &[u8], mode: u32) -> io::Result<()> {
    if let (0, Some(folder)) = (offset, path.parent()) {
        fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(offset == 0).truncate(offset == 0);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _without_modes = mode;
    let mut file = options.open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(bytes)
}

/// Reads a piece and how long the whole is; `None` where there is no file.
pub(super) fn get(path: &Path, offset: u64) -> Result<Option<(Hex, u64)>> {
    read(path, offset).with_context(|| format!("reading {}", path.display()))
}

fn read(path: &Path, offset: u64) -> io::Result<Option<(Hex, u64)>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(offset))?;
    let mut piece = Vec::new();
    file.take(PIECE).read_to_end(&mut piece)?;
    Ok(Some((Hex(piece), len)))
}
