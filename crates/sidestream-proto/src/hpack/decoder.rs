//! Blocks in, fields out.

use bytes::{Bytes, BytesMut};
use sidestream_record::{Field, Fields};

use super::huffman::{self, Stop};
use super::table::size_of;
use super::{DEFAULT_TABLE_BYTES, DecodeError, Decoded, Indexing, Limits, Table, integer, statics};

/// Decodes the blocks of one direction of a connection.
#[derive(Clone, Debug)]
pub struct Decoder {
    limits: Limits,
    table: Table,
    announced: usize,
}

impl Decoder {
    /// Makes a decoder for a connection's beginning, where both ends know a table of 4,096 bytes.
    pub fn new(limits: Limits) -> Self {
        Self { limits, table: Table::default(), announced: DEFAULT_TABLE_BYTES }
    }

    /// Takes note of the `SETTINGS_HEADER_TABLE_SIZE` that the decoding end announced.
    ///
    /// When its announcement takes effect is known to the peers alone, so the table may be resized
    /// up to the largest size ever announced, and [`Limits::max_table_bytes`].
    pub fn announce(&mut self, bytes: u32) {
        self.announced = self.announced.max(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    /// Decodes the next block.
    ///
    /// Strings that stand in the block as they are become slices of it.
    ///
    /// # Errors
    /// Fails when the block is malformed or more than the limits allow, which
    /// [`DecodeError::is_limit`] tells apart. The table is unknown from then on: close the
    /// connection, or pass it on undecoded.
    pub fn decode(&mut self, block: &Bytes) -> Result<Decoded, DecodeError> {
        let mut reader = Reader::new(self, block);
        while let Some(&first) = reader.rest.first() {
            reader.step(first)?;
        }
        Ok(reader.decoded)
    }

    /// Returns the table as the last block left it.
    pub fn table(&self) -> &Table {
        &self.table
    }
}

/// A block that is being decoded.
struct Reader<'a> {
    limits: Limits,
    table: &'a mut Table,
    announced: usize,
    block: &'a Bytes,
    rest: &'a [u8],
    decoded: Decoded,
    size_bytes: usize,
    /// Room for the strings that are coded by Huffman, which share one allocation.
    texts: BytesMut,
}

/// The name of a field, and whether it is a slice of something larger.
struct Name {
    name: Bytes,
    shared: bool,
}

impl<'a> Reader<'a> {
    fn new(decoder: &'a mut Decoder, block: &'a Bytes) -> Self {
        let Decoder { limits, table, announced } = decoder;
        let (limits, announced, rest) = (*limits, *announced, &block[..]);
        // Room for what is usual; a field takes an octet at least.
        let usual = block.len().min(16);
        let (fields, indexing) = (Vec::with_capacity(usual), Vec::with_capacity(usual));
        let decoded = Decoded { fields: Fields(fields), indexing, ..Decoded::default() };
        let texts = BytesMut::new();
        Self { limits, table, announced, block, rest, decoded, size_bytes: 0, texts }
    }

    /// Takes what begins with that octet (RFC 7541 §6).
    fn step(&mut self, first: u8) -> Result<(), DecodeError> {
        match first {
            0x80.. => {
                let index = integer::take(&mut self.rest, 7)?;
                let field = self.field(index)?;
                self.push(field, Indexing::Incremental)
            }
            0x40.. => {
                let (name, value) = self.literal(6)?;
                // Its size is counted first, so that nothing beyond the limits is copied.
                self.push(Field { name: name.name, value }, Indexing::Incremental)?;
                self.insert_last(name.shared);
                Ok(())
            }
            0x20.. => self.resize(),
            0x10.. => self.push_literal(Indexing::Never),
            _ => self.push_literal(Indexing::Without),
        }
    }

    fn push_literal(&mut self, indexing: Indexing) -> Result<(), DecodeError> {
        let (name, value) = self.literal(4)?;
        self.push(Field { name: name.name, value }, indexing)
    }

    fn push(&mut self, field: Field, indexing: Indexing) -> Result<(), DecodeError> {
        if self.decoded.indexing.len() >= self.limits.max_fields {
            return Err(DecodeError::TooMany { limit: self.limits.max_fields });
        }
        self.size_bytes += size_of(&field.name, &field.value);
        if self.size_bytes > self.limits.max_bytes {
            return Err(self.too_large());
        }
        self.decoded.fields.0.push(field);
        self.decoded.indexing.push(indexing);
        Ok(())
    }

    /// Puts the last field into the table, without the buffer that its name may be a slice of.
    fn insert_last(&mut self, shared: bool) {
        let Some(Field { name, value }) = self.decoded.fields.0.last() else { return };
        let fits = self.table.holds(size_of(name, value));
        let name = if shared && fits { Bytes::copy_from_slice(name) } else { name.clone() };
        self.table.insert(name, value);
    }

    fn resize(&mut self) -> Result<(), DecodeError> {
        if !self.decoded.indexing.is_empty() {
            return Err(DecodeError::LateResize);
        }
        let bytes = integer::take(&mut self.rest, 5)?;
        if bytes > self.announced {
            return Err(DecodeError::ResizeBeyondAnnounced { bytes, announced: self.announced });
        }
        if bytes > self.limits.max_table_bytes {
            return Err(DecodeError::TableTooLarge { limit: self.limits.max_table_bytes });
        }
        self.table.resize(bytes);
        let smallest = self.decoded.smallest_table_size.map_or(bytes, |it| it.min(bytes));
        self.decoded.smallest_table_size = Some(smallest);
        self.decoded.table_size = Some(bytes);
        Ok(())
    }

    fn literal(&mut self, bits: u32) -> Result<(Name, Bytes), DecodeError> {
        let name = match integer::take(&mut self.rest, bits)? {
            0 => Name { name: self.string()?, shared: true },
            index => Name { name: self.name(index)?, shared: false },
        };
        Ok((name, self.string()?))
    }

    fn field(&self, index: usize) -> Result<Field, DecodeError> {
        if let Some(place) = index.checked_sub(statics::LEN + 1) {
            return self.table.get(place).cloned().ok_or_else(|| self.out_of_range(index));
        }
        statics::get(index).ok_or(DecodeError::IndexZero)
    }

    fn name(&self, index: usize) -> Result<Bytes, DecodeError> {
        if let Some(place) = index.checked_sub(statics::LEN + 1) {
            let entry = self.table.get(place).ok_or_else(|| self.out_of_range(index))?;
            return Ok(entry.name.clone());
        }
        statics::name(index).ok_or(DecodeError::IndexZero)
    }

    /// Takes a string (RFC 7541 §5.2).
    fn string(&mut self) -> Result<Bytes, DecodeError> {
        let coded = self.rest.first().is_some_and(|first| first & 0x80 != 0);
        let len = integer::take(&mut self.rest, 7)?;
        let (string, rest) = self.rest.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        if coded { self.text(string) } else { Ok(self.block.slice_ref(string)) }
    }

    fn text(&mut self, coded: &[u8]) -> Result<Bytes, DecodeError> {
        let room = self.limits.max_bytes.saturating_sub(self.size_bytes);
        let len = huffman::max_decoded_len(coded.len()).min(room);
        if self.texts.capacity() < len {
            // Enough for whatever else there is in the block.
            let rest = huffman::max_decoded_len(coded.len() + self.rest.len()).min(room);
            self.texts.reserve(rest.max(len));
        }
        self.texts.resize(len, 0);
        match huffman::decode(coded, &mut self.texts) {
            Ok(len) => Ok(self.texts.split_to(len).freeze()),
            Err(Stop::Full) => Err(self.too_large()),
            Err(Stop::Malformed(error)) => Err(error),
        }
    }

    fn too_large(&self) -> DecodeError {
        DecodeError::TooLarge { limit: self.limits.max_bytes }
    }

    fn out_of_range(&self, index: usize) -> DecodeError {
        DecodeError::IndexOutOfRange { index, last: statics::LEN + self.table.len() }
    }
}
