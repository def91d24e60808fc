//! The list of exchanges: what a transaction changes of each, as one row.

use std::collections::HashMap;

use rusqlite::Connection;
use sidestream_record::Part;

use super::insert::{Cells, Insert};
use crate::row::{Content, Row, Update};

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

    /// Adds a stretch of a body, which may stand in the block of its entry.
    pub(super) fn add_body(
        &mut self,
        (seq, row): (i64, &'a Row),
        (part, content): (Part, &Content),
        is_inline: bool,
    ) {
        let Some(exchange) = self.touch(seq, row) else { return };
        let part = usize::from(part == Part::Response);
        exchange.bytes[part] += content.len().cast_signed();
        exchange.dropped[part] += content.dropped().cast_signed();
        if is_inline {
            exchange.inline_seq = Some(seq);
        }
    }

    fn touch(&mut self, seq: i64, row: &Row) -> Option<&mut Exchange<'a>> {
        let id = row.exchange?;
        if self.exchanges.get(self.recent).is_none_or(|exchange| exchange.id != id) {
            self.recent = *self.index.entry(id).or_insert_with(|| {
                let (flow, started, first_seq) = (row.flow, row.at, seq);
                self.exchanges.push(Exchange {
                    id,
                    flow,
                    started,
                    first_seq,
                    ..Exchange::default()
                });
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
