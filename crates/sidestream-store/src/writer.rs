//! The one writer of a session: entries into tables, a transaction at a time.

mod certificate;
mod chunk;
mod content;
mod exchange;
mod extent;
mod flow;
mod insert;
mod layout;
mod notes;
mod process;
mod retain;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, ffi, params};
use sidestream_record::Part;

use crate::row::{Row, Update};
use crate::session::log_pages;
use crate::wire;

use certificate::Certificates;
use chunk::Chunks;
use exchange::Exchanges;
pub(crate) use extent::Before;
use flow::{Flows, ToldFlows};
use insert::Insert;
pub(crate) use layout::{Layout, Planner};
use notes::Noted;
pub(crate) use process::ProcessRow;
use process::Processes;
use retain::Progress;

/// Up to this size a body, or a message, stands in the block of its entry.
const INLINE_BYTES: u64 = 16 * 1024;

/// How many entries after the first of its exchange content may stand in a block: that many a
/// reader of the body has to go through.
pub(crate) const INLINE_ENTRIES: i64 = 4096;

/// Writes rows over the one connection that may.
#[derive(Debug)]
pub(crate) struct Writer {
    connection: Connection,
    /// The row of this recording.
    recording: i64,
    place: Place,
    /// For what nobody else lays out.
    planner: Planner,
    processes: Processes,
    told: ToldFlows,
    inserts: Inserts,
    progress: Progress,
    /// How long the log is when it is taken into the session.
    log_pages: u32,
}

/// How far a session goes.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// The number of the last entry.
    seq: i64,
    largest: Largest,
}

/// The largest ids in a session.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Largest {
    pub(crate) flow: u64,
    pub(crate) exchange: u64,
    pub(crate) message: u64,
}

/// The statements that take many rows.
#[derive(Debug)]
struct Inserts {
    stretches: Insert,
    exchanges: exchange::Inserts,
    flows: Insert,
}

/// What a transaction changes in the lists, put together from its rows.
#[derive(Debug)]
struct Change<'a> {
    exchanges: Exchanges<'a>,
    flows: Flows<'a>,
    noted: Vec<Noted<'a>>,
    certificates: Certificates<'a>,
}

impl Writer {
    /// Takes the connection over and notes the beginning of a recording.
    pub(crate) fn begin(connection: Connection, now: i64) -> rusqlite::Result<Self> {
        let program = concat!("sidestream ", env!("CARGO_PKG_VERSION"));
        connection.execute(
            "INSERT INTO recording (program, started) VALUES (?1, ?2)",
            params![program, now],
        )?;
        let recording = connection.last_insert_rowid();
        Self::over(connection, recording)
    }

    /// Takes the connection over for what is copied, of which the recordings are told already.
    pub(crate) fn copying(connection: Connection) -> rusqlite::Result<Self> {
        Self::over(connection, 0)
    }

    fn over(connection: Connection, recording: i64) -> rusqlite::Result<Self> {
        let place = Place::read(&connection)?;
        let inserts = Inserts {
            stretches: content::insert_stretches(),
            exchanges: exchange::Inserts::new(),
            flows: flow::insert(),
        };
        let planner = Planner::new(place);
        let (processes, told, progress) = Default::default();
        let log_pages = log_pages(&connection)?;
        Ok(Self {
            connection,
            recording,
            place,
            planner,
            processes,
            told,
            inserts,
            progress,
            log_pages,
        })
    }

    /// Returns the largest ids in the session.
    pub(crate) const fn largest(&self) -> Largest {
        self.place.largest
    }

    /// Returns what lays out all that is written from now on.
    pub(crate) fn planner(&self) -> Planner {
        Planner::new(self.place)
    }

    /// Returns how far exchanges have come, each that has a row.
    pub(crate) fn find(&self, exchanges: &[i64]) -> rusqlite::Result<Vec<Option<Before>>> {
        Before::read(&self.connection, exchanges)
    }

    /// Writes rows, all or none, and how many entries were lost in all.
    ///
    /// Whoever has begun a transaction ends it, or takes it back with all that was written in it.
    pub(crate) fn write(&mut self, rows: &[Row], lost: u64) -> rusqlite::Result<()> {
        let layout = self.lay_out(rows)?;
        self.write_layout(rows, &layout, lost)
    }

    /// Lays out the rows that are written next.
    fn lay_out(&mut self, rows: &[Row]) -> rusqlite::Result<Layout> {
        let Self { connection, planner, place, .. } = self;
        planner.stand_at(*place);
        planner.lay_out(rows, |exchanges| Before::read(connection, exchanges))
    }

    /// Does the same as [`write`](Self::write), with the rows laid out.
    pub(crate) fn write_layout(
        &mut self,
        rows: &[Row],
        layout: &Layout,
        lost: u64,
    ) -> rusqlite::Result<()> {
        let written = self.try_write(rows, layout, lost);
        if written.is_err() {
            // The rows that they name were rolled back.
            self.processes.clear();
            self.told.clear();
        }
        written
    }

    fn try_write(&mut self, rows: &[Row], layout: &Layout, lost: u64) -> rusqlite::Result<()> {
        let mut change = Change::new(self.place, rows, &layout.inline);
        let Self { connection, recording, place, planner, processes, told, inserts, .. } = self;
        let transaction = match connection.is_autocommit() {
            true => Some(Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?),
            false => None,
        };
        let to: &Connection = connection;
        layout.blocks.iter().try_for_each(|block| block.write(to))?;
        let ids = planner.chunks.write(to, &layout.chunks)?;
        content::write_stretches(&layout.stretches, &ids, to, &inserts.stretches)?;
        content::write_messages(&layout.messages, &ids, to)?;
        change.exchanges.write(to, &inserts.exchanges)?;
        change.flows.write(to, &inserts.flows, (processes, told))?;
        change.certificates.write(to)?;
        change.noted.iter().try_for_each(|noted| noted.write(to))?;
        if lost > 0 {
            to.prepare_cached("UPDATE recording SET lost = ?2 WHERE id = ?1 AND lost <> ?2")?
                .execute(params![*recording, lost.cast_signed()])?;
        }
        transaction.map_or(Ok(()), Transaction::commit)?;
        *place = layout.after;
        Ok(())
    }

    /// Takes the log into the session only when it is [told to](Self::checkpoint), or else with
    /// commits, of which every so many take that time longer.
    pub(crate) fn set_checkpoints_apart(&self, apart: bool) -> rusqlite::Result<()> {
        let pages = if apart { 0 } else { self.log_pages };
        self.connection.pragma_update_and_check(None, "wal_autocheckpoint", pages, |_| Ok(()))
    }

    /// Takes the log into the session where it is long, as far as no reader needs it. What is in
    /// the way may be gone after the next transaction.
    pub(crate) fn checkpoint(&self) -> rusqlite::Result<()> {
        let log = |pragma| -> rusqlite::Result<i64> {
            self.connection.prepare_cached(pragma)?.query_row([], |row| row.get(1))
        };
        if log("PRAGMA wal_checkpoint(NOOP)")? >= self.log_pages.into() {
            log("PRAGMA wal_checkpoint(PASSIVE)")?;
        }
        Ok(())
    }

    /// Notes the end, with which a transaction ends that was begun, and makes the session one file
    /// where no reader is in the way.
    ///
    /// Returns what was in the way of that, such as a reader or a full disk: then the log beside it
    /// belongs to it.
    pub(crate) fn finish(self, now: i64) -> rusqlite::Result<Result<(), rusqlite::Error>> {
        let Self { connection, recording, .. } = self;
        connection
            .execute("UPDATE recording SET ended = ?2 WHERE id = ?1", params![recording, now])?;
        if !connection.is_autocommit() {
            connection.execute_batch("COMMIT")?;
        }
        let one_file = make_one_file(&connection);
        connection.close().map_err(|(_connection, error)| error)?;
        Ok(one_file)
    }

    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Takes the log of a session into it.
pub(crate) fn make_one_file(connection: &Connection) -> rusqlite::Result<()> {
    let text = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    match &*connection.query_row("PRAGMA journal_mode = DELETE", [], text)? {
        "delete" => Ok(()),
        _ => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None)),
    }
}

impl Place {
    /// Reads how far a session goes, from its last block.
    ///
    /// The tables are asked too: if that block is damaged, nothing may be given out twice.
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let last = connection
            .query_row(
                "SELECT max(first + count - 1,
                            (SELECT coalesce(max(seq), 0) FROM content)),
                        max_flow, max_exchange, max_message,
                        (SELECT coalesce(max(id), 0) FROM flow),
                        (SELECT coalesce(max(id), 0) FROM exchange)
                 FROM block ORDER BY first DESC LIMIT 1",
                [],
                |row| {
                    let id = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
                    let flow = id(1)?.max(id(4)?);
                    let exchange = id(2)?.max(id(5)?);
                    let largest = Largest { flow, exchange, message: id(3)? };
                    Ok(Self { seq: row.get(0)?, largest })
                },
            )
            .optional()?;
        Ok(last.unwrap_or_default())
    }
}

impl Place {
    /// Goes on by a row.
    fn add(&mut self, row: &Row) {
        self.seq += 1;
        self.largest.add(row);
    }
}

impl Largest {
    fn add(&mut self, row: &Row) {
        self.flow = self.flow.max(row.flow.cast_unsigned());
        self.exchange = self.exchange.max(row.exchange.unwrap_or_default().cast_unsigned());
        if let Update::Data { message, .. } = &row.update {
            self.message = self.message.max(*message);
        }
    }
}

impl<'a> Change<'a> {
    /// Puts it together from the rows behind that place. These entries of bodies have their content
    /// in their blocks.
    fn new(place: Place, rows: &'a [Row], inline: &[i64]) -> Self {
        let mut change = Self {
            exchanges: Exchanges::new(place.largest.exchange),
            flows: Flows::default(),
            noted: Vec::new(),
            certificates: Certificates::default(),
        };
        let mut inline = inline.iter().peekable();
        for (seq, row) in (place.seq + 1..).zip(rows) {
            let is_inline = inline.next_if_eq(&&seq).is_some();
            change.add(seq, row, is_inline);
        }
        change
    }

    fn add(&mut self, seq: i64, row: &'a Row, is_inline: bool) {
        match &row.update {
            Update::Body { part, content, .. } if content.len() > 0 => {
                self.exchanges.add_body((seq, row), (*part, content), is_inline);
            }
            Update::Body { .. } | Update::Data { .. } => {}
            _ => {
                self.exchanges.add(seq, row);
                self.flows.add(seq, row);
                self.noted.extend(Noted::of(row));
                self.certificates.add(seq, row);
            }
        }
    }
}

/// Returns how a part is called in the tables.
pub(crate) const fn part_name(part: Part) -> &'static str {
    match part {
        Part::Request => "request",
        Part::Response => "response",
    }
}

/// Returns the time of the system's clock, as it is stored.
pub(crate) fn now() -> i64 {
    wire::nanoseconds(std::time::SystemTime::now())
}

#[cfg(test)]
mod tests;
