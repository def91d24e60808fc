//! Userlands as archives for the kernel: cpio, "newc".

use std::fs::File;
use std::io::{self, Read as _, Write};

use anyhow::{Context, Result, ensure};

use super::{Closure, Content, Entry, Kind};

const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const DEVICE: u32 = 0o020_000;

impl Closure {
    /// Writes it as a cpio archive; several may follow each other in one initramfs.
    ///
    /// # Errors
    ///
    /// When a file has gone or has changed its length, or the writer fails.
    pub fn write_cpio(&self, mut to: impl Write) -> Result<()> {
        for (index, entry) in self.entries().enumerate() {
            let inode = u32::try_from(index + 1)?;
            one(&mut to, inode, entry).with_context(|| format!("packing {}", entry.path))?;
        }
        header(&mut to, 0, "TRAILER!!!", 0, 0, 0, (0, 0))?;
        Ok(to.flush()?)
    }
}

fn one(to: &mut impl Write, inode: u32, entry: &Entry) -> Result<()> {
    let (kind, len, device) = match &entry.kind {
        Kind::Folder => (FOLDER, 0, (0, 0)),
        Kind::Link(target) => (LINK, target.len() as u64, (0, 0)),
        Kind::File(_) => (FILE, entry.len_bytes(), (0, 0)),
        Kind::Device { major, minor } => (DEVICE, 0, (*major, *minor)),
    };
    let len = u32::try_from(len).context("larger than 4 GiB")?;
    let mtime = u32::try_from(entry.mtime).unwrap_or(u32::MAX);
    header(to, inode, &entry.path, kind | entry.mode, mtime, len, device)?;
    match &entry.kind {
        Kind::Link(target) => to.write_all(target.as_bytes())?,
        Kind::File(content) => content.copy_to(to)?,
        Kind::Folder | Kind::Device { .. } => {}
    }
    Ok(pad(to, u64::from(len))?)
}

fn header(
    to: &mut impl Write,
    inode: u32,
    name: &str,
    mode: u32,
    mtime: u32,
    len: u32,
    (major, minor): (u32, u32),
) -> io::Result<()> {
    let name_len = u32::try_from(name.len() + 1).map_err(io::Error::other)?;
    let fields = [inode, mode, 0, 0, 1, mtime, len, 0, 0, major, minor, name_len, 0];
    to.write_all(b"070701")?;
    fields.iter().try_for_each(|field| write!(to, "{field:08x}"))?;
    write!(to, "{name}\0")?;
    pad(to, 110 + u64::from(name_len))
}

/// Fills up to a multiple of four.
fn pad(to: &mut impl Write, len: u64) -> io::Result<()> {
    to.write_all(&b"\0\0\0"[..(len.next_multiple_of(4) - len) as usize])
}

impl Content {
    /// Writes it out, exactly as many bytes as were counted.
    ///
    /// # Errors
    ///
    /// When the file has gone or has become shorter, or the writer fails.
    pub fn copy_to(&self, to: &mut impl Write) -> Result<()> {
        match self {
            Self::Bytes(bytes) => to.write_all(bytes)?,
            Self::Here { path, len_bytes } => {
                let copied = io::copy(&mut File::open(path)?.take(*len_bytes), to)?;
                ensure!(copied == *len_bytes, "{} became shorter", path.display());
            }
        }
        Ok(())
    }
}
