//! Sessions made out of sessions: joined, cut down, packed anew.
//!
//! Entries are copied as bytes, so that what only a newer version knows is kept.

mod entry;
mod place;

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};
use sidestream_flow::{ExchangeId, FlowId};

use crate::error::{CopyError, ReadError};
use crate::reader::{Entries, Reader};
use crate::row::{Row, Update};
use crate::session::connect;
use crate::writer::{self, ProcessRow, Writer};

use self::entry::{Entry, Shift};
use self::place::InPlace;
pub(crate) use self::place::{NewFile, is_free};

/// How many rows make a transaction, at most.
const BATCH_ROWS: usize = 1000;

/// How much content makes a transaction, but for its last piece.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// How much may, where a body would be cut in the middle of a chunk.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// Whether rows are enough for a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Full {
    No,
    /// Unless a body is going on.
    Nearly,
    Yes,
}

impl Full {
    pub(crate) const fn of(rows: usize, bytes: usize) -> Self {
        match (rows, bytes) {
            (_, MOST_BYTES..) => Self::Yes,
            (BATCH_ROWS.., _) | (_, BATCH_BYTES..) => Self::Nearly,
            _ => Self::No,
        }
    }
}

/// Where an entry comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// Which of the sessions, from 0.
    pub session: usize,
    /// The flow, by its id there.
    pub flow: FlowId,
    /// The exchange, by its id there, if the entry belongs to one.
    pub exchange: Option<ExchangeId>,
    /// Whether it tells what was on the wire, all exchanges of the flow among it, or how that is
    /// decrypted.
    pub is_of_wire: bool,
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// How many entries are in the new session.
    pub entries: u64,
    /// How many were left out because they were not wanted.
    pub left_out: u64,
    /// How many were damaged, and could not be copied.
    pub damaged: u64,
}

/// Joins sessions into a new one, in the order of their times.
///
/// The ids of the first stay; those of the others go on after the largest of the one before.
/// Only what `keep` wants is copied.
///
/// # Errors
///
/// When there is a file already, or one of them cannot be read or written. Then nothing is there.
pub fn merge(
    sessions: &[Reader],
    to: impl AsRef<Path>,
    mut keep: impl FnMut(Origin) -> bool,
) -> Result<Copied, CopyError> {
    let file = NewFile::create(to.as_ref())?;
    let sessions: Vec<_> = sessions.iter().collect();
    let (copied, _) = copy(&sessions, file.new_path(), &mut keep)?;
    file.keep()?;
    Ok(copied)
}

/// Joins sessions into one that is there, in the order of their times.
///
/// It is the first of the sessions, so its ids stay; those of the others go on after them. It is
/// whole at any time: it is replaced when all is written. Of the others what is whole is copied.
///
/// # Errors
///
/// When it is being recorded or read, has damaged entries, or cannot be written. It is then left
/// as it was.
pub fn merge_into(path: impl AsRef<Path>, others: &[Reader]) -> Result<Copied, CopyError> {
    let place = InPlace::begin(path.as_ref())?;
    let session = Reader::open(path.as_ref())?;
    let sessions: Vec<_> = [&session].into_iter().chain(others).collect();
    let (copied, damaged) = copy(&sessions, place.new_path(), &mut |_| true)?;
    if damaged > 0 {
        return Err(CopyError::Damaged { entries: damaged });
    }
    drop(session);
    place.replace()?;
    Ok(copied)
}

/// Writes a session anew in its own place, with only what `keep` wants.
///
/// Bodies are cut and packed as if they had come at once, so that what is the same is kept once.
/// The session is whole at any time: it is replaced when all is written.
///
/// # Errors
///
/// When it is being recorded or read, has damaged entries, or cannot be written. It is then left
/// as it was.
pub fn rewrite(
    path: impl AsRef<Path>,
    mut keep: impl FnMut(Origin) -> bool,
) -> Result<Copied, CopyError> {
    let place = InPlace::begin(path.as_ref())?;
    let session = Reader::open(path.as_ref())?;
    let (copied, _) = copy(&[&session], place.new_path(), &mut keep)?;
    if copied.damaged > 0 {
        return Err(CopyError::Damaged { entries: copied.damaged });
    }
    drop(session);
    place.replace()?;
    Ok(copied)
}

/// Copies sessions. Returns what was copied, and how much of the first was damaged.
fn copy(
    sessions: &[&Reader],
    to: &Path,
    keep: &mut dyn FnMut(Origin) -> bool,
) -> Result<(Copied, u64), CopyError> {
    let connection = connect(to)?;
    let mut sources = Vec::new();
    let mut shift = Shift::default();
    for reader in sessions {
        copy_recordings(reader.connection(), &connection)?;
        let mut source = Source { reader, entries: reader.entries(..), shift, next: None };
        source.advance()?;
        sources.push(source);
        shift = shift.after(reader.connection())?;
    }
    let mut target = Target::new(Writer::copying(connection).map_err(CopyError::write)?);
    let mut damaged_first = 0;
    while let Some(number) = earliest(&sources) {
        let damaged_before = target.copied.damaged;
        let source = &mut sources[number];
        if let Some(entry) = source.next.take() {
            let origin = Origin {
                session: number,
                flow: entry.flow(),
                exchange: entry.exchange(),
                is_of_wire: entry.is_of_wire(),
            };
            match entry.is_whole() {
                _ if !keep(origin) => target.copied.left_out += 1,
                true => {
                    let row = entry.into_row(source.reader, source.shift);
                    match row {
                        Ok(row) => target.add(number, source.reader, origin, row)?,
                        Err(error) if error.is_damage() => target.copied.damaged += 1,
                        Err(error) => return Err(error),
                    }
                }
                false => target.copied.damaged += 1,
            }
        }
        source.advance()?;
        if number == 0 {
            damaged_first += target.copied.damaged - damaged_before;
        }
    }
    Ok((target.finish()?, damaged_first))
}

/// Returns the session whose next entry is the earliest.
fn earliest(sources: &[Source<'_>]) -> Option<usize> {
    let times = sources.iter().enumerate();
    let times = times.filter_map(|(number, source)| Some((source.next.as_ref()?.at(), number)));
    times.min().map(|(_, number)| number)
}

/// A session that is read.
#[derive(Debug)]
struct Source<'a> {
    reader: &'a Reader,
    entries: Entries<'a>,
    shift: Shift,
    next: Option<Entry>,
}

impl Source<'_> {
    fn advance(&mut self) -> Result<(), CopyError> {
        let stored = self.entries.stored().map_err(ReadError::from)?;
        self.next = stored.map(Entry::new);
        Ok(())
    }
}

/// The session that is written.
#[derive(Debug)]
struct Target {
    writer: Writer,
    rows: Vec<Row>,
    bytes: usize,
    /// The rows of processes here, by the session and the row there.
    processes: HashMap<(usize, i64), i64>,
    copied: Copied,
}

impl Target {
    fn new(writer: Writer) -> Self {
        let (processes, copied) = (HashMap::new(), Copied::default());
        Self { writer, rows: Vec::new(), bytes: 0, processes, copied }
    }

    fn add(
        &mut self,
        session: usize,
        from: &Reader,
        origin: Origin,
        mut row: Row,
    ) -> Result<(), CopyError> {
        if let Update::Opened(opened) = &mut row.update {
            let process = process_of(from.connection(), origin.flow)?;
            let copied = process.map(|id| self.process(session, from.connection(), id));
            opened.process_row = copied.transpose()?;
        }
        let is_body = matches!(row.update, Update::Body { .. });
        self.bytes += row.kept_bytes() + row.fact_bytes();
        self.rows.push(row);
        self.copied.entries += 1;
        match Full::of(self.rows.len(), self.bytes) {
            Full::No => Ok(()),
            Full::Nearly if is_body => Ok(()),
            Full::Nearly | Full::Yes => self.write(),
        }
    }

    /// Copies the row of a process, its parents before it.
    fn process(&mut self, session: usize, from: &Connection, id: i64) -> Result<i64, CopyError> {
        let mut line = Vec::new();
        let mut next = Some(id);
        while let Some(id) = next.filter(|id| !self.processes.contains_key(&(session, *id))) {
            let found = process_row(from, id).map_err(ReadError::from)?;
            // A parent is written before its child, so a circle can only be damage.
            let found = found.filter(|(parent, _)| parent.is_none_or(|parent| parent < id));
            let Some((parent, row)) = found else {
                return Err(CopyError::Damaged { entries: 1 });
            };
            next = parent;
            line.push((id, row));
        }
        let mut parent = next.and_then(|id| self.processes.get(&(session, id)).copied());
        for (id, row) in line.into_iter().rev() {
            let copied = row.write(self.writer.connection(), parent).map_err(CopyError::write)?;
            self.processes.insert((session, id), copied);
            parent = Some(copied);
        }
        Ok(self.processes.get(&(session, id)).copied().unwrap_or_default())
    }

    fn write(&mut self) -> Result<(), CopyError> {
        self.writer.write(&self.rows, 0).map_err(CopyError::write)?;
        self.rows.clear();
        self.bytes = 0;
        Ok(())
    }

    fn finish(mut self) -> Result<Copied, CopyError> {
        self.write()?;
        // What would stand in the log alone would be lost with it.
        let one_file = self.writer.finish(writer::now()).and_then(|one_file| one_file);
        one_file.map_err(CopyError::write)?;
        Ok(self.copied)
    }
}

/// Reads the row of a process, and that of its parent.
fn process_row(from: &Connection, id: i64) -> rusqlite::Result<Option<(Option<i64>, ProcessRow)>> {
    from.prepare_cached("SELECT parent, pid, name, path, payload FROM process WHERE id = ?1")?
        .query_row([id], |row| {
            let (pid, name, path) = (row.get(1)?, row.get(2)?, row.get(3)?);
            Ok((row.get(0)?, ProcessRow { pid, name, path, payload: row.get(4)? }))
        })
        .optional()
}

fn process_of(from: &Connection, flow: FlowId) -> Result<Option<i64>, ReadError> {
    let found = from
        .prepare_cached("SELECT process FROM flow WHERE id = ?1")?
        .query_row([flow.0.cast_signed()], |row| row.get::<_, Option<i64>>(0))
        .optional()?;
    Ok(found.flatten())
}

/// Which programs wrote it, and what they lost, is told of the new session as well.
fn copy_recordings(from: &Connection, to: &Connection) -> Result<(), CopyError> {
    let mut recordings = from
        .prepare("SELECT program, started, ended, lost FROM recording ORDER BY id")
        .map_err(ReadError::from)?;
    let mut rows = recordings.query([]).map_err(ReadError::from)?;
    while let Some(row) = rows.next().map_err(ReadError::from)? {
        let copy = || {
            to.prepare_cached(
                "INSERT INTO recording (program, started, ended, lost) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                row.get::<_, String>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, Option<i64>>(2)?,
                row.get::<_, i64>(3)?
            ])
        };
        copy().map_err(CopyError::write)?;
    }
    Ok(())
}
