//! Keeps a second recording away from a session.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::sys;

/// How often the lock is asked for before another recording is believed to have it.
const ATTEMPTS: u32 = 5;

/// How long between.
const ATTEMPT_DELAY: Duration = Duration::from_millis(5);

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
            if !is_taken(&file)? {
                return Ok(None);
            }
            // Whoever had the lock before may have removed the file between the two steps.
            if sys::same_file(&path, &file)? {
                return Ok(Some(Self { path, _file: file }));
            }
        }
    }
}

/// Takes the lock on an open file. Whoever only asks for it, as [`is_recorded`] does, has it for a
/// moment, and is waited for.
fn is_taken(file: &File) -> io::Result<bool> {
    for _ in 0..ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => std::thread::sleep(ATTEMPT_DELAY),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(false)
}

/// Returns whether a recording writes to a session at this moment. One that was killed does not.
///
/// # Errors
///
/// When the file of the lock is there and cannot be opened.
pub fn is_recorded(session: impl AsRef<Path>) -> io::Result<bool> {
    let file = match File::open(beside(session.as_ref(), "-lock")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
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
