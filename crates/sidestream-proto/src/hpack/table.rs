//! The dynamic table (RFC 7541 §2.3.2, §4).

use std::collections::VecDeque;

use bytes::Bytes;
use sidestream_record::Field;

use super::DEFAULT_TABLE_BYTES;

/// What an entry weighs beside its name and value (RFC 7541 §4.1).
const OVERHEAD_BYTES: usize = 32;

/// Returns the size of a field as tables and limits count it (RFC 7541 §4.1).
pub(super) fn size_of(name: &[u8], value: &[u8]) -> usize {
    name.len() + value.len() + OVERHEAD_BYTES
}

/// The fields that were put into a dynamic table and not evicted from it yet.
///
/// Each entry weighs at least 32 bytes, so there are at most
/// [`max_bytes`](Self::max_bytes)` / 32`. Entries own their text: none keeps a read buffer alive.
#[derive(Clone, Debug)]
pub struct Table {
    /// The newest first.
    entries: VecDeque<Field>,
    size_bytes: usize,
    max_bytes: usize,
    /// How many were ever put in, wrapping around.
    inserted: u32,
}

impl Table {
    /// Makes an empty table that holds at most so many bytes.
    pub fn new(max_bytes: usize) -> Self {
        Self { entries: VecDeque::new(), size_bytes: 0, max_bytes, inserted: 0 }
    }

    /// Returns the entry at a place, 0 being the newest.
    pub fn get(&self, place: usize) -> Option<&Field> {
        self.entries.get(place)
    }

    /// Iterates over the entries, the newest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Field> + ExactSizeIterator {
        self.entries.iter()
    }

    /// Returns how many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns what the entries add up to, each its name, its value and 32.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Returns what the entries may add up to.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Returns the number of the next entry; the entry at place 0 has the number before.
    pub(super) fn next_number(&self) -> u32 {
        self.inserted
    }

    /// Changes what the entries may add up to, and evicts what is over it (RFC 7541 §4.3).
    pub(super) fn resize(&mut self, max_bytes: usize) {
        self.max_bytes = max_bytes;
        self.evict_to(max_bytes);
    }

    /// Returns whether an entry of that size can be held.
    pub(super) fn holds(&self, size_bytes: usize) -> bool {
        size_bytes <= self.max_bytes
    }

    /// Makes room for an entry and puts it in; one that is too large empties the table
    /// (RFC 7541 §4.4). `name` must not be a slice of something larger; `value` is copied.
    pub(super) fn insert(&mut self, name: Bytes, value: &[u8]) {
        let size_bytes = size_of(&name, value);
        let Some(room) = self.max_bytes.checked_sub(size_bytes) else {
            self.evict_to(0);
            return;
        };
        self.evict_to(room);
        self.entries.push_front(Field { name, value: Bytes::copy_from_slice(value) });
        self.size_bytes += size_bytes;
        self.inserted = self.inserted.wrapping_add(1);
    }

    fn evict_to(&mut self, max_bytes: usize) {
        while self.size_bytes > max_bytes {
            let Some(oldest) = self.entries.pop_back() else { break };
            self.size_bytes -= size_of(&oldest.name, &oldest.value);
        }
    }
}

impl Default for Table {
    /// Makes an empty table of the size that both ends begin with, 4,096 bytes.
    fn default() -> Self {
        Self::new(DEFAULT_TABLE_BYTES)
    }
}
