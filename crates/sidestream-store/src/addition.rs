//! Entries that are added to a session that is there, or make a new one: all of them, or none.

use std::fs;
use std::path::{Path, PathBuf};

use sidestream_flow::Ids;
use sidestream_record::Entry;

use crate::copy::{Full, NewFile, is_free};
use crate::error::{CopyError, CreateError};
use crate::lock::{Lock, real};
use crate::row::{Row, Update};
use crate::session::{connect, ids_after, tidy};
use crate::writer::{self, Writer, make_one_file};

/// How many bytes an entry may have: whoever reads it holds it as a whole.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Entries on their way into a session.
///
/// Nothing of them is there until [`finish`](Self::finish), and nothing is left when this is
/// dropped before, or the process is killed. A new session is written beside its place, as
/// `FILE-new`; to one that is there all is added in one transaction, which stands in its log until
/// then. What another program reads meanwhile is what was there before.
#[derive(Debug)]
pub struct Addition {
    /// `None` once it has ended.
    writer: Option<Writer>,
    rows: Vec<Row>,
    bytes: usize,
    ids: Ids,
    /// Whether it is a recording of its own.
    is_recording: bool,
    place: Option<Place>,
}

/// Where the session is. Whoever else wants to write to it is kept away.
#[derive(Debug)]
enum Place {
    New(NewFile),
    There { path: PathBuf, _lock: Lock },
}

impl Addition {
    /// Begins to add to a session, or to make one where nothing is, or an empty file.
    ///
    /// # Errors
    ///
    /// When the file is something else, is damaged, another process writes to it, or it cannot be
    /// written. It is then left as it is.
    pub fn begin(path: impl AsRef<Path>) -> Result<Self, CopyError> {
        let path = path.as_ref();
        let path =
            real(path).map_err(|source| CreateError::Io { path: path.to_owned(), source })?;
        if !is_free(&path) {
            return Self::to(&path, true);
        }
        let file = NewFile::create(&path)?;
        let connection = connect(file.new_path())?;
        let writer = Writer::begin(connection, writer::now()).map_err(CopyError::write)?;
        Ok(Self::over(writer, true, Place::New(file)))
    }

    /// Begins to add to a session that is there, of what is noted by itself.
    pub(crate) fn to_noted(path: &Path) -> Result<Self, CopyError> {
        Self::to(path, false)
    }

    fn to(path: &Path, is_recording: bool) -> Result<Self, CopyError> {
        let io = |source| CreateError::Io { path: path.to_owned(), source };
        let path = fs::canonicalize(path).map_err(io)?;
        let lock = Lock::take(&path)?;
        let connection = connect(&path)?;
        let begin = || {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            match is_recording {
                true => Writer::begin(connection, writer::now()),
                false => Writer::copying(connection),
            }
        };
        let writer = begin().inspect_err(|_| tidy(&path));
        let writer = writer.map_err(|source| CreateError::storage(&path, source))?;
        Ok(Self::over(writer, is_recording, Place::There { path, _lock: lock }))
    }

    fn over(writer: Writer, is_recording: bool, place: Place) -> Self {
        let ids = ids_after(&writer);
        let (rows, bytes) = (Vec::new(), 0);
        Self { writer: Some(writer), rows, bytes, ids, is_recording, place: Some(place) }
    }

    /// Returns the source of ids for what is added, which begins after all ids in the session.
    pub fn ids(&self) -> Ids {
        self.ids.clone()
    }

    /// Adds entries that belong together: all of them, or none.
    ///
    /// # Errors
    ///
    /// When one of them is too long, [`CopyError::TooLong`]: others can be added. When the session
    /// cannot be written, as on a full disk: nothing can be added any more.
    pub fn add(&mut self, entries: &[Entry]) -> Result<(), CopyError> {
        let rows: Vec<_> = entries.iter().map(Row::new).collect();
        let bytes = rows.iter().map(|row| row.fact_bytes().max(row.kept_bytes())).max();
        if let Some(bytes) = bytes.filter(|bytes| *bytes > MOST_BYTES) {
            return Err(CopyError::TooLong { bytes, limit: MOST_BYTES });
        }
        rows.into_iter().try_for_each(|row| self.add_row(row))
    }

    fn add_row(&mut self, row: Row) -> Result<(), CopyError> {
        let is_body = matches!(row.update, Update::Body { .. });
        self.bytes += row.kept_bytes() + row.fact_bytes();
        self.rows.push(row);
        match Full::of(self.rows.len(), self.bytes) {
            Full::No => Ok(()),
            // A body would be cut in the middle of a chunk.
            Full::Nearly if is_body => Ok(()),
            Full::Nearly | Full::Yes => self.write(),
        }
    }

    fn write(&mut self) -> Result<(), CopyError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.write(&self.rows, 0).map_err(CopyError::write)?;
        self.rows.clear();
        self.bytes = 0;
        Ok(())
    }

    /// Ends, with all that was added in the session. Returns whether that is one file: else a
    /// reader was in the way, or there was no room, and the files beside it belong to it.
    ///
    /// # Errors
    ///
    /// When the session cannot be written, as on a full disk; nothing is added then.
    pub fn finish(mut self) -> Result<bool, CopyError> {
        self.write()?;
        let now = if self.is_recording { writer::now() } else { 0 };
        let Some(writer) = self.writer.take() else { return Ok(true) };
        let one_file = writer.finish(now);
        match self.place.take() {
            Some(Place::New(file)) => {
                // What would stand in the log alone would be lost with it.
                one_file.and_then(|one_file| one_file).map_err(CopyError::write)?;
                file.keep()?;
                Ok(true)
            }
            Some(Place::There { path, _lock }) => {
                let one_file = one_file.inspect_err(|_| tidy(&path)).map_err(CopyError::write)?;
                Ok(one_file.is_ok())
            }
            None => Ok(true),
        }
    }
}

impl Drop for Addition {
    fn drop(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        let Some(Place::There { path, .. }) = &self.place else { return };
        let connection = writer.connection();
        // On a full disk that may have been done.
        if !connection.is_autocommit() {
            drop(connection.execute_batch("ROLLBACK"));
        }
        if make_one_file(connection).is_err() {
            drop(writer);
            tidy(path);
        }
    }
}
