//! Blocks: entries that were committed together, as one protobuf message.
//!
//! A row and two indices for each entry would cost more than all the rest of recording.

use bytes::{Buf, Bytes};

use crate::row::Row;
use crate::wire::DecodeError;

/// From this size on a block is closed, so that a reader holds little at once.
const BLOCK_BYTES: usize = 256 * 1024;

/// A block of a busy time, so that it seldom has to grow.
const USUAL_BYTES: usize = 64 * 1024;

/// How many entries a block has at most. Whatever says more is damaged.
pub(crate) const BLOCK_ENTRIES: usize = 1024;

/// `Block.entries`, the only field: its number and that it has a length.
const ENTRIES: u8 = 1 << 3 | 2;

/// Fields of `Entry`: their numbers, and whether they are numbers or have a length.
mod field {
    pub(super) const KIND: u8 = 1 << 3;
    pub(super) const AT: u8 = 2 << 3;
    pub(super) const FLOW: u8 = 3 << 3;
    pub(super) const EXCHANGE: u8 = 4 << 3;
    pub(super) const PAYLOAD: u8 = 5 << 3 | 2;
}

/// An entry as it stands in a block, its number being its place there.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BlockEntry {
    #[prost(uint32, tag = "1")]
    pub(crate) kind: u32,
    /// Nanoseconds after the time of the block.
    #[prost(sint64, tag = "2")]
    pub(crate) at: i64,
    #[prost(uint64, tag = "3")]
    pub(crate) flow: u64,
    #[prost(uint64, optional, tag = "4")]
    pub(crate) exchange: Option<u64>,
    #[prost(bytes = "bytes", tag = "5")]
    pub(crate) payload: Bytes,
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
    pub(crate) fn push(&mut self, row: &Row) {
        let mut head = Head::new();
        head.put(field::KIND, u64::from(row.kind));
        head.put(field::AT, zigzag(row.at.wrapping_sub(self.at)));
        head.put(field::FLOW, row.flow.cast_unsigned());
        if let Some(exchange) = row.exchange {
            head.put(field::EXCHANGE, exchange.cast_unsigned());
        }
        head.put(field::PAYLOAD, row.payload.len() as u64);
        let head = head.as_bytes();
        let mut frame = Head::new();
        frame.put(ENTRIES, (head.len() + row.payload.len()) as u64);
        self.payload.reserve(frame.len + head.len() + row.payload.len());
        self.payload.extend_from_slice(frame.as_bytes());
        self.payload.extend_from_slice(head);
        self.payload.extend_from_slice(&row.payload);
        self.count += 1;
    }
}

/// Room for five fields of a tag and up to ten bytes each.
struct Head {
    bytes: [u8; 5 * 11],
    len: usize,
}

impl Head {
    const fn new() -> Self {
        Self { bytes: [0; 5 * 11], len: 0 }
    }

    fn put(&mut self, tag: u8, mut value: u64) {
        self.byte(tag);
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    fn byte(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Returns the number as protobuf writes a `sint64`, small where it is near zero.
const fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

/// Cuts a block into its entries, as far as it can be cut.
///
/// An entry that is damaged within itself does not hinder those after it.
pub(crate) fn cut(mut block: Bytes) -> Vec<Result<BlockEntry, DecodeError>> {
    let mut entries = Vec::new();
    while let Some(entry) = cut_one(&mut block)
        && entries.len() < BLOCK_ENTRIES
    {
        entries.push(prost::Message::decode(entry).map_err(DecodeError::from));
    }
    entries
}

fn cut_one(block: &mut Bytes) -> Option<Bytes> {
    if !block.has_remaining() || block.get_u8() != ENTRIES {
        return None;
    }
    let len = prost::decode_length_delimiter(&mut *block).ok()?;
    (len <= block.len()).then(|| block.split_to(len))
}

#[cfg(test)]
mod tests;
