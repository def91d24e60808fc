//! Content that does not stand in blocks: stretches of bodies, large datagrams and messages.

use std::borrow::Cow;
use std::collections::HashMap;

use rusqlite::{Connection, params};
use sidestream_flow::Peer;
use sidestream_record::Part;

use super::chunk::{Chunks, Pieces};
use super::insert::Insert;
use super::part_name;
use crate::row::Content;

/// Chunks of bodies begin at multiples of this, so that the same body makes the same chunks
/// however it came.
const CHUNK_BYTES: u64 = 64 * 1024;

/// What is smaller is not worth a row and an index entry of its own.
const MIN_CHUNK_BYTES: usize = 4 * 1024;

/// The stretches of bodies that a transaction writes.
#[derive(Debug, Default)]
pub(super) struct Stretches<'a> {
    index: HashMap<(i64, Part), usize>,
    runs: Vec<Run<'a>>,
}

/// What came of a body without a gap, or a gap.
#[derive(Debug)]
struct Run<'a> {
    exchange: i64,
    part: Part,
    offset: u64,
    size: u64,
    pieces: Vec<&'a [u8]>,
}

/// A row of the table.
struct Stretch<'a> {
    exchange: i64,
    part: Part,
    offset: u64,
    size: u64,
    place: Place<'a>,
}

enum Place<'a> {
    Data(Cow<'a, [u8]>),
    /// The chunk at that place among those of the transaction.
    Chunk(usize),
    Dropped,
}

impl<'a> Stretches<'a> {
    /// Adds what comes next of a body.
    pub(super) fn add(&mut self, (exchange, part): (i64, Part), offset: u64, content: &'a Content) {
        let size = content.len();
        let last = self.index.get(&(exchange, part)).and_then(|at| self.runs.get_mut(*at));
        match (last, content.data()) {
            (Some(run), Some(data))
                if !run.pieces.is_empty() && run.offset + run.size == offset =>
            {
                run.size += size;
                run.pieces.push(data);
            }
            (_, data) => {
                self.index.insert((exchange, part), self.runs.len());
                let pieces = data.into_iter().collect();
                self.runs.push(Run { exchange, part, offset, size, pieces });
            }
        }
    }

    /// Writes them.
    pub(super) fn write(
        &self,
        to: &Connection,
        insert: &Insert,
        chunks: &mut Chunks,
    ) -> rusqlite::Result<()> {
        let mut rows = Vec::new();
        let mut large = Vec::new();
        for run in &self.runs {
            run.cut(|offset, pieces| {
                let size = pieces.len() as u64;
                let place = if pieces.len() < MIN_CHUNK_BYTES {
                    Place::Data(pieces.join())
                } else {
                    large.push(pieces);
                    Place::Chunk(large.len() - 1)
                };
                let Run { exchange, part, .. } = *run;
                rows.push(Stretch { exchange, part, offset, size, place });
            });
            if run.pieces.is_empty() {
                let Run { exchange, part, offset, size, .. } = *run;
                rows.push(Stretch { exchange, part, offset, size, place: Place::Dropped });
            }
        }
        let ids = chunks.put(to, &large)?;
        insert.rows(to, &rows, |row, cells| {
            let (dropped, chunk, data) = match &row.place {
                Place::Data(data) => (0, None, Some(&data[..])),
                Place::Chunk(index) => (0, ids.get(*index), None),
                Place::Dropped => (row.size, None, None),
            };
            cells.put(row.exchange)?;
            cells.put(part_name(row.part))?;
            cells.put(row.offset.cast_signed())?;
            cells.put(row.size.cast_signed())?;
            cells.put(dropped.cast_signed())?;
            cells.put(chunk)?;
            cells.put(data)
        })
    }
}

impl<'a> Run<'a> {
    /// Cuts it where chunks begin, and hands each part over with its place in the body.
    fn cut(&self, mut each: impl FnMut(u64, Pieces<'a>)) {
        let (mut begin, mut at) = (self.offset, self.offset);
        let mut part = Pieces::default();
        for mut data in self.pieces.iter().copied() {
            while !data.is_empty() {
                let end = begin - begin % CHUNK_BYTES + CHUNK_BYTES;
                let room = usize::try_from(end - at).unwrap_or(usize::MAX);
                let (taken, rest) = data.split_at(room.min(data.len()));
                data = rest;
                part.push(taken);
                at += taken.len() as u64;
                if at == end {
                    each(begin, std::mem::take(&mut part));
                    begin = end;
                }
            }
        }
        if at > begin {
            each(begin, part);
        }
    }
}

/// Prepares for stretches of bodies.
pub(super) fn insert_stretches() -> Insert {
    Insert::new("stretch", &["exchange", "part", "offset", "size", "dropped", "chunk", "data"])
}

/// Content that belongs to no body.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) seq: i64,
    pub(super) message: u64,
    pub(super) from: Peer,
    pub(super) content: &'a Content,
}

/// Writes each as a chunk, or how much of it was dropped.
pub(super) fn write_messages(
    messages: &[Message<'_>],
    to: &Connection,
    chunks: &mut Chunks,
) -> rusqlite::Result<()> {
    let data = messages.iter().filter_map(|message| message.content.data());
    let data: Vec<_> = data.map(Pieces::from).collect();
    let mut ids = chunks.put(to, &data)?.into_iter();
    for Message { seq, message, from, content } in messages {
        let chunk = content.data().and_then(|_| ids.next());
        to.prepare_cached(
            "INSERT INTO content (seq, message, sender, dropped, chunk) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            seq,
            message.cast_signed(),
            from.to_string(),
            content.dropped().cast_signed(),
            chunk
        ])?;
    }
    Ok(())
}
