//! The one writer of a session: entries into tables, a transaction at a time.

mod certificate;
mod chunk;
mod content;
mod exchange;
mod flow;
mod insert;
mod notes;
mod process;
mod retain;

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, ffi, params};
use sidestream_record::Part;

use crate::block::{Added, Block};
use crate::kind;
use crate::row::{Content, Row, Update};
use crate::wire::{self, Head};

use certificate::Certificates;
use chunk::Chunks;
use content::{Message, Stretches};
use exchange::{Ends, Exchanges};
use flow::Flows;
use insert::Insert;
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
    ends: Ends,
    processes: Processes,
    inserts: Inserts,
    chunks: Chunks,
    progress: Progress,
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

/// What a transaction writes, put together from its rows.
#[derive(Debug)]
struct Change<'a> {
    place: Place,
    /// Each with the largest ids up to its end.
    blocks: Vec<(Block, Largest)>,
    /// How much comes of each body.
    coming: HashMap<(i64, Part), u64>,
    stretches: Stretches<'a>,
    messages: Vec<Message<'a>>,
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
        let (ends, processes) = (Ends::default(), Processes::default());
        let chunks = Chunks::new();
        let progress = Progress::default();
        Ok(Self { connection, recording, place, ends, processes, inserts, chunks, progress })
    }

    /// Returns the largest ids in the session.
    pub(crate) const fn largest(&self) -> Largest {
        self.place.largest
    }

    /// Writes rows, all or none, and how many entries were lost in all.
    ///
    /// Whoever has begun a transaction ends it, or takes it back with all that was written in it.
    pub(crate) fn write(&mut self, rows: &[Row], lost: u64) -> rusqlite::Result<()> {
        let written = self.try_write(rows, lost);
        if written.is_err() {
            // The rows that they name were rolled back.
            self.processes.clear();
        }
        written
    }

    fn try_write(&mut self, rows: &[Row], lost: u64) -> rusqlite::Result<()> {
        let Self { connection, recording, place, ends, processes, inserts, chunks, .. } = self;
        let transaction = match connection.is_autocommit() {
            true => Some(Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?),
            false => None,
        };
        let to: &Connection = connection;
        let mut change = Change::new(*place, rows);
        for row in rows {
            change.add(to, ends, row)?;
        }
        let Change { place: after, blocks, stretches, messages, mut exchanges, .. } = change;
        write_blocks(to, blocks, chunks)?;
        stretches.write(to, &inserts.stretches, chunks)?;
        content::write_messages(&messages, to, chunks)?;
        exchanges.write(to, &inserts.exchanges)?;
        change.flows.write(to, &inserts.flows, processes)?;
        change.certificates.write(to)?;
        change.noted.iter().try_for_each(|noted| noted.write(to))?;
        if lost > 0 {
            to.prepare_cached("UPDATE recording SET lost = ?2 WHERE id = ?1 AND lost <> ?2")?
                .execute(params![*recording, lost.cast_signed()])?;
        }
        transaction.map_or(Ok(()), Transaction::commit)?;
        *place = after;
        ends.remember(&exchanges);
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
    fn new(place: Place, rows: &[Row]) -> Self {
        let mut coming = HashMap::new();
        for row in rows {
            if let Update::Body { exchange, part, content } = &row.update {
                *coming.entry((exchange.0.cast_signed(), *part)).or_default() += content.len();
            }
        }
        Self {
            place,
            blocks: Vec::new(),
            coming,
            stretches: Stretches::default(),
            messages: Vec::new(),
            exchanges: Exchanges::new(place.largest.exchange),
            flows: Flows::default(),
            noted: Vec::new(),
            certificates: Certificates::default(),
        }
    }

    fn add(&mut self, to: &Connection, ends: &Ends, row: &'a Row) -> rusqlite::Result<()> {
        self.place.seq += 1;
        let seq = self.place.seq;
        self.place.largest.add(row);
        let added = match &row.update {
            Update::Body { part, content, .. } if content.len() > 0 => {
                self.add_body(to, ends, (seq, row), (*part, content))?
            }
            Update::Body { .. } => Added::NOTHING,
            Update::Data { message, from, content } => match content.data() {
                Some(data) if content.len() <= INLINE_BYTES => inline(wire_field(row), data),
                _ => {
                    let (message, from) = (*message, *from);
                    self.messages.push(Message { seq, message, from, content });
                    Added::NOTHING
                }
            },
            _ => {
                self.exchanges.add(seq, row);
                self.flows.add(seq, row);
                self.noted.extend(Noted::of(row));
                self.certificates.add(seq, row);
                Added::NOTHING
            }
        };
        if self.blocks.last().is_none_or(|(block, _)| block.is_full()) {
            self.blocks.push((Block::new(seq, row.at), self.place.largest));
        }
        if let Some((block, largest)) = self.blocks.last_mut() {
            block.push(row, added);
            *largest = self.place.largest;
        }
        Ok(())
    }

    /// Adds a stretch of a body, to the block if the body is small as far as it is known.
    fn add_body(
        &mut self,
        to: &Connection,
        ends: &Ends,
        (seq, row): (i64, &'a Row),
        (part, content): (Part, &'a Content),
    ) -> rusqlite::Result<Added<'a>> {
        let body = (row.exchange.unwrap_or_default(), part);
        let place = self.exchanges.add_body(to, ends, (seq, row), (part, content))?;
        let offset = place.offset.cast_unsigned();
        // What is counted down is what comes behind.
        let coming = self.coming.entry(body).or_default();
        let end = offset.saturating_add(*coming);
        *coming = coming.saturating_sub(content.len());
        let mut head = Head::new();
        head.number(wire::body::OFFSET, offset);
        match content.data() {
            Some(data) if end <= INLINE_BYTES && place.distance <= INLINE_ENTRIES => {
                self.exchanges.is_inline(seq, row);
                head.bytes(wire::body::DATA, data.len());
                Ok(Added { head, data })
            }
            data => {
                self.stretches.add(body, offset, content);
                head.number(wire::body::SIZE, content.len());
                match data {
                    Some(data) => head.number(wire::body::CHECK, crc32fast::hash(data).into()),
                    None => head.number(wire::body::DROPPED, 1),
                }
                Ok(Added { head, data: &[] })
            }
        }
    }
}

/// Puts content into the field of an event.
fn inline(field: u32, data: &[u8]) -> Added<'_> {
    let mut head = Head::new();
    // Also where there is none: else it would be looked for elsewhere.
    head.bytes(field, data.len());
    Added { head, data }
}

fn wire_field(row: &Row) -> u32 {
    match kind::name(row.kind) {
        Some("websocket") => wire::WEBSOCKET_DATA,
        Some("wire") => wire::WIRE_DATA,
        _ => wire::DATA_DATA,
    }
}

fn write_blocks(
    to: &Connection,
    blocks: Vec<(Block, Largest)>,
    chunks: &mut Chunks,
) -> rusqlite::Result<()> {
    for (mut block, largest) in blocks {
        block.seal();
        to.prepare_cached(
            "INSERT INTO block
                (first, count, at, max_flow, max_exchange, max_message, payload, size)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            block.first,
            block.count as i64,
            block.at,
            largest.flow.cast_signed(),
            largest.exchange.cast_signed(),
            largest.message.cast_signed(),
            chunks.pack(&block.payload),
            block.payload.len() as i64
        ])?;
    }
    Ok(())
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
