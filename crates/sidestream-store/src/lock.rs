//! Keeps a second recording away from a session.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::CreateError;
use crate::sys;

/// How often the lock is asked for before another recording is believed to have it.
const ATTEMPTS: u32 = 40;

/// How long between.
const ATTEMPT_DELAY: Duration = Duration::from_millis(5);

/// How many bytes of its file are looked at: a number has ten digits at most.
const NUMBER_BYTES: u64 = 16;

/// A lock on a session, held as long as it lives, also across processes.
///
/// The lock is on a file beside the session, `-lock`: locks of the storage stand on the session
/// itself, and closing any descriptor of a file gives up a process's own locks on it. The kernel
/// frees the lock of a process that dies. The file holds the number of the process that has it.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    /// Holds the lock until it is closed.
    _file: File,
}

impl Lock {
    /// Takes the lock.
    ///
    /// # Errors
    ///
    /// Another process has it, or it cannot be asked for.
    pub(crate) fn take(session: &Path) -> Result<Self, CreateError> {
        let io = |source| CreateError::Io { path: session.to_owned(), source };
        let path = beside(&real(session).map_err(io)?, "-lock");
        loop {
            // It is written to: what others have put there may lead to a file that is not ours.
            if fs::symlink_metadata(&path).is_ok_and(|there| !there.is_file()) {
                let words = format!("{} is no file; remove it", path.display());
                return Err(io(io::Error::other(words)));
            }
            let mut file = sys::create_private(&path).map_err(io)?;
            if !is_taken(&file).map_err(io)? {
                let holder = holder(&path);
                return Err(CreateError::InUse { path: session.to_owned(), holder });
            }
            // Whoever had the lock before may have removed the file between the steps.
            if sys::same_file(&path, &file).map_err(io)? {
                name(&mut file);
                return Ok(Self { path, _file: file });
            }
        }
    }
}

/// Writes which process has the lock. That there is no room for it is no reason to stop.
fn name(file: &mut File) {
    drop(file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())));
}

/// Returns which process has the lock, as far as it says so.
fn holder(path: &Path) -> Option<u32> {
    let mut text = String::new();
    File::open(path).ok()?.take(NUMBER_BYTES).read_to_string(&mut text).ok()?;
    text.strip_suffix('\n')?.parse().ok()
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
    let file = match File::open(beside(&real(session.as_ref())?, "-lock")) {
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
        // One that cannot be removed serves the next recording.
        drop(fs::remove_file(&self.path));
    }
}

/// Returns where a session is: all that belongs to it lies there, also for whoever comes by a link.
pub(crate) fn real(session: &Path) -> io::Result<PathBuf> {
    fs::canonicalize(session).or_else(|_| std::path::absolute(session))
}

/// Returns the path of a file that belongs to a session.
pub(crate) fn beside(session: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(session);
    path.push(suffix);
    path.into()
}
