//! Content read back: from blocks, stretches and chunks, or from the tables of older sessions.

use std::cell::RefCell;
use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use rusqlite::{Connection, OptionalExtension, params};
use sidestream_flow::ExchangeId;
use sidestream_record::Part;

use crate::block::{BlockEntry, cut, is_whole};
use crate::error::ReadError;
use crate::kind;
use crate::pack::unpack;
use crate::process::ProcessError;
use crate::schema::{SchemaVersion, Seq};
use crate::wire::{self, DecodeError, FieldReader, Value};
use crate::writer::{INLINE_ENTRIES, part_name};

/// How many chunks, and blocks, are kept unpacked: what is read next is mostly near.
const KEPT: usize = 4;

/// What is larger is not kept.
const KEPT_BYTES: usize = 1024 * 1024;

/// The content of a session.
#[derive(Debug)]
pub(crate) struct Contents {
    has_chunks: bool,
    /// Whether it has the table of bodies of a session before 3.0.
    has_old: bool,
    chunks: Kept,
    blocks: Kept,
}

/// What was unpacked last, by its id.
#[derive(Debug, Default)]
struct Kept(RefCell<VecDeque<(i64, Bytes)>>);

impl Kept {
    fn get(&self, id: i64) -> Option<Bytes> {
        self.0.borrow().iter().find(|(kept, _)| *kept == id).map(|(_, data)| data.clone())
    }

    fn put(&self, id: i64, data: &Bytes) {
        if data.len() > KEPT_BYTES {
            return;
        }
        let mut kept = self.0.borrow_mut();
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back((id, data.clone()));
    }
}

/// No body is longer: what says so is damaged.
const MOST_BYTES: u64 = i64::MAX.cast_unsigned();

/// Content of an entry, and how much of it was dropped if it was.
pub(crate) type Found = (Bytes, Option<u64>);

/// A stretch of a body.
#[derive(Debug)]
pub(crate) struct Stretch {
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) piece: Piece,
}

/// What is there of a stretch.
#[derive(Debug)]
pub(crate) enum Piece {
    Data(Bytes),
    Dropped,
    Damaged,
}

/// A block as it is stored.
#[derive(Debug)]
pub(crate) struct PackedBlock {
    pub(crate) first: i64,
    pub(crate) count: i64,
    pub(crate) at: i64,
    pub(crate) payload: Vec<u8>,
    pub(crate) size: Option<i64>,
}

impl PackedBlock {
    /// Reads the columns of that order.
    pub(crate) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            first: row.get(0)?,
            count: row.get(1)?,
            at: row.get(2)?,
            payload: row.get(3)?,
            size: row.get(4)?,
        })
    }

    /// Unpacks it; none if it is damaged.
    pub(crate) fn unpack(self) -> Option<Bytes> {
        let size = self.size.map_or(self.payload.len() as u64, i64::cast_unsigned);
        unpack(self.payload, size)
            .filter(|block| is_whole((self.first, self.at), self.count, block))
    }
}

/// What the event of a body's stretch says of its content.
#[derive(Debug, Default)]
struct BodyFields {
    part: u64,
    data: Option<Bytes>,
    offset: u64,
    size: u64,
    dropped: bool,
    check: Option<u64>,
}

impl BodyFields {
    fn decode(payload: Bytes) -> Result<Self, DecodeError> {
        let mut fields = Self::default();
        for field in FieldReader::new(payload) {
            match field? {
                (1, Value::Number(part)) => fields.part = part,
                (wire::body::DATA, Value::Bytes(data)) => fields.data = Some(data),
                (wire::body::OFFSET, Value::Number(offset)) => fields.offset = offset,
                (wire::body::SIZE, Value::Number(size)) => fields.size = size,
                (wire::body::DROPPED, Value::Number(dropped)) => fields.dropped = dropped != 0,
                (wire::body::CHECK, Value::Number(check)) => fields.check = Some(check),
                _ => {}
            }
        }
        Ok(fields)
    }
}

impl Contents {
    /// Looks at what tables a session of that version has.
    pub(crate) fn open(connection: &Connection, version: SchemaVersion) -> rusqlite::Result<Self> {
        Ok(Self {
            has_chunks: version.has_chunks(),
            has_old: connection.table_exists(None, "body")?,
            chunks: Kept::default(),
            blocks: Kept::default(),
        })
    }

    /// Returns whether there is a table of chunks.
    pub(crate) const fn has_chunks(&self) -> bool {
        self.has_chunks
    }

    /// Returns the query for a block, of which the place is the parameter.
    pub(crate) const fn block_query(&self) -> &'static str {
        if self.has_chunks {
            "SELECT first, count, at, payload, size,
                    (SELECT min(first) FROM block AS later WHERE later.first > block.first)
             FROM block WHERE first >= ?1 ORDER BY first LIMIT 1"
        } else {
            "SELECT first, count, at, payload, NULL,
                    (SELECT min(first) FROM block AS later WHERE later.first > block.first)
             FROM block WHERE first >= ?1 ORDER BY first LIMIT 1"
        }
    }

    /// Returns the query for the block that an entry is in, if there is one.
    pub(crate) const fn one_block_query(&self) -> &'static str {
        if self.has_chunks {
            "SELECT first, count, at, payload, size FROM block
             WHERE first <= ?1 ORDER BY first DESC LIMIT 1"
        } else {
            "SELECT first, count, at, payload, NULL FROM block
             WHERE first <= ?1 ORDER BY first DESC LIMIT 1"
        }
    }

    /// Unpacks a block; a damaged one is empty.
    pub(crate) fn block(&self, packed: PackedBlock) -> Bytes {
        let first = packed.first;
        if let Some(kept) = self.blocks.get(first) {
            return kept;
        }
        let unpacked = packed.unpack().unwrap_or_default();
        self.blocks.put(first, &unpacked);
        unpacked
    }

    /// Returns a chunk.
    fn chunk(&self, from: &Connection, id: i64) -> Result<Bytes, ProcessError> {
        if let Some(kept) = self.chunks.get(id) {
            return Ok(kept);
        }
        let found: Option<(i64, Vec<u8>, Vec<u8>)> = from
            .prepare_cached("SELECT size, data, hash FROM chunk WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let (size, data, hash) = found.ok_or(DecodeError::Damaged("a chunk of content"))?;
        let data = unpack(data, size.cast_unsigned())
            .filter(|data| blake3::hash(data).as_bytes()[..] == hash[..]);
        let data = data.ok_or(DecodeError::Damaged("a chunk of content"))?;
        self.chunks.put(id, &data);
        Ok(data)
    }

    /// Returns the content of an entry.
    pub(crate) fn of_entry(
        &self,
        from: &Connection,
        seq: i64,
        kind: &str,
        entry: &BlockEntry,
    ) -> Result<Found, ProcessError> {
        let field = match kind {
            "body" if entry.is_old => {
                return self.row(from, seq, "SELECT data, dropped, NULL FROM body WHERE seq = ?1");
            }
            "body" => return self.of_body(from, entry),
            "websocket" => wire::WEBSOCKET_DATA,
            "wire" => wire::WIRE_DATA,
            _ => wire::DATA_DATA,
        };
        for found in FieldReader::new(entry.payload.clone()) {
            if let (number, Value::Bytes(data)) = found?
                && number == field
            {
                return Ok((data, None));
            }
        }
        let query = if self.has_chunks {
            "SELECT data, dropped, chunk FROM content WHERE seq = ?1"
        } else {
            "SELECT data, dropped, NULL FROM content WHERE seq = ?1"
        };
        match self.row(from, seq, query)? {
            (data, None) if data.is_empty() && !entry.is_old => {
                Err(DecodeError::Damaged("the content of a message").into())
            }
            found => Ok(found),
        }
    }

    fn row(&self, from: &Connection, seq: i64, query: &str) -> Result<Found, ProcessError> {
        type Columns = (Option<Vec<u8>>, i64, Option<i64>);
        let found: Option<Columns> = from
            .prepare_cached(query)?
            .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        Ok(match found {
            Some((_, _, Some(chunk))) => (self.chunk(from, chunk)?, None),
            Some((Some(data), ..)) => (data.into(), None),
            Some((None, dropped, None)) => (Bytes::new(), Some(dropped.cast_unsigned())),
            None => (Bytes::new(), None),
        })
    }

    fn of_body(&self, from: &Connection, entry: &BlockEntry) -> Result<Found, ProcessError> {
        let BodyFields { part, data, offset, size, dropped, check } =
            BodyFields::decode(entry.payload.clone())?;
        if dropped {
            return Ok((Bytes::new(), Some(size)));
        }
        if data.is_some() || size == 0 {
            return Ok((data.unwrap_or_default(), None));
        }
        let exchange = ExchangeId(entry.exchange.unwrap_or_default());
        let part = if part == 1 { Part::Request } else { Part::Response };
        let end = offset.saturating_add(size);
        let checked = |data: Bytes| match check {
            Some(check) if u64::from(crc32fast::hash(&data)) != check => {
                Err(DecodeError::Damaged("the content of a body").into())
            }
            _ => Ok((data, None)),
        };
        let mut whole = BytesMut::new();
        let mut at = offset;
        while at < end {
            let stretch = self.stretch(from, exchange, part, at)?;
            let damaged = DecodeError::Damaged("the content of a body");
            let Some(Stretch { offset: begin, piece: Piece::Data(data), .. }) = stretch else {
                return Err(damaged.into());
            };
            let skipped = at.checked_sub(begin).and_then(|skipped| usize::try_from(skipped).ok());
            let Some(skipped) = skipped.filter(|skipped| *skipped < data.len()) else {
                return Err(damaged.into());
            };
            let wanted = usize::try_from(end - at).unwrap_or(usize::MAX);
            let piece = data.slice(skipped..data.len().min(skipped.saturating_add(wanted)));
            at += piece.len() as u64;
            if at == end && whole.is_empty() {
                return checked(piece);
            }
            whole.extend_from_slice(&piece);
        }
        checked(whole.freeze())
    }

    /// Returns the stretch of a body at that offset, or the first behind it.
    pub(crate) fn stretch(
        &self,
        from: &Connection,
        exchange: ExchangeId,
        part: Part,
        offset: u64,
    ) -> Result<Option<Stretch>, ProcessError> {
        // Nothing begins so far back or beyond but what a damaged session says.
        if i64::try_from(offset).is_err() {
            return Ok(None);
        }
        let queries: &[&str] = match (self.has_chunks, self.has_old) {
            (true, false) => &[STRETCH],
            (true, true) => &[STRETCH, OLD_STRETCH],
            (false, _) => &[OLD_STRETCH],
        };
        for query in queries {
            let found = from
                .prepare_cached(query)?
                .query_row(
                    params![exchange.0.cast_signed(), part_name(part), offset.cast_signed()],
                    |row| {
                        Ok((
                            row.get::<_, i64>(0)?.cast_unsigned(),
                            row.get::<_, i64>(1)?.cast_unsigned(),
                            row.get::<_, Option<Vec<u8>>>(2)?,
                            row.get::<_, Option<i64>>(3)?,
                        ))
                    },
                )
                .optional()?;
            let Some((begin, size, data, chunk)) = found else { continue };
            // What ends before it begins would be found again and again.
            if begin.checked_add(size).is_none_or(|end| end <= offset || end > MOST_BYTES) {
                return Ok(None);
            }
            let offset = begin;
            let data = match (data, chunk) {
                (Some(data), _) => Ok(Bytes::from(data)),
                (None, Some(chunk)) => self.chunk(from, chunk),
                (None, None) => {
                    return Ok(Some(Stretch { offset, size, piece: Piece::Dropped }));
                }
            };
            let piece = match data {
                Ok(data) if data.len() as u64 == size => Piece::Data(data),
                Ok(_) | Err(ProcessError::Decode(_)) => Piece::Damaged,
                Err(error) => return Err(error),
            };
            return Ok(Some(Stretch { offset, size, piece }));
        }
        Ok(None)
    }

    /// Returns the entries of an exchange among which some content stands in blocks, from the
    /// first to the last that does.
    pub(crate) fn inline_range(
        &self,
        from: &Connection,
        exchange: ExchangeId,
    ) -> rusqlite::Result<Option<(i64, i64)>> {
        if !self.has_chunks {
            return Ok(None);
        }
        let range: Option<(i64, Option<i64>)> = from
            .prepare_cached("SELECT first_seq, inline_seq FROM exchange WHERE id = ?1")?
            .query_row([exchange.0.cast_signed()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        // A damaged session may say more than is ever written.
        let bounded = |first: i64, last: i64| last.min(first.saturating_add(INLINE_ENTRIES));
        Ok(range.and_then(|(first, last)| Some((first, bounded(first, last?)))))
    }

    /// Returns the stretches of a body that stand in blocks, in their order.
    pub(crate) fn inline(
        &self,
        from: &Connection,
        (first, last): (i64, i64),
        exchange: ExchangeId,
        part: Part,
    ) -> Result<VecDeque<(u64, Bytes)>, ReadError> {
        let mut stretches = VecDeque::new();
        let mut statement = from.prepare_cached(
            "SELECT first, count, at, payload, size FROM block
             WHERE first <= ?2
             AND first >= coalesce((SELECT max(first) FROM block WHERE first <= ?1), ?1)
             ORDER BY first",
        )?;
        let mut rows = statement.query([first, last])?;
        while let Some(row) = rows.next()? {
            let first = row.get(0)?;
            let payload = match self.blocks.get(first) {
                Some(kept) => kept,
                None => self.block(PackedBlock::read(row)?),
            };
            for (place, entry) in (0_i64..).zip(cut(payload)) {
                let seq = i64::saturating_add(first, place);
                let damaged = |error: DecodeError| ReadError::Damaged {
                    seq: Seq(seq.cast_unsigned()),
                    what: error.to_string(),
                };
                let Ok(entry) = entry else { continue };
                let is_body = kind::name(entry.kind) == Some("body") && !entry.is_old;
                if !is_body || entry.exchange != Some(exchange.0) {
                    continue;
                }
                let fields = BodyFields::decode(entry.payload).map_err(damaged)?;
                let of_part = fields.part == if part == Part::Request { 1 } else { 2 };
                if let Some(data) = fields.data.filter(|_| of_part) {
                    stretches.push_back((fields.offset, data));
                }
            }
        }
        Ok(stretches)
    }
}

const STRETCH: &str = "SELECT offset, size, data, chunk FROM stretch
    WHERE exchange = ?1 AND part = ?2 AND size > 0
    AND offset >= coalesce(
        (SELECT max(offset) FROM stretch
         WHERE exchange = ?1 AND part = ?2 AND offset BETWEEN 0 AND ?3 AND offset + size > ?3),
        ?3)
    ORDER BY offset LIMIT 1";

/// The same in a session before 3.0.
const OLD_STRETCH: &str =
    "SELECT offset, CASE WHEN data IS NULL THEN dropped ELSE length(data) END,
        data, NULL FROM body
    WHERE exchange = ?1 AND part = ?2
    AND offset + CASE WHEN data IS NULL THEN dropped ELSE length(data) END > ?3
    ORDER BY offset LIMIT 1";
