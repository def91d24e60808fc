//! One file, folder, link or device of a userland.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// One of the things that a userland is made of; all belong to root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is, without the slash in front.
    pub path: String,
    /// Who may do what with it.
    pub mode: u32,
    /// When it was made, in seconds since 1970; Python trusts what it compiled only for a source
    /// of the same second.
    pub mtime: u64,
    /// What it is.
    pub kind: Kind,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A character device.
    Device {
        /// Its driver's number.
        major: u32,
        /// Its own number.
        minor: u32,
    },
    /// A file.
    File(Content),
    /// A folder.
    Folder,
    /// A symbolic link to there.
    Link(String),
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What is in a file of this machine.
    Here {
        /// The file.
        path: PathBuf,
        /// How many bytes it has.
        len_bytes: u64,
    },
}

impl Entry {
    /// Returns how many bytes of content it has.
    #[must_use]
    pub const fn len_bytes(&self) -> u64 {
        match &self.kind {
            Kind::File(Content::Bytes(bytes)) => bytes.len() as u64,
            Kind::File(Content::Here { len_bytes, .. }) => *len_bytes,
            _ => 0,
        }
    }

    pub(super) fn folder(path: &str, mode: u32) -> Self {
        Self { path: path.to_owned(), mode, mtime: 0, kind: Kind::Folder }
    }

    pub(super) fn of_folder(path: &Path) -> Result<Self> {
        let mode = fs::metadata(path)?.mode() & 0o1777;
        Ok(Self::folder(name(path)?, mode | 0o700))
    }

    pub(super) fn link(path: &Path, target: &Path) -> Result<Self> {
        let target = target.to_str().context("a link that is no UTF-8")?.to_owned();
        let path = name(path)?.to_owned();
        Ok(Self { path, mode: 0o777, mtime: 0, kind: Kind::Link(target) })
    }

    pub(super) fn of_file(to: &str, from: &Path) -> Result<Self> {
        let found = fs::metadata(from)?;
        let kind = Kind::File(Content::Here { path: from.to_owned(), len_bytes: found.len() });
        let mtime = u64::try_from(found.mtime()).unwrap_or(0);
        // Whoever may not read it on this machine could not have added it.
        let mode = found.mode() & 0o7777 | 0o444;
        Ok(Self { path: to.trim_matches('/').to_owned(), mode, mtime, kind })
    }
}

/// The path of an entry that is where it is on this machine.
pub(super) fn name(path: &Path) -> Result<&str> {
    let name = path.to_str().with_context(|| format!("{} is no UTF-8", path.display()))?;
    Ok(name.trim_start_matches('/'))
}
