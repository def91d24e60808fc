//! The one writer of a session: entries into tables, a transaction at a time.

mod content;
mod exchange;
mod flow;
mod insert;
mod process;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use sidestream_record::Part;

use crate::block::Block;
use crate::row::{Row, Update};
use crate::wire;

use content::{Message, Stretch};
use exchange::{Ends, Exchanges};
use flow::Flows;
use insert::Insert;
use process::Processes;

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
    messages: Insert,
    exchanges: exchange::Inserts,
    flows: Insert,
}

/// What a transaction writes, put together from its rows.
#[derive(Debug)]
struct Change<'a> {
    place: Place,
    /// Each with the largest ids up to its end.
    blocks: Vec<(Block, Largest)>,
    stretches: Vec<Stretch<'a>>,
    messages: Vec<Message<'a>>,
    exchanges: Exchanges<'a>,
    flows: Flows<'a>,
}

impl Writer {
    /// Takes the connection over and notes the beginning of a recording.
    pub(crate) fn begin(connection: Connection, now: i64) -> rusqlite::Result<Self> {
        let place = Place::read(&connection)?;
        let program = concat!("sidestream ", env!("CARGO_PKG_VERSION"));
        connection.execute(
            "INSERT INTO recording (program, started) VALUES (?1, ?2)",
            params![program, now],
        )?;
        let recording = connection.last_insert_rowid();
        let inserts = Inserts {
            stretches: content::insert_stretches(),
            messages: content::insert_messages(),
            exchanges: exchange::Inserts::new(),
            flows: flow::insert(),
        };
        let (ends, processes) = (Ends::default(), Processes::default());
        Ok(Self { connection, recording, place, ends, processes, inserts })
    }

    /// Returns the largest ids in the session.
    pub(crate) const fn largest(&self) -> Largest {
        self.place.largest
    }

    /// Writes rows, all or none, and how many entries were lost in all.
    pub(crate) fn write(&mut self, rows: &[Row], lost: u64) -> rusqlite::Result<()> {
        let written = self.try_write(rows, lost);
        if written.is_err() {
            // The rows that they name were rolled back.
            self.processes.clear();
        }
        written
    }

    fn try_write(&mut self, rows: &[Row], lost: u64) -> rusqlite::Result<()> {
        let Self { connection, recording, place, ends, processes, inserts } = self;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut change = Change::new(*place);
        for row in rows {
            change.add(&transaction, ends, row)?;
        }
        let Change { place: after, blocks, stretches, messages, mut exchanges, flows } = change;
        write_blocks(&transaction, &blocks)?;
        content::write_stretches(&transaction, &inserts.stretches, &stretches)?;
        content::write_messages(&transaction, &inserts.messages, &messages)?;
        exchanges.write(&transaction, &inserts.exchanges)?;
        flows.write(&transaction, &inserts.flows, processes)?;
        if lost > 0 {
            transaction
                .prepare_cached("UPDATE recording SET lost = ?2 WHERE id = ?1 AND lost <> ?2")?
                .execute(params![*recording, lost.cast_signed()])?;
        }
        transaction.commit()?;
        *place = after;
        ends.remember(&exchanges);
        Ok(())
    }

    /// Notes the end, and makes the session one file where no reader is in the way.
    ///
    /// Returns whether it is one.
    pub(crate) fn finish(self, now: i64) -> rusqlite::Result<bool> {
        let Self { connection, recording, .. } = self;
        connection
            .execute("UPDATE recording SET ended = ?2 WHERE id = ?1", params![recording, now])?;
        let text = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        // Fails while somebody reads, and does no harm: the log is kept beside the session.
        let journal = connection.query_row("PRAGMA journal_mode = DELETE", [], text);
        let one_file = journal.is_ok_and(|mode| mode == "delete");
        connection.close().map_err(|(_connection, error)| error)?;
        Ok(one_file)
    }

    #[cfg(test)]
    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
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
                            (SELECT coalesce(max(seq), 0) FROM body),
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
    fn new(place: Place) -> Self {
        Self {
            place,
            blocks: Vec::new(),
            stretches: Vec::new(),
            messages: Vec::new(),
            exchanges: Exchanges::new(place.largest.exchange),
            flows: Flows::default(),
        }
    }

    fn add(&mut self, to: &Transaction<'_>, ends: &Ends, row: &'a Row) -> rusqlite::Result<()> {
        self.place.seq += 1;
        let seq = self.place.seq;
        self.place.largest.add(row);
        if self.blocks.last().is_none_or(|(block, _)| block.is_full()) {
            self.blocks.push((Block::new(seq, row.at), self.place.largest));
        }
        if let Some((block, largest)) = self.blocks.last_mut() {
            block.push(row);
            *largest = self.place.largest;
        }
        match &row.update {
            Update::Body { content, .. } if content.len() == 0 => {}
            Update::Body { exchange, part, content } => {
                let (exchange, part) = (exchange.0.cast_signed(), *part);
                let offset = self.exchanges.add_body(to, ends, (seq, row), (part, content))?;
                self.stretches.push(Stretch { seq, exchange, part, offset, content });
            }
            Update::Data { message, from, content } => {
                let (message, from) = (*message, *from);
                self.messages.push(Message { seq, message, from, content });
            }
            _ => {
                self.exchanges.add(seq, row);
                self.flows.add(seq, row);
            }
        }
        Ok(())
    }
}

fn write_blocks(to: &Transaction<'_>, blocks: &[(Block, Largest)]) -> rusqlite::Result<()> {
    for (block, largest) in blocks {
        to.prepare_cached(
            "INSERT INTO block (first, count, at, max_flow, max_exchange, max_message, payload)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            block.first,
            block.count as i64,
            block.at,
            largest.flow.cast_signed(),
            largest.exchange.cast_signed(),
            largest.message.cast_signed(),
            block.payload
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
