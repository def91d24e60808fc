//! Content that does not stand in blocks: stretches of bodies, large datagrams and messages.

use std::borrow::Cow;
use std::collections::HashMap;

use rusqlite::{Connection, params};
use sidestream_flow::Peer;
use sidestream_record::Part;

use super::chunk::Chunks;
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
            run.cut(|offset, data| {
                let size = data.len() as u64;
                let place = if data.len() < MIN_CHUNK_BYTES {
                    Place::Data(data)
                } else {
                    large.push(data);
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
        let large: Vec<&[u8]> = large.iter().map(|data| &data[..]).collect();
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
    /// Cuts it where chunks begin, and hands each piece over with its place in the body.
    fn cut(&self, mut each: impl FnMut(u64, Cow<'a, [u8]>)) {
        let mut begin = self.offset;
        let mut piece: Cow<'a, [u8]> = Cow::Borrowed(&[]);
        for mut data in self.pieces.iter().copied() {
            while !data.is_empty() {
                let end = begin - begin % CHUNK_BYTES + CHUNK_BYTES;
                let room = usize::try_from(end - begin).unwrap_or(usize::MAX) - piece.len();
                let (taken, rest) = data.split_at(room.min(data.len()));
                data = rest;
                if piece.is_empty() {
                    piece = Cow::Borrowed(taken);
                } else {
                    piece.to_mut().extend_from_slice(taken);
                }
                if taken.len() == room {
                    each(begin, std::mem::replace(&mut piece, Cow::Borrowed(&[])));
                    begin = end;
                }
            }
        }
        if !piece.is_empty() {
            each(begin, piece);
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
    let data: Vec<&[u8]> = messages.iter().filter_map(|message| message.content.data()).collect();
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
