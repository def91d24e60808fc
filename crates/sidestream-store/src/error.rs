//! What can go wrong with a session, and what to do then.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::wire::DecodeError;
use crate::{SchemaVersion, Seq};

/// An error of the storage beneath a session.
#[derive(Debug)]
pub struct StorageError(rusqlite::Error);

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SQLite has several words for it.
        if self.is_full() { f.write_str("the disk is full") } else { self.0.fmt(f) }
    }
}

impl std::error::Error for StorageError {}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error)
    }
}

impl StorageError {
    /// Returns whether there was no space left.
    pub fn is_full(&self) -> bool {
        let code = self.0.sqlite_error().map(|error| error.extended_code);
        // The second is told where there is none for what shares the log.
        matches!(code, Some(rusqlite::ffi::SQLITE_FULL | rusqlite::ffi::SQLITE_IOERR_SHMSIZE))
    }
}

/// Why a session could not be created or continued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// Another process writes to it.
    #[error(
        "{path} is in use: {} writes to it; wait until that has ended, or choose another file",
        named(*.holder, .path)
    )]
    InUse {
        /// The file.
        path: PathBuf,
        /// The number of that process, if it says so.
        holder: Option<u32>,
    },
    /// Another program, such as `sqlite3`, has it locked.
    #[error("{path} is locked by another program, such as sqlite3; end that, and try again")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The path leads to a folder, a device or a pipe.
    #[error("{path} is not a regular file; choose another file")]
    NotAFile {
        /// What it leads to.
        path: PathBuf,
    },
    /// The file has content that is not a session's.
    #[error("{path} exists and is not a session; it was left as it is, choose another file")]
    NotASession {
        /// The file.
        path: PathBuf,
    },
    /// The session was written in another version, which cannot be continued.
    #[error(
        "{path} is a session of version {found}, and version {} is written here; choose another file",
        SchemaVersion::CURRENT
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: SchemaVersion,
    },
    /// The session is damaged.
    #[error("{path} is a damaged session: {what}; choose another file")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The file system cannot hold a write-ahead log.
    #[error("the file system of {path} cannot hold a live session; choose a local folder")]
    Unsuitable {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot write {path}; check that its folder exists and that both can be written to")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The storage refused.
    #[error("cannot write to the session {path}; check the space and the rights there")]
    Storage {
        /// The file.
        path: PathBuf,
        /// The storage's reason.
        source: StorageError,
    },
}

impl CreateError {
    pub(crate) fn storage(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                Self::Locked { path }
            }
            _ => Self::Storage { path, source: source.into() },
        }
    }
}

/// Says which process has a session.
fn named(holder: Option<u32>, path: &Path) -> String {
    match holder {
        Some(number) => format!("process {number}"),
        None => format!("a process that `fuser '{}-lock'` names", path.display()),
    }
}

/// Why a recording did not end well.
///
/// What was committed before is in the session and can be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The last entries could not be written.
    #[error(
        "{lost_entries} entries could not be written to the session; make space and record anew"
    )]
    Unwritten {
        /// How many.
        lost_entries: u64,
        /// The storage's reason.
        source: StorageError,
    },
    /// Everything was written, but the session could not be put in order.
    #[error("the session is whole, but could not be made one file; keep the files beside it")]
    Untidy {
        /// The storage's reason.
        source: StorageError,
    },
}

/// Why a session could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file is damaged.
    #[error(
        "{path} is a damaged session: {what}; copy it again, or save what is left with sqlite3 '{path}' .recover"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Its log, which a killed recording left, cannot be read where nothing can be written.
    #[error(
        "{path} was being recorded, and what was written last stands beside it in {path}-wal; copy both to a folder that can be written to"
    )]
    Log {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{path} is not a session; name a file that was recorded with --session")]
    NotASession {
        /// The file.
        path: PathBuf,
    },
    /// The session was written by a newer version.
    #[error(
        "{path} is a session of version {found}, and only version {}.x is known here; update to read it",
        SchemaVersion::CURRENT.major
    )]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: SchemaVersion,
    },
    /// The session was written by a version that is not read here.
    #[error("{path} is a session of version {found}; read it with the version that wrote it")]
    OlderVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: SchemaVersion,
    },
    /// The system refused.
    #[error("cannot open {path}; check the path and the rights")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The storage refused.
    #[error("cannot read {path}; check the rights to it and to its folder")]
    Storage {
        /// The file.
        path: PathBuf,
        /// The storage's reason.
        source: StorageError,
    },
}

/// Why something in a session could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// An entry is damaged; those after it can be read.
    #[error("entry {seq} is damaged: {what}")]
    Damaged {
        /// Which one.
        seq: Seq,
        /// What is wrong with it.
        what: String,
    },
    /// Content is missing because the recorder could not keep up; what follows can be read.
    #[error("{bytes} bytes from offset {offset} on were not recorded")]
    Dropped {
        /// Where in the body.
        offset: u64,
        /// How much.
        bytes: u64,
    },
    /// Content is missing because the session is damaged; what follows can be read.
    #[error("{bytes} bytes from offset {offset} on are missing: the session is damaged")]
    Missing {
        /// Where in the body.
        offset: u64,
        /// How much.
        bytes: u64,
    },
    /// The storage refused.
    #[error("the session cannot be read further")]
    Storage(#[source] StorageError),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        Self::other(error)
    }
}

/// Why a session could not be copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// Some entries are damaged, and would be lost.
    #[error(
        "{entries} entries are damaged and would be lost; merge the session into a new file to copy the others"
    )]
    Damaged {
        /// How many.
        entries: u64,
    },
    /// There is something already.
    #[error("{path} exists; choose another file")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another program has it open.
    #[error("{path} is being read by another program; try again when that has ended")]
    Read {
        /// The file.
        path: PathBuf,
    },
    /// An entry is longer than a session takes.
    #[error("it has a head, or a message, of {bytes} bytes, and a session takes {limit}")]
    TooLong {
        /// How long it is, with all that is kept of it.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The new session could not be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The old one could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The old one could not be read.
    #[error(transparent)]
    Entry(#[from] ReadError),
    /// The new one could not be written.
    #[error("the session cannot be written; check the space and the rights there")]
    Write(#[source] StorageError),
}

impl CopyError {
    pub(crate) fn write(error: rusqlite::Error) -> Self {
        Self::Write(error.into())
    }

    /// Returns whether an entry was damaged, and others can be copied.
    pub(crate) const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }
}

impl From<DecodeError> for CopyError {
    fn from(_: DecodeError) -> Self {
        Self::Damaged { entries: 1 }
    }
}
