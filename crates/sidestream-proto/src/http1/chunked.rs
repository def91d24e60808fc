//! The chunked transfer coding (RFC 9112 §7.1).

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr2};
use sidestream_record::Fields;

use super::body::Piece;
use super::bytes_of::trim;
use super::defect::{Defect, Defects};
use super::error::BodyError;
use super::fields;
use super::limits::Limits;
use super::lines::{Lines, Scan};
use super::survey::{Side, Survey};

const CRLF: &[u8] = b"\r\n";

/// Reads a chunked body.
#[derive(Debug)]
pub(super) struct Chunked {
    limits: Limits,
    state: State,
    /// How many bytes at the front of the buffer end the chunk before: none, or a CRLF. They go
    /// with the next chunk if it is there, so that a chunk's line endings cost no piece.
    lead: usize,
    defects: Defects,
}

#[derive(Debug)]
enum State {
    /// Before the line with a chunk's size, of which so many bytes were looked at.
    Size {
        scanned: usize,
    },
    /// In a chunk: so many bytes of it are left, behind its line, which is so long.
    Data {
        line: usize,
        left: u64,
    },
    /// Before the line ending behind a chunk's data.
    DataEnd,
    /// In the trailer section, behind the last chunk's line, which is so long.
    Trailers {
        line: usize,
        lines: Lines,
    },
    Done,
    Failed(BodyError),
}

impl Chunked {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, state: State::Size { scanned: 0 }, lead: 0, defects: Defects::default() }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Returns how many bytes of the chunk under way are missing.
    pub(super) fn missing(&self) -> Option<u64> {
        if let State::Data { left, .. } = self.state { Some(left) } else { None }
    }

    pub(super) fn defects(&self) -> &[Defect] {
        &self.defects.0
    }

    pub(super) fn poll(&mut self, buf: &mut BytesMut) -> Result<Option<Piece>, BodyError> {
        let result = self.step(buf);
        if let Err(error) = &result {
            self.state = State::Failed(error.clone());
        }
        if self.lead == 0 || matches!(result, Ok(Some(_))) {
            return result;
        }
        // The recipient may wait for the chunk's end, while the next chunk takes its time.
        let wire = buf.split_to(self.lead).freeze();
        self.lead = 0;
        Ok(Some(Piece::Data { data: Bytes::new(), wire }))
    }

    fn step(&mut self, buf: &mut BytesMut) -> Result<Option<Piece>, BodyError> {
        loop {
            let rest = &buf[self.lead..];
            match &mut self.state {
                State::Size { scanned } => {
                    let Some(len) = line_len(rest, scanned, self.limits.max_chunk_line_bytes)?
                    else {
                        return Ok(None);
                    };
                    let left = parse_size(&rest[..len], &mut self.defects)?;
                    self.state = match left {
                        0 => State::Trailers { line: len, lines: Lines::of_trailers() },
                        _ => State::Data { line: len, left },
                    };
                }
                State::Data { line, .. } if rest.len() == *line => return Ok(None),
                State::Data { line, left } => {
                    let (line, left) = (*line, *left);
                    return Ok(Some(self.take_data(buf, line, left)));
                }
                State::DataEnd => match rest {
                    [] | [b'\r'] => return Ok(None),
                    [b'\r', b'\n', ..] => {
                        self.lead = CRLF.len();
                        self.state = State::Size { scanned: 0 };
                    }
                    _ => return Err(BodyError::ChunkEnd),
                },
                State::Trailers { line, lines } => {
                    let line = *line;
                    let Some(len) = trailers_len(&rest[line..], lines, &self.limits)? else {
                        return Ok(None);
                    };
                    return self.take_trailers(buf, line, len).map(Some);
                }
                State::Done => return Ok(Some(Piece::End)),
                State::Failed(error) => return Err(error.clone()),
            }
        }
    }

    /// Takes what is there of a chunk, with its line before it and its line ending behind it.
    fn take_data(&mut self, buf: &mut BytesMut, line: usize, left: u64) -> Piece {
        let start = self.lead + line;
        let len = (buf.len() - start).min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut end = start + len;
        let left = left - len as u64;
        self.lead = 0;
        self.state = if left > 0 {
            State::Data { line: 0, left }
        } else if buf[end..].starts_with(CRLF) {
            end += CRLF.len();
            State::Size { scanned: 0 }
        } else {
            State::DataEnd
        };
        let wire = buf.split_to(end).freeze();
        Piece::Data { data: wire.slice(start..start + len), wire }
    }

    fn take_trailers(
        &mut self,
        buf: &mut BytesMut,
        line: usize,
        len: usize,
    ) -> Result<Piece, BodyError> {
        let State::Trailers { lines, .. } = &self.state else { return Ok(Piece::End) };
        let start = self.lead + line;
        let mut fields = Fields::default();
        if lines.len() > 0 {
            // A copy, for on an error the buffer must stay whole; trailer sections are short.
            let section = Bytes::copy_from_slice(&buf[start..start + len]);
            fields = fields::parse(&section, lines, 0, &mut self.defects)
                .map_err(BodyError::Trailers)?;
            Survey::new(&fields, Side::Response).map_err(BodyError::Trailers)?;
        }
        let wire = buf.split_to(start + len).freeze();
        self.lead = 0;
        self.state = State::Done;
        Ok(Piece::Trailers { fields, wire })
    }
}

/// Returns how long the first line is with its line ending, if it is whole.
fn line_len(bytes: &[u8], scanned: &mut usize, limit: usize) -> Result<Option<usize>, BodyError> {
    let seen = &bytes[..bytes.len().min(limit)];
    match memchr(b'\n', &seen[*scanned..]) {
        Some(at) => Ok(Some(*scanned + at + 1)),
        None if seen.len() == limit => Err(BodyError::ChunkLineTooLong { limit }),
        None => {
            *scanned = seen.len();
            Ok(None)
        }
    }
}

/// Reads `chunk-size [ chunk-ext ] CRLF`, the size below 2^63, where recipients with signed numbers
/// agree with all others.
fn parse_size(line: &[u8], defects: &mut Defects) -> Result<u64, BodyError> {
    let line = line.strip_suffix(CRLF).ok_or(BodyError::LineEnding)?;
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at(digits);
    let size = digits.iter().try_fold(0_i64, |size, &digit| {
        let digit = char::from(digit).to_digit(16)?;
        size.checked_mul(16)?.checked_add(i64::from(digit))
    });
    let extension = trim(rest);
    if !(extension.is_empty() || extension.starts_with(b";")) || digits.is_empty() {
        return Err(BodyError::ChunkSize);
    }
    if memchr2(b'\r', b'\0', extension).is_some() {
        return Err(BodyError::ChunkExtension);
    }
    defects.note_if(extension.len() < rest.len(), Defect::ChunkPadding);
    size.map(i64::unsigned_abs).ok_or(BodyError::ChunkSize)
}

/// Returns how long the trailer section is with its empty line, if it is whole.
fn trailers_len(
    bytes: &[u8],
    lines: &mut Lines,
    limits: &Limits,
) -> Result<Option<usize>, BodyError> {
    let Limits { max_head_bytes: limit, max_fields, .. } = *limits;
    let seen = &bytes[..bytes.len().min(limit)];
    match lines.scan(seen, max_fields) {
        Scan::Whole(len) if !all_crlf(&seen[..len]) => Err(BodyError::LineEnding),
        Scan::Whole(len) => Ok(Some(len)),
        Scan::TooMany => Err(BodyError::TooManyTrailers { limit: max_fields }),
        Scan::Unfinished if seen.len() == limit => Err(BodyError::TrailersTooLarge { limit }),
        Scan::Unfinished => Ok(None),
    }
}

fn all_crlf(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', bytes).all(|at| at > 0 && bytes[at - 1] == b'\r')
}
