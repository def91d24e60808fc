//! The users of a file as Apache's `htpasswd` writes it.

mod apr1;
mod hash;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use std::{fmt, fs, io};

use tracing::{info, warn};

pub use hash::UnknownHash;

use hash::Hash;

/// How large a file may be.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Users and the hashes of their passwords, from a file that is read again when it changes.
///
/// Of what `htpasswd` writes, bcrypt (`-B`), MD5 (`$apr1$`, `-m`) and SHA-1 (`{SHA}`, `-s`) are read.
pub struct Htpasswd {
    path: PathBuf,
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    stamp: Option<Stamp>,
    users: Arc<HashMap<Vec<u8>, Hash>>,
}

/// By what a changed file is told.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

/// Why a file of users cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HtpasswdError {
    /// A hash is of a kind that is not read.
    #[error("the password in line {line} of {} cannot be checked; make it with htpasswd -B", .path.display())]
    Hash {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        #[source]
        source: UnknownHash,
    },
    /// A line is none of such a file.
    #[error("line {line} of {} is no USER:HASH; write the file with htpasswd -B", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// It cannot be read.
    #[error("cannot read the users in {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Htpasswd {
    /// Names a file, which is not read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), read: Mutex::default() }
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file if it has changed.
    ///
    /// # Errors
    ///
    /// What is wrong with it; then the users are those that it had before.
    pub fn load(&self) -> Result<(), HtpasswdError> {
        let read_error = |source| HtpasswdError::Read { path: self.path.clone(), source };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let found = fs::metadata(&self.path).map_err(read_error)?;
        let stamp = Some(Stamp { modified: found.modified().ok(), bytes: found.len() });
        if read.stamp == stamp {
            return Ok(());
        }
        // Whatever comes of it, it is not read again before it changes again.
        read.stamp = stamp;
        if found.len() > MAX_BYTES {
            return Err(read_error(io::ErrorKind::FileTooLarge.into()));
        }
        let text = fs::read(&self.path).map_err(read_error)?;
        read.users = Arc::new(parse(&self.path, &text)?);
        info!(users = read.users.len(), "read who may use the proxy");
        Ok(())
    }

    /// Returns whether that is the password of that user. That may take a while: it reads the file
    /// if it has changed, and hashes.
    ///
    /// Of a file that has become unreadable, the users stay that it had before.
    pub fn are(&self, user: &[u8], password: &[u8]) -> bool {
        if let Err(error) = self.load() {
            warn!(error = &error as &dyn std::error::Error, "the users are those from before");
        }
        let users = Arc::clone(&self.read.lock().unwrap_or_else(PoisonError::into_inner).users);
        match users.get(user) {
            Some(hash) => hash.is_of(password),
            None => {
                // Takes as long as for a user that there is.
                _ = users.values().next().is_some_and(|other| other.is_of(password));
                false
            }
        }
    }
}

fn parse(path: &Path, text: &[u8]) -> Result<HashMap<Vec<u8>, Hash>, HtpasswdError> {
    let mut users = HashMap::new();
    for (line, text) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let text = text.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") {
            continue;
        }
        let bad_line = || HtpasswdError::Line { path: path.to_owned(), line };
        let colon = text.iter().position(|byte| *byte == b':').ok_or_else(bad_line)?;
        let (user, hash) = (&text[..colon], str::from_utf8(&text[colon + 1..]));
        let hash = hash.map_err(|_text| bad_line())?;
        // Some tools append further fields.
        let hash = hash.split(':').next().unwrap_or_default();
        let hash = Hash::parse(hash).map_err(|source| {
            let path = path.to_owned();
            HtpasswdError::Hash { path, line, source }
        })?;
        // The first one counts, as for Apache.
        users.entry(user.to_vec()).or_insert(hash);
    }
    Ok(users)
}

impl PartialEq for Htpasswd {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for Htpasswd {}

impl fmt::Debug for Htpasswd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Htpasswd").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
