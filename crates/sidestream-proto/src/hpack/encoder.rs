//! Fields in, blocks out.

use bytes::{Bytes, BytesMut};
use sidestream_record::{Field, Fields};

use super::hash::{SEED, hash};
use super::matches::Matches;
use super::table::size_of;
use super::{DEFAULT_TABLE_BYTES, Indexing, Limits, Table, huffman, integer, statics};

/// Encodes the blocks of one direction of a connection.
#[derive(Clone, Debug)]
pub struct Encoder {
    table: Table,
    matches: Matches,
    max_table_bytes: usize,
    /// The sizes that the table was given since the last block.
    resized: Option<Resized>,
}

/// Sizes that the next block has to tell of (RFC 7541 §4.2).
#[derive(Clone, Copy, Debug)]
struct Resized {
    smallest: usize,
    last: usize,
}

/// Where a field was found in the tables.
#[derive(Clone, Copy)]
enum Found {
    Field(usize),
    Name(usize),
    Nothing,
}

impl Encoder {
    /// Makes an encoder for a connection's beginning, where both ends know a table of 4,096 bytes,
    /// that never makes its table larger than `max_table_bytes`.
    pub fn new(max_table_bytes: usize) -> Self {
        let mut it = Self { max_table_bytes, ..Self::with_table(Table::default()) };
        it.resize(DEFAULT_TABLE_BYTES);
        it
    }

    /// Makes an encoder that goes on with a table that the receiver is known to have.
    ///
    /// Its table never becomes larger than 1 MiB, the default of [`Limits::max_table_bytes`], or
    /// than it is.
    pub fn with_table(table: Table) -> Self {
        let max_table_bytes = Limits::default().max_table_bytes.max(table.max_bytes());
        Self { matches: Matches::of(&table), table, max_table_bytes, resized: None }
    }

    /// Changes the table's size, of which the next block tells at its beginning.
    pub fn resize(&mut self, bytes: usize) {
        let bytes = bytes.min(self.max_table_bytes);
        if bytes == self.table.max_bytes() {
            return;
        }
        self.table.resize(bytes);
        let smallest = self.resized.map_or(bytes, |it| it.smallest.min(bytes));
        self.resized = Some(Resized { smallest, last: bytes });
    }

    /// Encodes a block, and appends it.
    ///
    /// Each field stands in it as `indexing` says at its place, [`Indexing::Incremental`] where it
    /// says nothing. A field that is larger than the table is kept out of it.
    pub fn encode(&mut self, fields: &Fields, indexing: &[Indexing], out: &mut BytesMut) {
        if let Some(Resized { smallest, last }) = self.resized.take() {
            if smallest < last {
                integer::put(out, 0x20, 5, smallest);
            }
            integer::put(out, 0x20, 5, last);
        }
        for (at, field) in fields.iter().enumerate() {
            self.put(field, indexing.get(at).copied().unwrap_or_default(), out);
        }
    }

    /// Returns the table as the receiver has it once it decodes the last block.
    pub fn table(&self) -> &Table {
        &self.table
    }

    fn put(&mut self, field: &Field, indexing: Indexing, out: &mut BytesMut) {
        let Field { name, value } = field;
        let name_hash = hash(SEED, name);
        let found = self.find(name_hash, field, indexing);
        let fits = self.table.holds(size_of(name, value));
        let (pattern, bits) = match (indexing, found) {
            (Indexing::Incremental, Found::Field(index)) => {
                integer::put(out, 0x80, 7, index);
                return;
            }
            (Indexing::Incremental, _) if fits => (0x40, 6),
            (Indexing::Incremental | Indexing::Without, _) => (0x00, 4),
            (Indexing::Never, _) => (0x10, 4),
        };
        let index = match found {
            Found::Field(index) | Found::Name(index) => index,
            Found::Nothing => 0,
        };
        integer::put(out, pattern, bits, index);
        if index == 0 {
            put_string(name, out);
        }
        put_string(value, out);
        if pattern == 0x40 {
            self.insert(index, field);
        }
    }

    fn find(&self, name_hash: u64, field: &Field, indexing: Indexing) -> Found {
        let Field { name, value } = field;
        let by_name = statics::find_name(name_hash, name);
        if indexing == Indexing::Incremental {
            if let Some(index) = by_name.and_then(|first| statics::find_value(first, value)) {
                return Found::Field(index);
            }
            let same = |other: &[u8], its: &[u8]| other == name && its == value;
            if let Some(place) = self.matches.find(&self.table, hash(name_hash, value), same) {
                return Found::Field(statics::LEN + 1 + place);
            }
        }
        let index = by_name.or_else(|| {
            let place = self.matches.find(&self.table, name_hash, |other, _| other == name)?;
            Some(statics::LEN + 1 + place)
        });
        index.map_or(Found::Nothing, Found::Name)
    }

    fn insert(&mut self, index: usize, field: &Field) {
        let name = match index.checked_sub(statics::LEN + 1) {
            Some(place) => self.table.get(place).map(|entry| entry.name.clone()),
            None => statics::name(index),
        };
        let name = name.unwrap_or_else(|| Bytes::copy_from_slice(&field.name));
        self.table.insert(name, &field.value);
        self.matches.insert(&self.table);
    }
}

/// Puts a string in the shorter of its two forms.
fn put_string(text: &[u8], out: &mut BytesMut) {
    let coded = huffman::encoded_len(text);
    if coded < text.len() {
        integer::put(out, 0x80, 7, coded);
        huffman::encode(text, out);
    } else {
        integer::put(out, 0x00, 7, text.len());
        out.extend_from_slice(text);
    }
}
