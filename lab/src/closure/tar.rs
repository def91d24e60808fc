//! Userlands as archives for container engines: tar.

use std::fs::File;
use std::io::Write;

use anyhow::{Context, Result};
use tar::{Builder, EntryType, Header};

use super::{Closure, Content, Entry, Kind};

impl Closure {
    /// Writes it as a tar archive.
    ///
    /// # Errors
    ///
    /// When a file has gone or has changed its length, or the writer fails.
    pub fn write_tar(&self, to: impl Write) -> Result<()> {
        let mut tar = Builder::new(to);
        for entry in self.entries() {
            one(&mut tar, entry).with_context(|| format!("packing {}", entry.path))?;
        }
        Ok(tar.into_inner()?.flush()?)
    }
}

fn one(tar: &mut Builder<impl Write>, entry: &Entry) -> Result<()> {
    let mut header = Header::new_gnu();
    header.set_mode(entry.mode);
    header.set_mtime(entry.mtime);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(entry.len_bytes());
    match &entry.kind {
        Kind::Folder => {
            header.set_entry_type(EntryType::Directory);
            tar.append_data(&mut header, format!("{}/", entry.path), std::io::empty())?;
        }
        Kind::Link(target) => {
            header.set_entry_type(EntryType::Symlink);
            tar.append_link(&mut header, &entry.path, target)?;
        }
        Kind::Device { major, minor } => {
            header.set_entry_type(EntryType::Char);
            header.set_device_major(*major)?;
            header.set_device_minor(*minor)?;
            tar.append_data(&mut header, &entry.path, std::io::empty())?;
        }
        Kind::File(Content::Bytes(bytes)) => {
            tar.append_data(&mut header, &entry.path, bytes.as_slice())?;
        }
        Kind::File(Content::Here { path, .. }) => {
            tar.append_data(&mut header, &entry.path, File::open(path)?)?;
        }
    }
    Ok(())
}
