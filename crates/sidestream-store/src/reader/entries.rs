//! The entries of a session, read block by block.

use std::ops::{Bound, RangeBounds};

use bytes::Bytes;
use rusqlite::OptionalExtension;
use sidestream_flow::{ExchangeId, FlowId};
use sidestream_record::Entry;

use super::Reader;
use crate::block::{BLOCK_ENTRIES, BlockEntry, cut};
use crate::content::PackedBlock;
use crate::error::ReadError;
use crate::kind;
use crate::process::ProcessError;
use crate::schema::Seq;
use crate::text::Wanted;
use crate::wire::{self, DecodeError};

impl Reader {
    /// Iterates over entries in the order in which they were recorded.
    ///
    /// It holds one block of entries and the content of one. A stretch of content that was dropped
    /// comes as an event that tells how much it was. An entry of a kind that only a newer version
    /// knows is passed over and counted.
    pub fn entries(&self, range: impl RangeBounds<Seq>) -> Entries<'_> {
        let first = match range.start_bound() {
            Bound::Included(seq) => seq.0,
            Bound::Excluded(seq) => seq.0.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let last = match range.end_bound() {
            Bound::Included(seq) => Some(seq.0),
            Bound::Excluded(seq) => seq.0.checked_sub(1),
            Bound::Unbounded => Some(u64::MAX),
        };
        Entries {
            reader: self,
            next: i64::try_from(first).unwrap_or(i64::MAX),
            last: last.map_or(-1, |last| i64::try_from(last).unwrap_or(i64::MAX)),
            block: None,
            page: Vec::new().into_iter(),
            seq: None,
            skipped: 0,
            ended: false,
            choice: Choice::All,
        }
    }

    /// Iterates over entries as [`entries`](Self::entries) does, without those of exchanges that
    /// are not wanted, and without messages of flows that are not.
    pub fn wanted_entries<'a>(
        &'a self,
        range: impl RangeBounds<Seq>,
        wanted: &'a Wanted,
    ) -> Entries<'a> {
        Entries { choice: Choice::Wanted(wanted), ..self.entries(range) }
    }

    /// Iterates over entries without what was on the wire and how that is decrypted, which tells
    /// nothing of what was said that the others do not.
    pub fn without_wire(&self, range: impl RangeBounds<Seq>) -> Entries<'_> {
        Entries { choice: Choice::NoWire, ..self.entries(range) }
    }

    /// Iterates over entries without the stretches of bodies, and without what was on the wire.
    pub(crate) fn without_bodies(&self, range: impl RangeBounds<Seq>) -> Entries<'_> {
        Entries { choice: Choice::NoBodies, ..self.entries(range) }
    }

    /// Returns the block that holds an entry, or the first after it.
    fn block_of(&self, seq: i64) -> rusqlite::Result<Option<StoredBlock>> {
        let first: Option<i64> = self
            .connection
            .prepare_cached("SELECT max(first) FROM block WHERE first <= ?1")?
            .query_row([seq], |row| row.get(0))?;
        self.block(first.unwrap_or(seq))
    }

    /// Returns the first block that begins with this entry or a later one.
    fn block(&self, first: i64) -> rusqlite::Result<Option<StoredBlock>> {
        let stored = |row: &rusqlite::Row<'_>| {
            let packed = PackedBlock::read(row)?;
            Ok(StoredBlock {
                first: packed.first,
                count: packed.count,
                at: packed.at,
                payload: self.contents.block(packed),
                after: row.get(5)?,
            })
        };
        self.connection
            .prepare_cached(self.contents.block_query())?
            .query_row([first], stored)
            .optional()
    }

    /// Returns whether an entry is not there any more: it may have been taken out after its block
    /// was read, and what belonged to it with it.
    fn is_taken_out(&self, seq: Seq) -> rusqlite::Result<bool> {
        let seq = seq.0.cast_signed();
        let found = self
            .connection
            .prepare_cached(self.contents.one_block_query())?
            .query_row([seq], PackedBlock::read)
            .optional()?;
        let Some(block) = found else { return Ok(true) };
        let (place, count) = (seq.saturating_sub(block.first), block.count);
        let entries = block.unpack().map(cut).unwrap_or_default();
        let entry = usize::try_from(place).ok().and_then(|place| entries.get(place));
        let is_blank =
            |entry: &Result<BlockEntry, _>| entry.as_ref().is_ok_and(BlockEntry::is_blank);
        Ok(place >= count || entry.is_some_and(is_blank))
    }
}

/// A row of the table of blocks.
#[derive(Debug)]
struct StoredBlock {
    first: i64,
    count: i64,
    at: i64,
    payload: Bytes,
    /// Where the next block begins.
    after: Option<i64>,
}

impl StoredBlock {
    /// Cuts it into its entries, of which those that cannot be cut out are damaged one by one.
    fn into_entries(self) -> impl Iterator<Item = Stored> {
        let Self { first, at, .. } = self;
        let room = self.after.map_or(i64::MAX, |after| after.saturating_sub(first));
        // Of a damaged table the next may begin before this one, and this one at the last number.
        let most = i64::try_from(BLOCK_ENTRIES).unwrap_or(i64::MAX).min(room).max(0);
        let count = usize::try_from(self.count.clamp(0, most)).unwrap_or(BLOCK_ENTRIES);
        let lost = || Err(DecodeError::Damaged("the block from here on"));
        let entries = cut(self.payload).into_iter().chain(std::iter::repeat_with(lost));
        let stored = move |(place, entry)| Stored { seq: first.saturating_add(place), at, entry };
        (0..).zip(entries).take(count).map(stored)
    }
}

/// An entry of a block.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) seq: i64,
    /// The time of its block.
    pub(crate) at: i64,
    pub(crate) entry: Result<BlockEntry, DecodeError>,
}

/// Iterates over entries of a session.
///
/// After a damaged entry it goes on with the next; after an error of the storage it ends.
#[derive(Debug)]
pub struct Entries<'a> {
    reader: &'a Reader,
    next: i64,
    last: i64,
    /// Where the block in hand begins.
    block: Option<i64>,
    page: std::vec::IntoIter<Stored>,
    seq: Option<Seq>,
    skipped: u64,
    ended: bool,
    choice: Choice<'a>,
}

/// Which entries are read.
#[derive(Clone, Copy, Debug)]
enum Choice<'a> {
    All,
    /// All but the stretches of bodies, and what was on the wire.
    NoBodies,
    /// All but what was on the wire.
    NoWire,
    Wanted(&'a Wanted),
}

impl Choice<'_> {
    fn passes(self, entry: &BlockEntry) -> bool {
        match self {
            Self::All => true,
            Self::NoBodies => !matches!(kind::name(entry.kind), Some("body" | "wire" | "secrets")),
            Self::NoWire => !matches!(kind::name(entry.kind), Some("wire" | "secrets")),
            Self::Wanted(wanted) => match (entry.exchange, kind::name(entry.kind)) {
                (Some(exchange), _) => wanted.has_exchange(exchange),
                (None, Some("data")) => wanted.has_flow(entry.flow),
                (None, Some("websocket")) => {
                    let opening = wire::web_socket_exchange(&entry.payload);
                    opening.is_none_or(|exchange| wanted.has_exchange(exchange))
                }
                (None, Some("wire" | "secrets")) => false,
                (None, _) => true,
            },
        }
    }
}

impl Entries<'_> {
    /// Returns the number of the entry that came last, after which a later look can go on.
    pub const fn seq(&self) -> Option<Seq> {
        self.seq
    }

    /// Returns how many entries were passed over because only a newer version knows them.
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Returns whether the next entry begins a block.
    pub(crate) fn is_between_blocks(&self) -> bool {
        self.page.len() == 0
    }

    pub(crate) fn stored(&mut self) -> rusqlite::Result<Option<Stored>> {
        while self.page.len() == 0 && !self.ended {
            let block = match self.block.map(|first| first.checked_add(1)) {
                Some(Some(after)) => self.reader.block(after)?,
                Some(None) => None,
                None => self.reader.block_of(self.next)?,
            };
            let Some(block) = block.filter(|block| block.first <= self.last) else {
                self.ended = true;
                break;
            };
            self.block = Some(block.first);
            let wanted = self.next..=self.last;
            let is_there = |stored: &Stored| {
                let is_blank = stored.entry.as_ref().is_ok_and(BlockEntry::is_blank);
                !is_blank && wanted.contains(&stored.seq)
            };
            let page: Vec<_> = block.into_entries().filter(is_there).collect();
            self.page = page.into_iter();
        }
        Ok(self.page.next())
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_of(&|_, _| true)
    }
}

impl Entries<'_> {
    /// Returns the next that is wanted, and decodes no other.
    pub(crate) fn next_of(
        &mut self,
        wanted: &impl Fn(FlowId, Option<ExchangeId>) -> bool,
    ) -> Option<Result<Entry, ReadError>> {
        loop {
            let stored = match self.stored() {
                Ok(stored) => stored?,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error.into()));
                }
            };
            let seq = Seq(stored.seq.cast_unsigned());
            self.seq = Some(seq);
            if let Ok(entry) = &stored.entry
                && !(self.choice.passes(entry)
                    && wanted(FlowId(entry.flow), entry.exchange.map(ExchangeId)))
            {
                continue;
            }
            match self.reader.decode(stored) {
                Ok(entry) => return Some(Ok(entry)),
                Err(ProcessError::Decode(DecodeError::Unknown)) => self.skipped += 1,
                Err(ProcessError::Decode(error)) => match self.reader.is_taken_out(seq) {
                    Ok(true) => {}
                    Ok(false) => {
                        return Some(Err(ReadError::Damaged { seq, what: error.to_string() }));
                    }
                    Err(error) => {
                        self.ended = true;
                        return Some(Err(error.into()));
                    }
                },
                Err(ProcessError::Storage(error)) => {
                    self.ended = true;
                    self.page = Vec::new().into_iter();
                    return Some(Err(error.into()));
                }
            }
        }
    }
}

impl std::iter::FusedIterator for Entries<'_> {}
