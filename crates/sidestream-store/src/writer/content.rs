//! Content: stretches of bodies, datagrams, messages.

use rusqlite::Transaction;
use sidestream_flow::Peer;
use sidestream_record::Part;

use super::insert::Insert;
use super::part_name;
use crate::row::Content;

/// A stretch of a body, at its place.
#[derive(Debug)]
pub(super) struct Stretch<'a> {
    pub(super) seq: i64,
    pub(super) exchange: i64,
    pub(super) part: Part,
    pub(super) offset: i64,
    pub(super) content: &'a Content,
}

/// Content that belongs to no body.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) seq: i64,
    pub(super) message: u64,
    pub(super) from: Peer,
    pub(super) content: &'a Content,
}

/// Prepares for stretches of bodies.
pub(super) fn insert_stretches() -> Insert {
    Insert::new("body", &["seq", "exchange", "part", "offset", "dropped", "data"])
}

/// Prepares for other content.
pub(super) fn insert_messages() -> Insert {
    Insert::new("content", &["seq", "message", "sender", "dropped", "data"])
}

/// Writes stretches of bodies.
pub(super) fn write_stretches(
    to: &Transaction<'_>,
    insert: &Insert,
    stretches: &[Stretch<'_>],
) -> rusqlite::Result<()> {
    insert.rows(to, stretches, |stretch, cells| {
        cells.put(stretch.seq)?;
        cells.put(stretch.exchange)?;
        cells.put(part_name(stretch.part))?;
        cells.put(stretch.offset)?;
        cells.put(stretch.content.dropped().cast_signed())?;
        cells.put(stretch.content.data())
    })
}

/// Writes other content.
pub(super) fn write_messages(
    to: &Transaction<'_>,
    insert: &Insert,
    messages: &[Message<'_>],
) -> rusqlite::Result<()> {
    insert.rows(to, messages, |message, cells| {
        cells.put(message.seq)?;
        cells.put(message.message.cast_signed())?;
        cells.put(message.from.to_string())?;
        cells.put(message.content.dropped().cast_signed())?;
        cells.put(message.content.data())
    })
}
