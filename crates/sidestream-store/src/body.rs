//! A recorded body as a stream.

use std::io::{self, Read};

use rusqlite::{Connection, OptionalExtension, params};
use sidestream_flow::ExchangeId;
use sidestream_record::Part;

use crate::error::ReadError;
use crate::writer::part_name;

/// Reads a recorded body from its beginning to its end.
///
/// Where content was dropped, one read fails with [`ReadError::Dropped`] inside the
/// [`io::Error`], and the next goes on behind the gap: who stops at errors never takes a part for
/// the whole.
#[derive(Debug)]
pub struct BodyReader<'a> {
    connection: &'a Connection,
    exchange: ExchangeId,
    part: Part,
    /// The number of the stretch that came last.
    seq: i64,
    stretch: io::Cursor<Vec<u8>>,
}

impl<'a> BodyReader<'a> {
    pub(crate) const fn new(connection: &'a Connection, exchange: ExchangeId, part: Part) -> Self {
        Self { connection, exchange, part, seq: i64::MIN, stretch: io::Cursor::new(Vec::new()) }
    }

    /// Fetches the next stretch and returns whether there is one.
    fn fetch(&mut self) -> Result<bool, ReadError> {
        let next = self
            .connection
            .prepare_cached(
                "SELECT seq, offset, dropped, data FROM body
                 WHERE exchange = ?1 AND part = ?2 AND seq > ?3 ORDER BY seq LIMIT 1",
            )?
            .query_row(
                params![self.exchange.0.cast_signed(), part_name(self.part), self.seq],
                |row| {
                    let offset = row.get::<_, i64>(1)?.cast_unsigned();
                    let dropped = row.get::<_, i64>(2)?.cast_unsigned();
                    Ok((row.get(0)?, offset, dropped, row.get::<_, Option<Vec<u8>>>(3)?))
                },
            )
            .optional()?;
        let Some((seq, offset, dropped, data)) = next else { return Ok(false) };
        self.seq = seq;
        match data {
            Some(data) => self.stretch = io::Cursor::new(data),
            None => return Err(ReadError::Dropped { offset, bytes: dropped }),
        }
        Ok(true)
    }
}

impl Read for BodyReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.stretch.read(buffer)?;
            if read > 0 || buffer.is_empty() || !self.fetch()? {
                return Ok(read);
            }
        }
    }
}
