//! The users of a file as Apache's `htpasswd` writes it.

mod apr1;
mod hash;
mod verified;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::SystemTime;
use std::{fmt, fs, io};

use tokio::task::spawn_blocking;
use tracing::{info, warn};

pub use hash::UnknownHash;

use hash::Hash;
use verified::{Mark, Marker, Verified};

/// How large a file may be.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// How many hashes may be computed at once, however many processors there are.
const MAX_HASHES: usize = 4;

/// How long a user and a password may be: `htpasswd` takes no longer ones.
const MAX_SAID: usize = 255;

/// Users and the hashes of their passwords, from a file that is read again when it changes.
///
/// Of what `htpasswd` writes, bcrypt (`-B`), MD5 (`$apr1$`, `-m`) and SHA-1 (`{SHA}`, `-s`) are read.
///
/// A hash takes long by intent. It is computed on half of the processors at most, others wait; and
/// what was found right is remembered, by a keyed hash of it, until the file changes.
pub struct Htpasswd {
    path: PathBuf,
    read: Mutex<Read>,
    /// Whoever has one of them may hash. The same user and password always wait for the same one.
    turns: Vec<Arc<tokio::sync::Mutex<()>>>,
    /// Nothing is remembered where the system has no key for it.
    marker: Option<Marker>,
    hashes: AtomicU64,
    running: AtomicUsize,
    most_at_once: AtomicUsize,
}

#[derive(Default)]
struct Read {
    stamp: Option<Stamp>,
    users: Arc<HashMap<Vec<u8>, Hash>>,
    verified: Verified,
}

/// What it took to judge users and passwords so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Work {
    /// How many hashes were computed.
    pub hashes: u64,
    /// How many of them at once, at most.
    pub most_at_once: usize,
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
        let processors = available_parallelism().map_or(1, usize::from);
        Self::with_turns(path.into(), (processors / 2).clamp(1, MAX_HASHES))
    }

    /// The same, where so many hashes may be computed at once.
    fn with_turns(path: PathBuf, turns: usize) -> Self {
        Self {
            path,
            read: Mutex::default(),
            turns: (0..turns).map(|_| Arc::default()).collect(),
            marker: Marker::new(),
            hashes: AtomicU64::new(0),
            running: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        }
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
        read.verified.clear();
        if found.len() > MAX_BYTES {
            return Err(read_error(io::ErrorKind::FileTooLarge.into()));
        }
        let text = fs::read(&self.path).map_err(read_error)?;
        read.users = Arc::new(parse(&self.path, &text)?);
        info!(users = read.users.len(), "read who may use the proxy");
        Ok(())
    }

    /// Returns what it took so far.
    pub fn work(&self) -> Work {
        let most_at_once = self.most_at_once.load(Ordering::Relaxed);
        Work { hashes: self.hashes.load(Ordering::Relaxed), most_at_once }
    }

    /// Returns whether that is the password of that user. That may take a while: the file is read
    /// if it has changed, and hashes are computed, each in its turn.
    ///
    /// Of a file that has become unreadable, the users stay that it had before. It takes as long
    /// for a user that there is not.
    ///
    /// # Cancel safety
    ///
    /// A hash that has begun is computed to its end, and takes its turn until then.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn verify(self: Arc<Self>, user: Vec<u8>, password: Vec<u8>) -> bool {
        if user.len() > MAX_SAID || password.len() > MAX_SAID {
            return false;
        }
        let mark = self.marker.as_ref().map(|marker| marker.mark(&user, &password));
        let this = Arc::clone(&self);
        if spawn_blocking(move || this.is_known(mark)).await.unwrap_or(false) {
            return true;
        }
        let place = mark.map_or(0, |mark| mark.place(self.turns.len()));
        let turn = Arc::clone(&self.turns[place]).lock_owned().await;
        let judged = spawn_blocking(move || {
            let is_right = self.is_known(mark) || self.judge(mark, &user, &password);
            drop(turn);
            is_right
        });
        // Who cannot be judged is not let in.
        judged.await.unwrap_or(false)
    }

    /// Returns whether this was found right, since the file has changed.
    fn is_known(&self, mark: Option<Mark>) -> bool {
        if let Err(error) = self.load() {
            warn!(error = &error as &dyn std::error::Error, "the users are those from before");
        }
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        mark.is_some_and(|mark| read.verified.contains(mark))
    }

    fn judge(&self, mark: Option<Mark>, user: &[u8], password: &[u8]) -> bool {
        let users = Arc::clone(&self.read.lock().unwrap_or_else(PoisonError::into_inner).users);
        let is_right = match users.get(user) {
            Some(hash) => self.hash(hash, password),
            None => {
                // Takes as long as for a user that there is.
                _ = users.values().next().is_some_and(|other| self.hash(other, password));
                false
            }
        };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mark) = mark.filter(|_| is_right && Arc::ptr_eq(&users, &read.users)) {
            read.verified.insert(mark);
        }
        is_right
    }

    fn hash(&self, hash: &Hash, password: &[u8]) -> bool {
        self.hashes.fetch_add(1, Ordering::Relaxed);
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_at_once.fetch_max(running, Ordering::Relaxed);
        let is_right = hash.is_of(password);
        self.running.fetch_sub(1, Ordering::Relaxed);
        is_right
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
