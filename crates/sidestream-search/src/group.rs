//! Columns side by side, cut into pages of rows.

use std::fmt;

use crate::{BITS, Column};

/// How many columns a group has at most.
pub const GROUP_COLUMNS: usize = 512;

/// How many pages a group has.
pub const PAGES: usize = 256;

/// How many rows a page has.
const PAGE_ROWS: usize = BITS / PAGES;

/// How many bytes the bits of a row take.
const ROW_BYTES: usize = GROUP_COLUMNS / 8;

/// Columns side by side: 2 MiB of bits, of which a search reads some rows.
#[derive(Clone)]
pub struct Group {
    bits: Vec<u8>,
    columns: usize,
}

/// Rows of a group, as bytes to be kept anywhere: in each row, the bit of column n is the bit
/// n % 8 of byte n / 8. What is missing at its end is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page(pub Vec<u8>);

/// Columns of a group, one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns([u64; ROW_BYTES / 8]);

impl Group {
    /// Returns how many columns it has.
    pub const fn len(&self) -> usize {
        self.columns
    }

    /// Returns whether it has none.
    pub const fn is_empty(&self) -> bool {
        self.columns == 0
    }

    /// Returns whether there is no room for another.
    pub const fn is_full(&self) -> bool {
        self.columns == GROUP_COLUMNS
    }

    /// Adds a column and returns its place.
    ///
    /// # Panics
    ///
    /// If the group is full.
    pub fn push(&mut self, column: &Column) -> usize {
        assert!(!self.is_full(), "whoever adds a column sees to there being room");
        let place = self.columns;
        let (byte, bit) = (place / 8, 1 << (place % 8));
        for row in column.rows() {
            self.bits[row * ROW_BYTES + byte] |= bit;
        }
        self.columns += 1;
        place
    }

    /// Cuts it into pages, which are as short as their bits allow.
    pub fn into_pages(self) -> Vec<Page> {
        let page = |rows: &[u8]| {
            let used = rows.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            Page(rows[..used].to_vec())
        };
        self.bits.chunks(PAGE_ROWS * ROW_BYTES).map(page).collect()
    }
}

impl Default for Group {
    fn default() -> Self {
        Self { bits: vec![0; BITS * ROW_BYTES], columns: 0 }
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl Page {
    /// Returns one that leaves nothing out, to stand for one that is lost.
    pub fn full() -> Self {
        Self(vec![u8::MAX; PAGE_ROWS * ROW_BYTES])
    }

    /// Returns the page on which a row stands.
    pub(crate) const fn of(row: usize) -> usize {
        row / PAGE_ROWS
    }

    /// Returns the columns of which the bit in a row is set.
    pub(crate) fn row(&self, row: usize) -> Columns {
        let begin = row % PAGE_ROWS * ROW_BYTES;
        let mut columns = Columns::NONE;
        let bytes = self.0.get(begin..).unwrap_or_default();
        for (index, byte) in bytes.iter().take(ROW_BYTES).enumerate() {
            columns.0[index / 8] |= u64::from(*byte) << (index % 8 * 8);
        }
        columns
    }
}

impl Columns {
    /// All that a group can have.
    pub const ALL: Self = Self([u64::MAX; ROW_BYTES / 8]);

    /// None.
    pub const NONE: Self = Self([0; ROW_BYTES / 8]);

    /// Returns whether that column is among them.
    pub fn contains(&self, column: usize) -> bool {
        self.0.get(column / 64).is_some_and(|word| word >> (column % 64) & 1 != 0)
    }

    /// Iterates over their places, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        (0..GROUP_COLUMNS).filter(|column| self.contains(*column))
    }

    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word &= other);
        self
    }

    pub(crate) fn or(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
        self
    }
}
