//! The one writer of a session: rows into tables, a transaction at a time.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use sidestream_flow::Process;
use sidestream_record::Part;

use crate::row::{Content, OpenedFlow, Row, Update};
use crate::wire::{self, ProcessFields};

/// How many processes are remembered before it is started anew.
const KNOWN_PROCESSES: usize = 1024;

/// Writes rows over the one connection that may.
#[derive(Debug)]
pub(crate) struct Writer {
    connection: Connection,
    /// The row of this recording.
    recording: i64,
    /// The rows of processes written or found.
    known: HashMap<Arc<Process>, i64>,
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
        Ok(Self { connection, recording, known: HashMap::new() })
    }

    /// Writes rows, all or none, and how many entries were lost in all.
    pub(crate) fn write(&mut self, rows: &[Row], lost: u64) -> rusqlite::Result<()> {
        let Self { connection, recording, known } = self;
        let written = (|| {
            let transaction = connection.transaction()?;
            for row in rows {
                write_row(&transaction, known, row)?;
            }
            if lost > 0 {
                transaction
                    .prepare_cached("UPDATE recording SET lost = ?2 WHERE id = ?1 AND lost <> ?2")?
                    .execute(params![*recording, lost.cast_signed()])?;
            }
            transaction.commit()
        })();
        if written.is_err() {
            // The rows that they name were rolled back.
            known.clear();
        }
        written
    }

    /// Notes the end, and makes the session one file where no reader is in the way.
    ///
    /// Returns whether it is one.
    pub(crate) fn finish(self, now: i64) -> rusqlite::Result<bool> {
        let Self { connection, recording, known: _ } = self;
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

fn write_row(
    to: &Transaction<'_>,
    known: &mut HashMap<Arc<Process>, i64>,
    row: &Row,
) -> rusqlite::Result<()> {
    to.prepare_cached(
        "INSERT INTO entry (at, flow, exchange, kind, payload) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![row.at, row.flow, row.exchange, row.kind, row.payload])?;
    let seq = to.last_insert_rowid();
    match &row.update {
        Update::Body { part, content, .. } => write_body(to, seq, row, *part, content),
        Update::Data { message, from, content } => to
            .prepare_cached(
                "INSERT INTO content (seq, message, sender, dropped, data)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                seq,
                message.cast_signed(),
                from.to_string(),
                content.dropped().cast_signed(),
                content.data(),
            ])
            .map(drop),
        Update::Opened(opened) => write_flow(to, known, row, opened),
        Update::Protocol(_) | Update::Host(_) | Update::Closed { .. } => update_flow(to, row),
        Update::Request { .. }
        | Update::Query { .. }
        | Update::Status(_)
        | Update::Ended { .. } => update_exchange(to, row),
        Update::Nothing => Ok(()),
    }
}

/// Writes a stretch of a body at the place where the one before it ends.
fn write_body(
    to: &Transaction<'_>,
    seq: i64,
    row: &Row,
    part: Part,
    content: &Content,
) -> rusqlite::Result<()> {
    if content.len() == 0 {
        return Ok(());
    }
    // The list knows how much went by, so it also knows where in the body this stands.
    let sum = match part {
        Part::Request => {
            "INSERT INTO exchange (id, flow, started, request_bytes, request_dropped)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET
                request_bytes = request_bytes + excluded.request_bytes,
                request_dropped = request_dropped + excluded.request_dropped
             RETURNING request_bytes"
        }
        Part::Response => {
            "INSERT INTO exchange (id, flow, started, response_bytes, response_dropped)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET
                response_bytes = response_bytes + excluded.response_bytes,
                response_dropped = response_dropped + excluded.response_dropped
             RETURNING response_bytes"
        }
    };
    let (len, dropped) = (content.len().cast_signed(), content.dropped().cast_signed());
    let end: i64 = to
        .prepare_cached(sum)?
        .query_row(params![row.exchange, row.flow, row.at, len, dropped], |row| row.get(0))?;
    to.prepare_cached(
        "INSERT INTO body (seq, exchange, part, offset, dropped, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        seq,
        row.exchange,
        part_name(part),
        end - len,
        dropped,
        content.data()
    ])?;
    Ok(())
}

/// Returns how a part is called in the tables.
pub(crate) const fn part_name(part: Part) -> &'static str {
    match part {
        Part::Request => "request",
        Part::Response => "response",
    }
}

fn write_flow(
    to: &Transaction<'_>,
    known: &mut HashMap<Arc<Process>, i64>,
    row: &Row,
    opened: &OpenedFlow,
) -> rusqlite::Result<()> {
    let process = opened.process.as_ref().map(|process| write_process(to, known, process));
    to.prepare_cached(
        "INSERT OR REPLACE INTO flow (id, opened, transport, client, server, via, process)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        row.flow,
        row.at,
        opened.transport,
        opened.client,
        opened.server,
        opened.via,
        process.transpose()?,
    ])?;
    Ok(())
}

/// Finds or writes the row of a process, its parents before it.
fn write_process(
    to: &Transaction<'_>,
    known: &mut HashMap<Arc<Process>, i64>,
    process: &Arc<Process>,
) -> rusqlite::Result<i64> {
    if let Some(id) = known.get(process) {
        return Ok(*id);
    }
    let chain: Vec<_> = std::iter::successors(Some(&**process), |p| p.parent.as_deref()).collect();
    let mut parent: Option<i64> = None;
    for process in chain.into_iter().rev() {
        parent = Some(write_one_process(to, process, parent)?);
    }
    let id = parent.unwrap_or_default();
    if known.len() >= KNOWN_PROCESSES {
        known.clear();
    }
    known.insert(Arc::clone(process), id);
    Ok(id)
}

fn write_one_process(
    to: &Transaction<'_>,
    process: &Process,
    parent: Option<i64>,
) -> rusqlite::Result<i64> {
    let payload = ProcessFields::encode(process);
    let found = to
        .prepare_cached("SELECT id FROM process WHERE pid = ?1 AND parent IS ?2 AND payload = ?3")?
        .query_row(params![process.pid, parent, payload], |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    let path = process.path.as_ref().map(|path| path.to_string_lossy());
    to.prepare_cached(
        "INSERT INTO process (parent, pid, name, path, payload) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![parent, process.pid, process.name, path, payload])?;
    Ok(to.last_insert_rowid())
}

fn update_flow(to: &Transaction<'_>, row: &Row) -> rusqlite::Result<()> {
    match &row.update {
        Update::Protocol(name) => to
            .prepare_cached("UPDATE flow SET protocol = ?2 WHERE id = ?1")?
            .execute(params![row.flow, name]),
        Update::Host(host) => to
            .prepare_cached("UPDATE flow SET host = ?2 WHERE id = ?1")?
            .execute(params![row.flow, host]),
        Update::Closed { received, sent, failure } => to
            .prepare_cached(
                "UPDATE flow SET closed = ?2, received = ?3, sent = ?4, failure = ?5 WHERE id = ?1",
            )?
            .execute(params![
                row.flow,
                row.at,
                received.cast_signed(),
                sent.cast_signed(),
                failure
            ]),
        _ => Ok(0),
    }
    .map(drop)
}

fn update_exchange(to: &Transaction<'_>, row: &Row) -> rusqlite::Result<()> {
    let (id, flow, at) = (row.exchange, row.flow, row.at);
    let asked = "INSERT INTO exchange (id, flow, started, method, url) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET method = excluded.method, url = excluded.url";
    match &row.update {
        Update::Request { method, url } => {
            to.prepare_cached(asked)?.execute(params![id, flow, at, method, url])
        }
        Update::Query { name } => {
            to.prepare_cached(asked)?.execute(params![id, flow, at, "DNS", name])
        }
        Update::Status(status) => to
            .prepare_cached(
                "INSERT INTO exchange (id, flow, started, status) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (id) DO UPDATE SET status = excluded.status",
            )?
            .execute(params![id, flow, at, status]),
        Update::Ended { failure } => to
            .prepare_cached(
                "INSERT INTO exchange (id, flow, started, ended, failure)
                 VALUES (?1, ?2, ?3, ?3, ?4)
                 ON CONFLICT (id) DO UPDATE SET ended = excluded.ended, failure = excluded.failure",
            )?
            .execute(params![id, flow, at, failure]),
        _ => Ok(0),
    }
    .map(drop)
}

/// Returns the largest ids in a session, of flows, exchanges and messages.
pub(crate) fn largest_ids(connection: &Connection) -> rusqlite::Result<[u64; 3]> {
    let largest = |query| connection.query_row(query, [], |row| row.get::<_, Option<i64>>(0));
    let ids = [
        largest("SELECT max(flow) FROM entry")?,
        largest("SELECT max(exchange) FROM entry WHERE exchange IS NOT NULL")?,
        largest("SELECT max(message) FROM content")?,
    ];
    Ok(ids.map(|id| id.unwrap_or_default().cast_unsigned()))
}

/// Returns the time of the system's clock, as it is stored.
pub(crate) fn now() -> i64 {
    wire::nanoseconds(std::time::SystemTime::now())
}

#[cfg(test)]
mod tests;
