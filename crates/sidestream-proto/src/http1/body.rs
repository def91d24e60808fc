//! Reads bodies from the front of a buffer.

use bytes::{Bytes, BytesMut};
use sidestream_record::Fields;

use super::chunked::Chunked;
use super::defect::Defect;
use super::error::BodyError;
use super::framing::Framing;
use super::limits::Limits;

/// A piece of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Content, or the line ending behind a chunk, where `data` is empty.
    Data {
        /// The content alone, a slice of `wire`.
        data: Bytes,
        /// The bytes as they were sent, with what the chunked coding puts around the content.
        wire: Bytes,
    },
    /// The last chunk and the trailer section, which may be empty.
    Trailers {
        /// The trailer fields.
        fields: Fields,
        /// The bytes as they were sent.
        wire: Bytes,
    },
    /// The body has ended; what follows in the buffer belongs to the next message.
    End,
}

/// Reads one body from the front of a buffer, however it is cut.
///
/// Between two calls the caller may append to the buffer, and nothing else. The pieces' `wire`s
/// add up to the bytes that were taken. A line that is not whole yet stays in the buffer, and so
/// does what causes an error.
#[derive(Debug)]
pub struct BodyReader(State);

#[derive(Debug)]
enum State {
    Chunked(Chunked),
    Length(u64),
    UntilClose,
    Ended,
}

impl BodyReader {
    /// Makes a reader of a body that ends as the framing says.
    ///
    /// A tunnel is read until the connection closes.
    pub fn new(framing: Framing, limits: &Limits) -> Self {
        Self(match framing {
            Framing::Empty => State::Ended,
            Framing::Length(left) => State::Length(left),
            Framing::Chunked => State::Chunked(Chunked::new(*limits)),
            Framing::UntilClose | Framing::Tunnel => State::UntilClose,
        })
    }

    /// Takes the next piece off the buffer, if there is one; after the last it is always
    /// [`Piece::End`].
    ///
    /// # Errors
    /// The chunked coding is broken, or refused: where the body ends is not known, so close, or
    /// pass on what comes until the connection closes. The same error comes again.
    pub fn poll(&mut self, buf: &mut BytesMut) -> Result<Option<Piece>, BodyError> {
        let len = match &mut self.0 {
            State::Chunked(chunked) => return chunked.poll(buf),
            State::Length(left) => {
                let len = buf.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= len as u64;
                if *left == 0 && len == 0 {
                    self.0 = State::Ended;
                }
                len
            }
            State::UntilClose => buf.len(),
            State::Ended => 0,
        };
        if matches!(self.0, State::Ended) {
            return Ok(Some(Piece::End));
        }
        if len == 0 {
            return Ok(None);
        }
        let data = buf.split_to(len).freeze();
        Ok(Some(Piece::Data { wire: data.clone(), data }))
    }

    /// Says that the connection ended; every piece was taken before.
    ///
    /// # Errors
    /// [`BodyError::CutShort`]: the body was not whole. What is left in the buffer is the
    /// beginning of a line.
    pub fn finish_at_eof(&mut self) -> Result<(), BodyError> {
        let missing = match &self.0 {
            State::Chunked(chunked) if chunked.is_done() => None,
            State::Chunked(chunked) => {
                return Err(BodyError::CutShort { missing: chunked.missing() });
            }
            State::Length(left) => Some(*left).filter(|&left| left > 0),
            State::UntilClose | State::Ended => None,
        };
        if missing.is_some() {
            return Err(BodyError::CutShort { missing });
        }
        self.0 = State::Ended;
        Ok(())
    }

    /// Returns how the body departed from the standard so far, each kind once.
    pub fn defects(&self) -> &[Defect] {
        match &self.0 {
            State::Chunked(chunked) => chunked.defects(),
            State::Length(_) | State::UntilClose | State::Ended => &[],
        }
    }
}
