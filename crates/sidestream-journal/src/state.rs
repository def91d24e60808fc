//! What a path holds, and how it is made to hold that again.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::JournalError;
use crate::record::{States, hex};
use crate::sys;

/// How large a file is that can be remembered.
pub(crate) const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// How much is watched.
const MAX_WATCHED_NAMES: usize = 16_384;
const MAX_WATCHED_BYTES: u64 = 128 * 1024 * 1024;

/// What a path holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum State {
    Absent,
    Directory { mode: u32, owner: (u32, u32) },
    File { sha256: String, mode: u32, owner: (u32, u32) },
    Link { target: PathBuf },
    Other,
}

impl State {
    /// Looks at a path, and gives what is in it if it is a file.
    pub(crate) fn look(path: &Path) -> Result<(Self, Vec<u8>), JournalError> {
        let metadata = match fs::symlink_metadata(path) {
            Err(error) if is_missing(&error) => return Ok((Self::Absent, Vec::new())),
            found => found.map_err(JournalError::of("look at", path))?,
        };
        let (mode, owner) = (sys::mode(&metadata), sys::owner(&metadata));
        if metadata.is_symlink() {
            let target = sys::read_link_text(path).map_err(JournalError::of("read", path))?;
            return Ok((Self::Link { target }, Vec::new()));
        }
        if metadata.is_dir() {
            return Ok((Self::Directory { mode, owner }, Vec::new()));
        }
        if !metadata.is_file() {
            return Ok((Self::Other, Vec::new()));
        }
        let contents = read_bounded(path)?;
        Ok((Self::File { sha256: hex(&contents), mode, owner }, contents))
    }

    /// Returns what a path will hold once these bytes are written to it.
    pub(crate) fn of_bytes(bytes: &[u8], mode: u32, owner: (u32, u32)) -> Self {
        Self::File { sha256: hex(bytes), mode, owner }
    }

    /// Returns whether both hold the same, whoever may read it.
    pub(crate) fn holds_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File { sha256: a, .. }, Self::File { sha256: b, .. }) => a == b,
            (Self::Directory { .. }, Self::Directory { .. }) => true,
            _ => self == other,
        }
    }
}

/// Looks at paths and all below them; `remember` is given the contents of each file.
pub(crate) fn survey(
    paths: &[PathBuf],
    mut remember: impl FnMut(&State, &[u8]) -> Result<(), JournalError>,
) -> Result<States, JournalError> {
    let mut states = States::new();
    let mut ahead: Vec<PathBuf> = paths.to_vec();
    let mut bytes = 0;
    while let Some(path) = ahead.pop() {
        let (state, contents) = State::look(&path)?;
        bytes += contents.len() as u64;
        if states.len() >= MAX_WATCHED_NAMES || bytes > MAX_WATCHED_BYTES {
            return Err(JournalError::TooLarge { path });
        }
        remember(&state, &contents)?;
        if matches!(state, State::Directory { .. }) {
            let listing = fs::read_dir(&path).map_err(JournalError::of("list", &path))?;
            for entry in listing {
                ahead.push(entry.map_err(JournalError::of("list", &path))?.path());
            }
        }
        states.insert(path, state);
    }
    Ok(states)
}

/// What differs: before, and after.
pub(crate) fn differing(before: &States, after: &States) -> (States, States) {
    let mut changed = (States::new(), States::new());
    for path in before.keys().chain(after.keys()) {
        let of = |states: &States| states.get(path).cloned().unwrap_or(State::Absent);
        let (was, is) = (of(before), of(after));
        if was != is {
            changed.0.insert(path.clone(), was);
            changed.1.insert(path.clone(), is);
        }
    }
    changed
}

/// The name under which a file is written before it is renamed.
pub(crate) fn beside(path: &Path, id: u64) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".sidestream-{id}"));
    path.with_file_name(name)
}

/// Writes a file, whole or not at all.
pub(crate) fn write_whole(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    owner: Option<(u32, u32)>,
    id: u64,
) -> io::Result<()> {
    let temporary = beside(path, id);
    remove_file(&temporary)?;
    let written = (|| {
        let mut file = File::options().write(true).create_new(true).open(&temporary)?;
        file.write_all(bytes)?;
        if let Some(owner) = owner {
            sys::chown(&temporary, owner)?;
        }
        // After the owner, since a change of that takes bits away.
        sys::set_mode(&temporary, mode)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_parent(path)
    })();
    if written.is_err() {
        // What the disk has no room for is not left half written.
        _ = fs::remove_file(&temporary);
    }
    written
}

/// Removes a file or link; that it is gone already is well.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    // A file system that is read-only refuses to remove even what is not there.
    match fs::symlink_metadata(path).and_then(|_| fs::remove_file(path)) {
        Err(error) if is_missing(&error) => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_parent(path),
    }
}

/// Makes sure that names in the directory of a path last.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), sys::sync_dir)
}

pub(crate) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, JournalError> {
    let mut contents = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut contents))
        .map_err(JournalError::of("read", path))?;
    if contents.len() as u64 > MAX_FILE_BYTES {
        return Err(JournalError::TooLarge { path: path.to_owned() });
    }
    Ok(contents)
}
