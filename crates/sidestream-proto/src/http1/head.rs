//! Reads heads from the front of a buffer.

use std::mem;

use bytes::{Bytes, BytesMut};
use sidestream_record::{RequestHead, ResponseHead};

use super::defect::{Defect, Defects};
use super::error::{HeadError, Smuggling};
use super::fields;
use super::limits::Limits;
use super::lines::{Lines, Scan, content};
use super::start_line::{RequestLine, StartLine, StatusLine};

/// A head, and the bytes it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed<H> {
    /// What the bytes say; its parts are slices of [`raw`](Self::raw).
    pub head: H,
    /// The head as it was sent, from empty lines before it to the empty line that ends it.
    pub raw: Bytes,
    /// How it departs from the standard, each kind once.
    pub defects: Vec<Defect>,
}

/// Reads heads from the front of a buffer, however they are cut.
///
/// Between two calls the caller may append to the buffer, and nothing else, until a head is
/// yielded. On an error the buffer stays as it is.
#[derive(Debug)]
pub struct HeadReader {
    limits: Limits,
    lines: Lines,
    /// Whether the start line of an unfinished head was looked at.
    started: bool,
}

impl HeadReader {
    /// Makes a reader that holds no more than the limits say.
    pub fn new(limits: Limits) -> Self {
        Self { limits, lines: Lines::of_head(), started: false }
    }

    /// Returns whether the buffer holds the beginning of a head, apart from empty lines before it.
    pub(crate) fn has_begun(&self, buf: &[u8]) -> bool {
        buf.len() > self.lines.begin()
    }

    /// Takes a request's head off the buffer, if it is whole.
    ///
    /// # Errors
    /// The head is too large, is not one of HTTP/1, or is refused: answer 400 or pass the bytes
    /// on undecoded, and close.
    pub fn poll_request(
        &mut self,
        buf: &mut BytesMut,
    ) -> Result<Option<Parsed<RequestHead>>, HeadError> {
        self.poll::<RequestLine>(buf)
    }

    /// Takes a response's head off the buffer, if it is whole.
    ///
    /// # Errors
    /// The head is too large, is not one of HTTP/1, or is refused: pass the bytes on undecoded, or
    /// close.
    pub fn poll_response(
        &mut self,
        buf: &mut BytesMut,
    ) -> Result<Option<Parsed<ResponseHead>>, HeadError> {
        self.poll::<StatusLine>(buf)
    }

    fn poll<S: StartLine>(
        &mut self,
        buf: &mut BytesMut,
    ) -> Result<Option<Parsed<S::Head>>, HeadError> {
        let result = self.poll_len::<S>(buf);
        let result = result.and_then(|len| len.map(|len| self.take::<S>(buf, len)).transpose());
        if !matches!(result, Ok(None)) {
            self.lines.clear();
            self.started = false;
        }
        result
    }

    /// Returns how long the head is, if it is whole.
    fn poll_len<S: StartLine>(&mut self, buf: &[u8]) -> Result<Option<usize>, HeadError> {
        let Limits { max_head_bytes: limit, max_fields, .. } = self.limits;
        let seen = &buf[..buf.len().min(limit)];
        let scan = self.lines.scan(seen, max_fields.saturating_add(1));
        if let Scan::Whole(len) = scan {
            return Ok(Some(len));
        }
        self.check_start::<S>(seen)?;
        if scan == Scan::TooMany {
            Err(HeadError::TooManyFields { limit: max_fields })
        } else if seen.len() == limit {
            Err(HeadError::TooLarge { limit })
        } else {
            Ok(None)
        }
    }

    /// Refuses what is no head as soon as its first line shows it, for its end may never come.
    fn check_start<S: StartLine>(&mut self, buf: &[u8]) -> Result<(), HeadError> {
        if self.started {
            return Ok(());
        }
        let sound = match self.lines.get(0) {
            None => S::may_begin(&buf[self.lines.begin()..]),
            Some(line) => {
                self.started = true;
                S::parse(content(&buf[line]), &mut Defects::default()).is_some()
            }
        };
        if sound { Ok(()) } else { Err(S::ERROR) }
    }

    fn take<S: StartLine>(
        &mut self,
        buf: &mut BytesMut,
        len: usize,
    ) -> Result<Parsed<S::Head>, HeadError> {
        let raw = buf.split_to(len).freeze();
        let mut defects = Defects::default();
        match self.parse::<S>(&raw, &mut defects) {
            Ok(head) => Ok(Parsed { head, raw, defects: mem::take(&mut defects.0) }),
            Err(error) => {
                let rest = mem::replace(buf, BytesMut::from(&raw[..]));
                buf.unsplit(rest);
                Err(error)
            }
        }
    }

    fn parse<S: StartLine>(
        &self,
        raw: &Bytes,
        defects: &mut Defects,
    ) -> Result<S::Head, HeadError> {
        let start = self.lines.get(0).ok_or(S::ERROR)?;
        defects.note_if(start.start > 0, Defect::LeadingEmptyLines);
        let text = raw.slice_ref(content(&raw[start.clone()]));
        let line = S::parse(&text, defects).ok_or(S::ERROR)?;
        let bare = bare_line_feeds(&raw[start.start..]);
        if !S::MAY_MIX_LINE_ENDINGS && bare == Bare::Some {
            return Err(Smuggling::MixedLineEndings.into());
        }
        defects.note_if(bare != Bare::None, Defect::BareLf);
        let fields = fields::parse(raw, &self.lines, 1, defects)?;
        Ok(line.into_head(&text, fields, defects))
    }
}

/// How many line feeds stand without a carriage return.
#[derive(PartialEq, Eq)]
enum Bare {
    None,
    Some,
    All,
}

fn bare_line_feeds(bytes: &[u8]) -> Bare {
    let (mut bare, mut paired) = (false, false);
    for at in memchr::memchr_iter(b'\n', bytes) {
        match at.checked_sub(1).map(|before| bytes[before]) {
            Some(b'\r') => paired = true,
            _ => bare = true,
        }
    }
    match (bare, paired) {
        (false, _) => Bare::None,
        (true, true) => Bare::Some,
        (true, false) => Bare::All,
    }
}
