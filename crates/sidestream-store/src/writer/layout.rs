//! What a transaction writes of its entries and their content, packed: all that can be made ready
//! while the transaction before it is still written.

use std::collections::HashMap;

use rusqlite::{Connection, params};
use sidestream_flow::Peer;
use sidestream_record::Part;

use super::chunk::{Chunk, Chunks, Pieces};
use super::content::{Message, Runs, Stretch};
use super::extent::{Before, Ends, Extents};
use super::{INLINE_BYTES, INLINE_ENTRIES, Largest, Place};
use crate::block::{Added, Block};
use crate::kind;
use crate::row::{Content, Row, Update};
use crate::wire::{self, Head};

/// Lays out one transaction after the other.
///
/// What it makes depends on the rows alone, and on how far their exchanges had come: it is the same
/// whether the transaction before it is written already or not.
#[derive(Debug)]
pub(crate) struct Planner {
    place: Place,
    ends: Ends,
    pub(super) chunks: Chunks,
}

/// The rows of a transaction, laid out.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(super) after: Place,
    pub(super) blocks: Vec<PackedBlock>,
    /// The entries of bodies of which the content stands in their blocks.
    pub(super) inline: Vec<i64>,
    pub(super) stretches: Vec<Stretch>,
    pub(super) messages: Vec<Message>,
    pub(super) chunks: Vec<Chunk>,
}

/// A block as it is written.
#[derive(Debug)]
pub(super) struct PackedBlock {
    first: i64,
    count: usize,
    at: i64,
    /// The largest ids up to its end.
    largest: Largest,
    payload: Vec<u8>,
    size: usize,
}

impl Planner {
    /// Begins behind that place.
    pub(super) fn new(place: Place) -> Self {
        Self { place, ends: Ends::default(), chunks: Chunks::new() }
    }

    /// Goes on behind that place. If something was laid out that has not been written, or written
    /// that it has not laid out, what it remembers of exchanges is forgotten.
    pub(super) fn stand_at(&mut self, place: Place) {
        if self.place.seq != place.seq {
            self.ends.clear();
        }
        self.place = place;
    }

    /// Lays out the rows of a transaction. `find` returns how far exchanges have come, each that is
    /// there, when all is written that was laid out before; it is asked once at most.
    ///
    /// # Errors
    ///
    /// When `find` fails. These rows are passed over then: whoever writes them lays them out anew.
    pub(crate) fn lay_out<E>(
        &mut self,
        rows: &[Row],
        find: impl FnOnce(&[i64]) -> Result<Vec<Option<Before>>, E>,
    ) -> Result<Layout, E> {
        let newest = self.place.largest.exchange;
        let unknown = self.ends.unknown(newest, rows);
        if !unknown.is_empty() {
            let before = find(&unknown).inspect_err(|_| {
                rows.iter().for_each(|row| self.place.add(row));
                self.ends.clear();
            })?;
            self.ends.learn(&unknown, &before);
        }
        let mut draft = Draft::new(self.place, rows);
        rows.iter().for_each(|row| draft.add(&self.ends, row));
        self.place = draft.place;
        let Draft { place: after, blocks, extents, runs, messages, inline, mut large, .. } = draft;
        self.ends.remember(extents);
        let blocks = blocks.into_iter();
        let blocks = blocks.map(|(block, largest)| self.pack(block, largest)).collect();
        let mut contents = Vec::new();
        let stretches = runs.cut(&mut contents);
        let messages = messages
            .into_iter()
            .map(|message| Message {
                chunk: message.chunk.map(|index| contents.len() + index),
                ..message
            })
            .collect();
        contents.append(&mut large);
        let chunks = self.chunks.make(contents);
        Ok(Layout { after, blocks, inline, stretches, messages, chunks })
    }

    fn pack(&mut self, mut block: Block, largest: Largest) -> PackedBlock {
        block.seal();
        let Block { first, at, count, payload } = block;
        let size = payload.len();
        let packed = self.chunks.pack(&payload);
        let packed = (packed.len() < size).then(|| packed.to_vec());
        PackedBlock { first, count, at, largest, payload: packed.unwrap_or(payload), size }
    }
}

impl PackedBlock {
    pub(super) fn write(&self, to: &Connection) -> rusqlite::Result<()> {
        to.prepare_cached(
            "INSERT INTO block
                (first, count, at, max_flow, max_exchange, max_message, payload, size)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            self.first,
            self.count as i64,
            self.at,
            self.largest.flow.cast_signed(),
            self.largest.exchange.cast_signed(),
            self.largest.message.cast_signed(),
            &self.payload[..],
            self.size as i64
        ])?;
        Ok(())
    }
}

/// A transaction that is being laid out, not packed yet.
#[derive(Debug)]
struct Draft {
    place: Place,
    /// Each with the largest ids up to its end.
    blocks: Vec<(Block, Largest)>,
    /// How much is still to come of each body.
    coming: HashMap<(i64, Part), u64>,
    extents: Extents,
    runs: Runs,
    messages: Vec<Message>,
    /// The contents of messages.
    large: Vec<Pieces>,
    inline: Vec<i64>,
}

impl Draft {
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
            extents: Extents::new(place.largest.exchange),
            runs: Runs::default(),
            messages: Vec::new(),
            large: Vec::new(),
            inline: Vec::new(),
        }
    }

    fn add(&mut self, ends: &Ends, row: &Row) {
        self.place.add(row);
        let seq = self.place.seq;
        let added = match &row.update {
            Update::Body { part, content, .. } if content.len() > 0 => {
                self.add_body(ends, row, (*part, content))
            }
            Update::Body { .. } => Added::NOTHING,
            Update::Data { message, from, content } => match content.data() {
                Some(data) if content.len() <= INLINE_BYTES => inline(wire_field(row), data),
                _ => {
                    self.add_message(*message, *from, content);
                    Added::NOTHING
                }
            },
            _ => {
                self.extents.add(seq, row);
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
    }

    /// Adds a stretch of a body, to the block if the body is small as far as it is known.
    fn add_body<'a>(
        &mut self,
        ends: &Ends,
        row: &'a Row,
        (part, content): (Part, &'a Content),
    ) -> Added<'a> {
        let seq = self.place.seq;
        let body = (row.exchange.unwrap_or_default(), part);
        let extent = self.extents.add_body(ends, (seq, row), (part, content.len()));
        // What is counted down is what comes behind.
        let coming = self.coming.entry(body).or_default();
        let end = extent.offset.saturating_add(*coming);
        *coming = coming.saturating_sub(content.len());
        let mut head = Head::new();
        head.number(wire::body::OFFSET, extent.offset);
        match content.data() {
            Some(data) if end <= INLINE_BYTES && extent.distance <= INLINE_ENTRIES => {
                self.inline.push(seq);
                head.bytes(wire::body::DATA, data.len());
                Added { head, data }
            }
            data => {
                self.runs.add(body, extent.offset, content);
                head.number(wire::body::SIZE, content.len());
                match data {
                    Some(data) => head.number(wire::body::CHECK, crc32fast::hash(data).into()),
                    None => head.number(wire::body::DROPPED, 1),
                }
                Added { head, data: &[] }
            }
        }
    }

    fn add_message(&mut self, message: u64, from: Peer, content: &Content) {
        let chunk = content.data().map(|data| {
            self.large.push(data.clone().into());
            self.large.len() - 1
        });
        let (seq, dropped) = (self.place.seq, content.dropped());
        self.messages.push(Message { seq, message, from, dropped, chunk });
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
