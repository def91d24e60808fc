//! Keeps a second recording away from a session.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::sys;

/// A lock on a session, held as long as it lives, also across processes.
///
/// The lock is on a file beside the session, `-lock`: locks of the storage stand on the session
/// itself, and closing any descriptor of a file gives up a process's own locks on it. The kernel
/// frees the lock of a process that dies.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    /// Holds the lock until it is closed.
    _file: File,
}

impl Lock {
    /// Takes the lock, or returns `None` if another recording has it.
    pub(crate) fn take(session: &Path) -> io::Result<Option<Self>> {
        let path = beside(session, "-lock");
        loop {
            let file = sys::create_private(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Whoever had the lock before may have removed the file between the two steps.
            if sys::same_file(&path, &file)? {
                return Ok(Some(Self { path, _file: file }));
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // One that cannot be removed is empty, and serves the next recording.
        drop(fs::remove_file(&self.path));
    }
}

/// Returns the path of a file that belongs to a session.
pub(crate) fn beside(session: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(session);
    path.push(suffix);
    path.into()
}
