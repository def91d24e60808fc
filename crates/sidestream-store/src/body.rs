//! A recorded body as a stream.

use std::collections::VecDeque;
use std::io::{self, Read};

use bytes::{Buf, Bytes};
use sidestream_flow::ExchangeId;
use sidestream_record::Part;

use crate::content::{Piece, Stretch};
use crate::error::ReadError;
use crate::process::ProcessError;
use crate::reader::Reader;

/// Reads a recorded body from its beginning to its end.
///
/// Where content was dropped, one read fails with [`ReadError::Dropped`] inside the
/// [`io::Error`], and the next goes on behind the gap: who stops at errors never takes a part for
/// the whole.
#[derive(Debug)]
pub struct BodyReader<'a> {
    reader: &'a Reader,
    exchange: ExchangeId,
    part: Part,
    /// Where what comes next begins.
    offset: u64,
    /// The entries among which content was looked for that stands in blocks.
    range: Option<(i64, i64)>,
    /// What was found there and comes next.
    inline: VecDeque<(u64, Bytes)>,
    stretch: Bytes,
}

impl<'a> BodyReader<'a> {
    pub(crate) const fn new(reader: &'a Reader, exchange: ExchangeId, part: Part) -> Self {
        Self {
            reader,
            exchange,
            part,
            offset: 0,
            range: None,
            inline: VecDeque::new(),
            stretch: Bytes::new(),
        }
    }

    /// Looks for content in blocks, if there is more of it than when it was last looked for.
    fn look(&mut self) -> Result<(), ReadError> {
        let (connection, contents) = self.reader.parts();
        let range = contents.inline_range(connection, self.exchange)?;
        if let Some(range) = range.filter(|_| range != self.range) {
            self.inline = contents.inline(connection, range, self.exchange, self.part)?;
            self.range = Some(range);
        }
        Ok(())
    }

    /// Returns the next stretch: that which begins where the last one ended, and no other.
    fn next(&mut self) -> Result<Option<Stretch>, ReadError> {
        let Self { reader, exchange, part, offset, .. } = *self;
        while self.inline.front().is_some_and(|(begin, _)| *begin < offset) {
            self.inline.pop_front();
        }
        let behind = self.inline.front().map(|(begin, _)| *begin);
        if behind == Some(offset)
            && let Some((offset, data)) = self.inline.pop_front()
        {
            let size = data.len() as u64;
            return Ok(Some(Stretch { offset, size, piece: Piece::Data(data) }));
        }
        let (connection, contents) = reader.parts();
        let stretch = contents.stretch(connection, exchange, part, offset).map_err(refused)?;
        let found = stretch.as_ref().map(|stretch| stretch.offset);
        match [behind, found].into_iter().flatten().min() {
            Some(next) if next > offset => {
                let size = next - offset;
                Ok(Some(Stretch { offset, size, piece: Piece::Damaged }))
            }
            _ => Ok(stretch),
        }
    }

    /// Fetches the next stretch and returns whether there is one.
    fn fetch(&mut self) -> Result<bool, ReadError> {
        let mut stretch = self.next()?;
        if let None | Some(Stretch { piece: Piece::Damaged, .. }) = stretch {
            self.look()?;
            stretch = self.next()?;
        }
        let Some(Stretch { offset, size, piece }) = stretch else { return Ok(false) };
        self.offset = offset.saturating_add(size);
        match piece {
            Piece::Data(data) => self.stretch = data,
            Piece::Dropped => return Err(ReadError::Dropped { offset, bytes: size }),
            Piece::Damaged => return Err(ReadError::Missing { offset, bytes: size }),
        }
        Ok(true)
    }
}

fn refused(error: ProcessError) -> ReadError {
    match error {
        ProcessError::Storage(error) => error.into(),
        ProcessError::Decode(_) => ReadError::Missing { offset: 0, bytes: 0 },
    }
}

impl Read for BodyReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.stretch.len().min(buffer.len());
            if read > 0 || buffer.is_empty() {
                self.stretch.copy_to_slice(&mut buffer[..read]);
                return Ok(read);
            }
            if !self.fetch()? {
                return Ok(0);
            }
        }
    }
}
