//! The folder of one change: its log, and what was there before.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use crate::JournalError;
use crate::record::{Record, decode_log, hex};
use crate::state::State;
use crate::sys;

/// How long a log is.
const MAX_LOG_BYTES: u64 = 64 * 1024 * 1024;
const MAX_RECORDS: usize = 4_096;

/// How often it is looked whether a log is held, and how long apart: a process that is just being
/// started has all files of whoever starts it, until it runs its program.
const LOOKS: u32 = 20;
const APART: Duration = Duration::from_millis(10);

/// A log that is locked.
#[derive(Debug)]
pub(crate) struct Log {
    folder: PathBuf,
    pub(crate) file: File,
    pub(crate) records: Vec<Record>,
}

/// A log as it is found.
pub(crate) enum Found {
    /// Nobody holds it.
    Free(Log),
    /// Its process lives.
    Held(Vec<Record>),
}

impl Log {
    /// Makes the folder of a change, with the log's first line.
    pub(crate) fn create(folder: &Path, first: Record) -> Result<Self, JournalError> {
        sys::create_private_dir(folder).map_err(JournalError::of("make", folder))?;
        let path = folder.join("log");
        let opened = File::options().read(true).append(true).create_new(true).open(&path);
        let file = opened.map_err(JournalError::of("make", &path))?;
        file.lock().map_err(JournalError::of("lock", &path))?;
        let mut log = Self { folder: folder.to_owned(), file, records: Vec::new() };
        log.append(first)?;
        for made in [folder, folder.parent().unwrap_or(folder)] {
            sys::sync_dir(made).map_err(JournalError::of("sync", made))?;
        }
        Ok(log)
    }

    /// Opens a log that somebody made.
    pub(crate) fn open(folder: &Path) -> Result<Found, JournalError> {
        let path = folder.join("log");
        let opened = File::options().read(true).append(true).open(&path);
        let mut file = opened.map_err(JournalError::of("open", &path))?;
        let is_held = is_held(&file).map_err(JournalError::of("lock", &path))?;
        let mut text = Vec::new();
        let reader = (&file).take(MAX_LOG_BYTES + 1).read_to_end(&mut text);
        reader.map_err(JournalError::of("read", &path))?;
        let foreign = || JournalError::Foreign { path: folder.to_owned() };
        if text.len() as u64 > MAX_LOG_BYTES {
            return Err(foreign());
        }
        let (records, len_bytes) = decode_log(&text).ok_or_else(foreign)?;
        if is_held {
            return Ok(Found::Held(records));
        }
        if len_bytes != text.len() as u64 {
            // What was cut short was never acted upon; the next line must not follow it.
            file.set_len(len_bytes).map_err(JournalError::of("mend", &path))?;
        }
        file.seek(SeekFrom::End(0)).map_err(JournalError::of("read", &path))?;
        Ok(Found::Free(Self { folder: folder.to_owned(), file, records }))
    }

    /// The folder of the change.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds a line, and returns once it is on the disk.
    pub(crate) fn append(&mut self, record: Record) -> Result<(), JournalError> {
        let path = self.folder.join("log");
        if self.records.len() >= MAX_RECORDS {
            return Err(JournalError::TooLarge { path });
        }
        let line = record.encode().map_err(io::Error::other);
        let line = line.map_err(JournalError::of("note in", &path))?;
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(JournalError::of("write", &path))?;
        self.records.push(record);
        Ok(())
    }

    /// Keeps what a file holds, by its hash.
    pub(crate) fn remember(&self, state: &State, contents: &[u8]) -> Result<(), JournalError> {
        let State::File { sha256, .. } = state else { return Ok(()) };
        let path = self.folder.join(sha256);
        if path.exists() {
            return Ok(());
        }
        let made = File::create_new(&path).and_then(|mut file| {
            file.write_all(contents)?;
            file.sync_all()?;
            sys::sync_dir(&self.folder)
        });
        made.map_err(JournalError::of("write", &path))
    }

    /// Returns what was remembered.
    pub(crate) fn recall(&self, sha256: &str) -> Result<Vec<u8>, JournalError> {
        let path = self.folder.join(sha256);
        let contents = fs::read(&path).map_err(JournalError::of("read", &path))?;
        if hex(&contents) != sha256 {
            return Err(JournalError::Foreign { path: self.folder.clone() });
        }
        Ok(contents)
    }

    /// Forgets the change: it was undone, or never came to be.
    pub(crate) fn forget(self) -> Result<(), JournalError> {
        let gone = self.folder.with_extension("done");
        fs::rename(&self.folder, &gone).map_err(JournalError::of("forget", &self.folder))?;
        // What is called so is swept away by whoever comes next.
        _ = fs::remove_dir_all(gone);
        Ok(())
    }
}

/// Locks a log, or tells that somebody else holds it.
fn is_held(file: &File) -> io::Result<bool> {
    for _ in 0..LOOKS {
        match file.try_lock() {
            Ok(()) => return Ok(false),
            Err(TryLockError::WouldBlock) => sleep(APART),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(true)
}
