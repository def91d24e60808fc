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
    /// Where the next stretch begins.
    offset: u64,
    stretch: io::Cursor<Vec<u8>>,
}

impl<'a> BodyReader<'a> {
    pub(crate) const fn new(connection: &'a Connection, exchange: ExchangeId, part: Part) -> Self {
        Self { connection, exchange, part, offset: 0, stretch: io::Cursor::new(Vec::new()) }
    }

    /// Fetches the next stretch and returns whether there is one.
    fn fetch(&mut self) -> Result<bool, ReadError> {
        let next = self
            .connection
            .prepare_cached(
                "SELECT offset, dropped, data FROM body
                 WHERE exchange = ?1 AND part = ?2 AND offset >= ?3 ORDER BY offset LIMIT 1",
            )?
            .query_row(
                params![
                    self.exchange.0.cast_signed(),
                    part_name(self.part),
                    self.offset.cast_signed()
                ],
                |row| {
                    let offset = row.get::<_, i64>(0)?.cast_unsigned();
                    let dropped = row.get::<_, i64>(1)?.cast_unsigned();
                    Ok((offset, dropped, row.get::<_, Option<Vec<u8>>>(2)?))
                },
            )
            .optional()?;
        let Some((offset, dropped, data)) = next else { return Ok(false) };
        // At least one byte on, so that a damaged file cannot make this go in circles.
        let len = data.as_ref().map_or(dropped, |data| data.len() as u64).max(1);
        self.offset = offset.saturating_add(len);
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
