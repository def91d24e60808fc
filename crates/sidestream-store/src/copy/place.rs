//! The file that a copy is written to: there when it is whole, and else not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, MAIN_DB, OpenFlags};

use crate::error::{CopyError, CreateError};
use crate::lock::{Lock, beside, real};
use crate::schema;
use crate::session::remove;

/// What a copy is called until it is whole. One that a killed process left is written over.
const NEW: &str = "-new";

/// A session that is not there yet.
#[derive(Debug)]
pub(crate) struct NewFile {
    path: PathBuf,
    new: PathBuf,
    _lock: Lock,
}

impl NewFile {
    /// Takes a path at which nothing is, or an empty file.
    pub(crate) fn create(path: &Path) -> Result<Self, CopyError> {
        let path =
            real(path).map_err(|source| CreateError::Io { path: path.to_owned(), source })?;
        let lock = Lock::take(&path)?;
        if !is_free(&path) {
            return Err(CopyError::Exists { path });
        }
        let new = beside(&path, NEW);
        remove(&new);
        Ok(Self { path, new, _lock: lock })
    }

    /// Where it is written: whoever is killed meanwhile leaves no half of a session under its name.
    pub(crate) fn new_path(&self) -> &Path {
        &self.new
    }

    /// Gives it its name once it is on the disk, unless something has that by now.
    pub(crate) fn keep(self) -> Result<(), CopyError> {
        sync(&self.new)?;
        if !is_free(&self.path) {
            return Err(CopyError::Exists { path: self.path.clone() });
        }
        let io = |source| CreateError::Io { path: self.path.clone(), source };
        fs::rename(&self.new, &self.path).map_err(io)?;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        remove(&self.new);
    }
}

/// Returns whether nothing is there that would be lost.
pub(crate) fn is_free(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(there) => there.is_file() && there.len() == 0,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// A session that is written anew in its own place.
#[derive(Debug)]
pub(super) struct InPlace {
    path: PathBuf,
    new: PathBuf,
    _lock: Lock,
}

impl InPlace {
    /// Keeps recordings away from a session, and makes it one file.
    pub(super) fn begin(path: &Path) -> Result<Self, CopyError> {
        let io = |source| CreateError::Io { path: path.to_owned(), source };
        // A link is followed, so that what is replaced is the session.
        let path = fs::canonicalize(path).map_err(io)?;
        if !fs::metadata(&path).map_err(io)?.is_file() {
            return Err(CreateError::NotAFile { path }.into());
        }
        let lock = Lock::take(&path)?;
        one_file(&path)?;
        let new = beside(&path, NEW);
        remove(&new);
        Ok(Self { path, new, _lock: lock })
    }

    pub(super) fn new_path(&self) -> &Path {
        &self.new
    }

    /// Puts what was written in the place of what was there, with the same rights.
    pub(super) fn replace(self) -> Result<(), CopyError> {
        let io = |source| CreateError::Io { path: self.path.clone(), source };
        let rights = fs::metadata(&self.path).map_err(io)?.permissions();
        fs::set_permissions(&self.new, rights).map_err(io)?;
        sync(&self.new)?;
        // Nobody may have opened the old one meanwhile with a log that would be taken for the
        // new one's.
        one_file(&self.path)?;
        fs::rename(&self.new, &self.path).map_err(io)?;
        Ok(())
    }
}

impl Drop for InPlace {
    fn drop(&mut self) {
        remove(&self.new);
    }
}

/// Takes the log into the session, which nobody else may have open.
fn one_file(path: &Path) -> Result<(), CopyError> {
    let refused = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            CopyError::Read { path: path.to_owned() }
        }
        _ => CopyError::write(error),
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(refused)?;
    if schema::recognize(&connection).is_err() {
        // Whoever reads it says what it is.
        return Ok(());
    }
    // It is replaced as a whole, for which the rights to its folder would be enough.
    if connection.is_readonly(MAIN_DB).map_err(refused)? {
        let source = io::ErrorKind::PermissionDenied.into();
        return Err(CreateError::Io { path: path.to_owned(), source }.into());
    }
    let journal: String = connection
        .query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))
        .map_err(refused)?;
    if journal != "delete" || beside(path, "-wal").exists() {
        return Err(CopyError::Read { path: path.to_owned() });
    }
    Ok(())
}

fn sync(path: &Path) -> Result<(), CopyError> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    let folder = path.parent().map(File::open).transpose();
    // Not every system lets a folder be synced.
    drop(folder.map(|folder| folder.map(|folder| folder.sync_all())));
    Ok(synced.map_err(|source| CreateError::Io { path: path.to_owned(), source })?)
}
