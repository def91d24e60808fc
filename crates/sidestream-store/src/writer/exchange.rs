//! The list of exchanges: what a transaction changes of each, as one row.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};
use sidestream_record::Part;

use super::insert::{Cells, Insert};
use crate::row::{Content, Row, Update};

/// How many open exchanges are remembered before it is started anew: at most some 1 MiB.
const KNOWN_EXCHANGES: usize = 16 * 1024;

/// How far open exchanges had come, as far as this is remembered.
#[derive(Debug, Default)]
pub(super) struct Ends(HashMap<i64, Before>);

/// How far an exchange had come before a transaction.
#[derive(Clone, Copy, Debug)]
struct Before {
    /// How many bytes of its bodies went by, request and response.
    bytes: [i64; 2],
    /// Its first entry.
    first_seq: i64,
}

impl Ends {
    /// Returns how far an exchange had come, of which that entry is the first if none is known.
    fn find(&self, to: &Connection, id: i64, seq: i64) -> rusqlite::Result<Before> {
        if let Some(before) = self.0.get(&id) {
            return Ok(*before);
        }
        let found = to
            .prepare_cached(
                "SELECT request_bytes, response_bytes, first_seq FROM exchange WHERE id = ?1",
            )?
            .query_row([id], |row| {
                Ok(Before { bytes: [row.get(0)?, row.get(1)?], first_seq: row.get(2)? })
            })
            .optional()?;
        Ok(found.unwrap_or(Before { bytes: [0; 2], first_seq: seq }))
    }

    /// Remembers where the bodies of open exchanges end after a transaction, which was committed.
    pub(super) fn remember(&mut self, exchanges: &Exchanges<'_>) {
        for exchange in &exchanges.exchanges {
            if exchange.ended.is_some() {
                self.0.remove(&exchange.id);
            } else if let Some(before) = exchange.before {
                if self.0.len() >= KNOWN_EXCHANGES {
                    self.0.clear();
                }
                let bytes = [0, 1].map(|part| before.bytes[part] + exchange.bytes[part]);
                self.0.insert(exchange.id, Before { bytes, ..before });
            }
        }
    }
}

/// The exchanges that a transaction touches.
#[derive(Debug)]
pub(super) struct Exchanges<'a> {
    /// The largest id of an exchange before the transaction: what is larger has no row.
    newest: u64,
    index: HashMap<i64, usize>,
    exchanges: Vec<Exchange<'a>>,
    /// The place of the exchange of the entry before, which most often is that of the next.
    recent: usize,
}

/// What is new of an exchange.
#[derive(Debug, Default)]
struct Exchange<'a> {
    id: i64,
    flow: i64,
    started: i64,
    ended: Option<i64>,
    method: Option<&'a str>,
    url: Option<&'a str>,
    version: Option<u32>,
    request_type: Option<&'a str>,
    status: Option<u16>,
    /// The status that a rule gave, 0 if none did, and less where that cannot be told.
    answered: i64,
    response_type: Option<&'a str>,
    bytes: [i64; 2],
    dropped: [i64; 2],
    failure: Option<&'a str>,
    first_seq: i64,
    last_seq: i64,
    /// Its last entry with content in it.
    inline_seq: Option<i64>,
    /// How far it had come before the transaction, once it is known.
    before: Option<Before>,
}

/// Where a stretch of a body is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Where it begins in the body.
    pub(super) offset: i64,
    /// How many entries after the first of its exchange it comes.
    pub(super) distance: i64,
}

impl<'a> Exchanges<'a> {
    /// Begins a transaction before which this was the largest id.
    pub(super) fn new(newest: u64) -> Self {
        Self { newest, index: HashMap::new(), exchanges: Vec::new(), recent: 0 }
    }

    /// Adds what an entry changes of its exchange, its content apart.
    pub(super) fn add(&mut self, seq: i64, row: &'a Row) {
        match &row.update {
            Update::Request { method, url, version, content_type } => {
                let Some(exchange) = self.touch(seq, row) else { return };
                exchange.method = Some(method);
                exchange.url = Some(url);
                exchange.version = Some(*version);
                exchange.request_type = Some(content_type);
            }
            Update::Query { name } => {
                let Some(exchange) = self.touch(seq, row) else { return };
                exchange.method = Some("DNS");
                exchange.url = Some(name);
                exchange.version = Some(0);
            }
            Update::Response { status, content_type } => {
                let Some(exchange) = self.touch(seq, row) else { return };
                exchange.status = Some(*status);
                exchange.response_type = Some(content_type);
            }
            Update::Answered { answered, content_type } => {
                let Some(exchange) = self.touch(seq, row) else { return };
                exchange.answered = *answered;
                exchange.response_type = Some(content_type);
            }
            Update::Status(status) => {
                let Some(exchange) = self.touch(seq, row) else { return };
                exchange.status = Some(*status);
            }
            Update::Ended { failure } => {
                let Some(exchange) = self.touch(seq, row) else { return };
                exchange.ended = Some(row.at);
                exchange.failure = failure.as_deref().or(exchange.failure);
            }
            _ => {}
        }
    }

    /// Adds a stretch of a body, and returns where it is.
    pub(super) fn add_body(
        &mut self,
        to: &Connection,
        ends: &Ends,
        (seq, row): (i64, &'a Row),
        (part, content): (Part, &Content),
    ) -> rusqlite::Result<Place> {
        let Some(exchange) = self.touch(seq, row) else {
            return Ok(Place { offset: 0, distance: 0 });
        };
        let before = match exchange.before {
            Some(before) => before,
            None => *exchange.before.insert(ends.find(to, exchange.id, exchange.first_seq)?),
        };
        let part = usize::from(part == Part::Response);
        let offset = before.bytes[part] + exchange.bytes[part];
        exchange.bytes[part] += content.len().cast_signed();
        exchange.dropped[part] += content.dropped().cast_signed();
        Ok(Place { offset, distance: seq.saturating_sub(before.first_seq) })
    }

    /// Notes that the last entry of that exchange has content in it.
    pub(super) fn is_inline(&mut self, seq: i64, row: &'a Row) {
        if let Some(exchange) = self.touch(seq, row) {
            exchange.inline_seq = Some(seq);
        }
    }

    fn touch(&mut self, seq: i64, row: &Row) -> Option<&mut Exchange<'a>> {
        let id = row.exchange?;
        if self.exchanges.get(self.recent).is_none_or(|exchange| exchange.id != id) {
            self.recent = *self.index.entry(id).or_insert_with(|| {
                let (flow, started) = (row.flow, row.at);
                let first_seq = seq;
                let mut new = Exchange { id, flow, started, first_seq, ..Exchange::default() };
                let before = Before { bytes: [0; 2], first_seq };
                new.before = new.is_new(self.newest).then_some(before);
                self.exchanges.push(new);
                self.exchanges.len() - 1
            });
        }
        let exchange = self.exchanges.get_mut(self.recent)?;
        exchange.last_seq = seq;
        Some(exchange)
    }

    /// Writes a row for each.
    pub(super) fn write(&mut self, to: &Connection, inserts: &Inserts) -> rusqlite::Result<()> {
        let newest = self.newest;
        self.exchanges.sort_by_key(|exchange| exchange.is_new(newest));
        let new = self.exchanges.partition_point(|exchange| !exchange.is_new(newest));
        let (known, new) = self.exchanges.split_at(new);
        inserts.known.rows(to, known, Exchange::fill)?;
        inserts.new.rows(to, new, Exchange::fill)
    }
}

impl Exchange<'_> {
    /// Returns whether it cannot have a row yet.
    const fn is_new(&self, newest: u64) -> bool {
        self.id.cast_unsigned() > newest
    }

    fn fill(&self, cells: &mut Cells<'_, '_>) -> rusqlite::Result<()> {
        cells.put(self.id)?;
        cells.put(self.flow)?;
        cells.put(self.started)?;
        cells.put(self.ended)?;
        cells.put(self.method)?;
        cells.put(self.url)?;
        cells.put(self.version)?;
        cells.put(self.request_type)?;
        cells.put(self.status)?;
        cells.put(self.answered)?;
        cells.put(self.response_type)?;
        cells.put(self.bytes[0])?;
        cells.put(self.dropped[0])?;
        cells.put(self.bytes[1])?;
        cells.put(self.dropped[1])?;
        cells.put(self.failure)?;
        cells.put(self.first_seq)?;
        cells.put(self.last_seq)?;
        cells.put(self.inline_seq)
    }
}

/// The statements for exchanges that have no row yet, and for those that may have one.
#[derive(Debug)]
pub(super) struct Inserts {
    new: Insert,
    known: Insert,
}

impl Inserts {
    /// Prepares them; the columns are filled in this order.
    pub(super) fn new() -> Self {
        let columns = [
            "id",
            "flow",
            "started",
            "ended",
            "method",
            "url",
            "version",
            "request_type",
            "status",
            "answered",
            "response_type",
            "request_bytes",
            "request_dropped",
            "response_bytes",
            "response_dropped",
            "failure",
            "first_seq",
            "last_seq",
            "inline_seq",
        ];
        let set = "ended = coalesce(excluded.ended, ended),
            method = coalesce(excluded.method, method),
            url = coalesce(excluded.url, url),
            version = coalesce(excluded.version, version),
            request_type = coalesce(excluded.request_type, request_type),
            status = coalesce(excluded.status, status),
            answered = iif(excluded.answered <> 0, excluded.answered, answered),
            response_type = coalesce(excluded.response_type, response_type),
            request_bytes = request_bytes + excluded.request_bytes,
            request_dropped = request_dropped + excluded.request_dropped,
            response_bytes = response_bytes + excluded.response_bytes,
            response_dropped = response_dropped + excluded.response_dropped,
            failure = coalesce(excluded.failure, failure),
            last_seq = excluded.last_seq,
            inline_seq = coalesce(excluded.inline_seq, inline_seq)";
        let known = Insert::or_update("exchange", &columns, set);
        Self { new: Insert::new("exchange", &columns), known }
    }
}
