//! Content that does not stand in blocks: stretches of bodies, large datagrams and messages.

use std::collections::HashMap;

use bytes::Bytes;
use rusqlite::{Connection, params};
use sidestream_flow::Peer;
use sidestream_record::Part;

use super::chunk::Pieces;
use super::insert::Insert;
use super::part_name;
use crate::row::Content;

/// Chunks of bodies begin at multiples of this, so that the same body makes the same chunks
/// however it came.
const CHUNK_BYTES: u64 = 64 * 1024;

/// What is smaller is not worth a row and an index entry of its own.
const MIN_CHUNK_BYTES: usize = 4 * 1024;

/// What comes of bodies in a transaction, beside its blocks.
#[derive(Debug, Default)]
pub(super) struct Runs {
    index: HashMap<(i64, Part), usize>,
    runs: Vec<Run>,
}

/// What came of a body without a gap, or a gap.
#[derive(Debug)]
struct Run {
    exchange: i64,
    part: Part,
    offset: u64,
    size: u64,
    pieces: Vec<Bytes>,
}

/// A stretch of a body, which is a row of the table.
#[derive(Debug)]
pub(super) struct Stretch {
    exchange: i64,
    part: Part,
    offset: u64,
    size: u64,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Data(Bytes),
    /// The chunk at that place among those of the transaction.
    Chunk(usize),
    Dropped,
}

impl Runs {
    /// Adds what comes next of a body.
    pub(super) fn add(&mut self, (exchange, part): (i64, Part), offset: u64, content: &Content) {
        let size = content.len();
        let last = self.index.get(&(exchange, part)).and_then(|at| self.runs.get_mut(*at));
        match (last, content.data().cloned()) {
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

    /// Cuts them into stretches, and adds what is large of them to the contents of chunks.
    pub(super) fn cut(self, large: &mut Vec<Pieces>) -> Vec<Stretch> {
        let mut stretches = Vec::new();
        for Run { exchange, part, offset, size, pieces } in self.runs {
            if pieces.is_empty() {
                let place = Place::Dropped;
                stretches.push(Stretch { exchange, part, offset, size, place });
            }
            cut(offset, pieces, |offset, pieces| {
                let size = pieces.len() as u64;
                let place = if pieces.len() < MIN_CHUNK_BYTES {
                    Place::Data(pieces.join())
                } else {
                    large.push(pieces);
                    Place::Chunk(large.len() - 1)
                };
                stretches.push(Stretch { exchange, part, offset, size, place });
            });
        }
        stretches
    }
}

/// Cuts what begins there in a body where chunks begin, and hands each part over with its place.
fn cut(offset: u64, pieces: Vec<Bytes>, mut each: impl FnMut(u64, Pieces)) {
    let (mut begin, mut at) = (offset, offset);
    let mut part = Pieces::default();
    for mut data in pieces {
        while !data.is_empty() {
            let end = begin - begin % CHUNK_BYTES + CHUNK_BYTES;
            let room = usize::try_from(end - at).unwrap_or(usize::MAX);
            let taken = data.split_to(room.min(data.len()));
            at += taken.len() as u64;
            part.push(taken);
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

/// Writes stretches of bodies, of which the chunks have these ids.
pub(super) fn write_stretches(
    stretches: &[Stretch],
    ids: &[i64],
    to: &Connection,
    insert: &Insert,
) -> rusqlite::Result<()> {
    insert.rows(to, stretches, |row, cells| {
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

/// Prepares for stretches of bodies.
pub(super) fn insert_stretches() -> Insert {
    Insert::new("stretch", &["exchange", "part", "offset", "size", "dropped", "chunk", "data"])
}

/// Content that belongs to no body: a chunk, or how much of it was dropped.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) seq: i64,
    pub(super) message: u64,
    pub(super) from: Peer,
    pub(super) dropped: u64,
    /// The place of its chunk among those of the transaction.
    pub(super) chunk: Option<usize>,
}

/// Writes messages, of which the chunks have these ids.
pub(super) fn write_messages(
    messages: &[Message],
    ids: &[i64],
    to: &Connection,
) -> rusqlite::Result<()> {
    for Message { seq, message, from, dropped, chunk } in messages {
        to.prepare_cached(
            "INSERT INTO content (seq, message, sender, dropped, chunk) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            seq,
            message.cast_signed(),
            from.to_string(),
            dropped.cast_signed(),
            chunk.and_then(|index| ids.get(index))
        ])?;
    }
    Ok(())
}
