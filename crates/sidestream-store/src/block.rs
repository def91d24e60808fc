//! Blocks: entries that were committed together, as one protobuf message.
//!
//! A row and two indices for each entry would cost more than all the rest of recording.

use bytes::{Buf, Bytes};

use crate::row::Row;
use crate::wire::{DecodeError, FieldReader, Head, Value, unzigzag, zigzag};

/// From this size on a block is closed, so that a reader holds little at once.
const BLOCK_BYTES: usize = 256 * 1024;

/// A block of a busy time, so that it seldom has to grow.
const USUAL_BYTES: usize = 64 * 1024;

/// How many entries a block has at most. Whatever says more is damaged.
pub(crate) const BLOCK_ENTRIES: usize = 1024;

/// `Block.entries`, the only field: its number and that it has a length.
const ENTRIES: u8 = 1 << 3 | 2;

/// `Block.check`, the last field: its number and that it has eight bytes.
const CHECK: u8 = 15 << 3 | 1;

/// How many bytes it has with those.
const CHECK_BYTES: usize = 9;

/// What stands in the place of an entry that was taken out.
pub(crate) const BLANK: [u8; 2] = [ENTRIES, 0];

/// Fields of `Entry`.
mod field {
    /// Of sessions before 3.0, as [`PAYLOAD`] is.
    pub(super) const KIND: u32 = 1;
    pub(super) const AT: u32 = 2;
    pub(super) const FLOW: u32 = 3;
    pub(super) const EXCHANGE: u32 = 4;
    pub(super) const PAYLOAD: u32 = 5;
    /// The event of kind n stands in the field of this number plus n.
    pub(super) const EVENTS: u32 = 10;
}

/// An entry as it stands in a block, its number being its place there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct BlockEntry {
    pub(crate) kind: u32,
    /// Nanoseconds after the time of the block.
    pub(crate) at: i64,
    pub(crate) flow: u64,
    pub(crate) exchange: Option<u64>,
    pub(crate) payload: Bytes,
    /// Whether its content stands in tables, as in sessions before 3.0.
    pub(crate) is_old: bool,
}

impl BlockEntry {
    /// Returns whether it was taken out.
    pub(crate) fn is_blank(&self) -> bool {
        self.kind == 0 && self.flow == 0 && self.payload.is_empty()
    }

    fn decode(entry: Bytes) -> Result<Self, DecodeError> {
        let mut decoded = Self::default();
        for field in FieldReader::new(entry) {
            match field? {
                (field::KIND, Value::Number(kind)) => {
                    decoded.kind = u32::try_from(kind).unwrap_or_default();
                    decoded.is_old = true;
                }
                (field::AT, Value::Number(at)) => decoded.at = unzigzag(at),
                (field::FLOW, Value::Number(flow)) => decoded.flow = flow,
                (field::EXCHANGE, Value::Number(exchange)) => decoded.exchange = Some(exchange),
                (field::PAYLOAD, Value::Bytes(payload)) => decoded.payload = payload,
                (number, Value::Bytes(payload)) if number > field::EVENTS => {
                    decoded.kind = number - field::EVENTS;
                    decoded.payload = payload;
                }
                _ => {}
            }
        }
        Ok(decoded)
    }
}

/// A block that is being put together.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) first: i64,
    /// The time of its first entry, from which the others are counted.
    pub(crate) at: i64,
    pub(crate) count: usize,
    pub(crate) payload: Vec<u8>,
}

/// What the writer adds to an event: where its content is, or the content itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Added<'a> {
    /// Fields, the last of which may be the head of the data.
    pub(crate) head: Head,
    /// The data, which may be empty.
    pub(crate) data: &'a [u8],
}

impl Added<'_> {
    /// Adds nothing.
    pub(crate) const NOTHING: Self = Self { head: Head::new(), data: &[] };

    const fn len(&self) -> usize {
        self.head.len() + self.data.len()
    }
}

impl Block {
    /// Begins a block with the number and the time of its first entry.
    pub(crate) fn new(first: i64, at: i64) -> Self {
        Self { first, at, count: 0, payload: Vec::with_capacity(USUAL_BYTES) }
    }

    /// Returns whether the next entry has to begin another block.
    pub(crate) const fn is_full(&self) -> bool {
        self.count >= BLOCK_ENTRIES || self.payload.len() >= BLOCK_BYTES
    }

    /// Adds an entry. Written by hand, since the payload is only borrowed.
    pub(crate) fn push(&mut self, row: &Row, added: Added<'_>) {
        let event = row.payload.len() + added.len();
        let mut head = Head::new();
        head.number(field::AT, zigzag(row.at.wrapping_sub(self.at)));
        head.number(field::FLOW, row.flow.cast_unsigned());
        if let Some(exchange) = row.exchange {
            head.number(field::EXCHANGE, exchange.cast_unsigned());
        }
        head.bytes(field::EVENTS + row.kind, event);
        let mut frame = Head::new();
        frame.bytes(u32::from(ENTRIES >> 3), head.len() + event);
        self.payload.reserve(frame.len() + head.len() + event);
        self.payload.extend_from_slice(frame.as_bytes());
        self.payload.extend_from_slice(head.as_bytes());
        self.payload.extend_from_slice(&row.payload);
        self.payload.extend_from_slice(added.head.as_bytes());
        self.payload.extend_from_slice(added.data);
        self.count += 1;
    }

    /// Adds by what damage is found. Nothing is added behind it.
    pub(crate) fn seal(&mut self) {
        seal((self.first, self.at), &mut self.payload);
    }
}

/// Adds to entries that begin with that number and time by what damage is found.
pub(crate) fn seal(place: (i64, i64), payload: &mut Vec<u8>) {
    let check = check(place, payload);
    payload.push(CHECK);
    payload.extend_from_slice(&check);
}

fn check((first, at): (i64, i64), entries: &[u8]) -> [u8; CHECK_BYTES - 1] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&first.to_le_bytes()).update(&at.to_le_bytes()).update(entries);
    let hash = hasher.finalize();
    let mut check = [0; CHECK_BYTES - 1];
    check.copy_from_slice(&hash.as_bytes()[..CHECK_BYTES - 1]);
    check
}

/// Returns whether a block of so many entries is as it was written, as far as that can be known:
/// of one that was written before 3.1, whether it can be cut.
pub(crate) fn is_whole(place: (i64, i64), count: i64, block: &Bytes) -> bool {
    if let Some((entries, [CHECK, sum @ ..])) = block.split_last_chunk::<CHECK_BYTES>()
        && check(place, entries) == *sum
    {
        return true;
    }
    let mut rest = block.clone();
    let entries = std::iter::from_fn(|| cut_one(&mut rest)).count();
    rest.is_empty() && i64::try_from(entries) == Ok(count)
}

/// Cuts a block into its entries, as far as it can be cut.
///
/// An entry that is damaged within itself does not hinder those after it.
pub(crate) fn cut(mut block: Bytes) -> Vec<Result<BlockEntry, DecodeError>> {
    let mut entries = Vec::new();
    while let Some(entry) = cut_one(&mut block)
        && entries.len() < BLOCK_ENTRIES
    {
        entries.push(BlockEntry::decode(entry));
    }
    entries
}

/// Does the same, and returns with each entry the bytes that stand for it in the block.
pub(crate) fn cut_with_bytes(mut block: Bytes) -> Vec<(Bytes, Result<BlockEntry, DecodeError>)> {
    let mut entries = Vec::new();
    let mut rest = block.clone();
    while let Some(entry) = cut_one(&mut block)
        && entries.len() < BLOCK_ENTRIES
    {
        let bytes = rest.split_to(rest.len() - block.len());
        entries.push((bytes, BlockEntry::decode(entry)));
    }
    entries
}

fn cut_one(block: &mut Bytes) -> Option<Bytes> {
    let mut rest = block.clone();
    if !rest.has_remaining() || rest.get_u8() != ENTRIES {
        return None;
    }
    let len = prost::decode_length_delimiter(&mut rest).ok().filter(|len| *len <= rest.len())?;
    let entry = rest.split_to(len);
    *block = rest;
    Some(entry)
}

#[cfg(test)]
mod tests;
