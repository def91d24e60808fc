//! Opens a session, also one that nobody can write to.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::Reader;
use crate::content;
use crate::error::OpenError;
use crate::lock::{beside, real};
use crate::schema::{self, Refusal, SchemaVersion};

impl Reader {
    /// Opens a session.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is something else, is damaged, or was written in a version
    /// that is not known here. The message says what to do.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let refused = |refusal| refused(path, refusal);
        let metadata =
            fs::metadata(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        if !metadata.is_file() || metadata.len() == 0 {
            return Err(OpenError::NotASession { path: path.to_owned() });
        }
        let (connection, version) = match connect(path) {
            // Where nothing can be written there is no place for what readers of a log share.
            Err(Refusal::Storage(error)) if is_without_place(&error) => {
                let log = real(path).and_then(|path| fs::metadata(beside(&path, "-wal")));
                if log.is_ok_and(|log| log.len() > 0) {
                    return Err(OpenError::Log { path: path.to_owned() });
                }
                connect_unchanging(path).unwrap_or(Err(Refusal::Storage(error))).map_err(refused)?
            }
            connected => connected.map_err(refused)?,
        };
        if schema::is_cut(&connection, path).map_err(refused)? {
            return Err(refused(Refusal::Corrupt("the file ends too early".into())));
        }
        schema::widen(&connection, version).map_err(|error| refused(error.into()))?;
        let contents =
            content::Contents::open(&connection, version).map_err(|error| refused(error.into()))?;
        let (processes, certificates) = Default::default();
        Ok(Self { connection, version, processes, certificates, contents })
    }
}

fn connect(path: &Path) -> Result<(Connection, SchemaVersion), Refusal> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    recognized(Connection::open_with_flags(path, flags)?)
}

fn recognized(connection: Connection) -> Result<(Connection, SchemaVersion), Refusal> {
    connection.busy_timeout(Duration::from_secs(5))?;
    schema::keep_plans(&connection)?;
    // Rows of a page that is damaged would pass for rows that are not there.
    connection.pragma_update(None, "cell_size_check", true)?;
    let version = schema::recognize(&connection)?;
    Ok((connection, version))
}

/// Opens a session that nobody can write to, without a look at its log; `None` if its path cannot
/// be said so.
fn connect_unchanging(path: &Path) -> Option<Result<(Connection, SchemaVersion), Refusal>> {
    let path = std::path::absolute(path).ok()?;
    let path = path.to_str()?.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let opened = Connection::open_with_flags(format!("file:{path}?immutable=1"), flags);
    Some(opened.map_err(Refusal::from).and_then(recognized))
}

fn is_without_place(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, ReadOnly};
    matches!(error.sqlite_error_code(), Some(CannotOpen | ReadOnly))
}

fn refused(path: &Path, refusal: Refusal) -> OpenError {
    let path = path.to_owned();
    match refusal {
        Refusal::NotASession => OpenError::NotASession { path },
        Refusal::Version(found) if found > SchemaVersion::CURRENT => {
            OpenError::NewerVersion { path, found }
        }
        Refusal::Version(found) => OpenError::OlderVersion { path, found },
        Refusal::Corrupt(what) => OpenError::Corrupt { path, what },
        Refusal::Storage(source) => OpenError::Storage { path, source: source.into() },
    }
}
