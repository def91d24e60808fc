//! Reads a dump, a flow at a time.

use std::io::{self, Read};

use crate::error::{FlowError, ReadError};
use crate::flow::Flow;
use crate::parse;
use crate::tnet::Value;

/// How many bytes a flow may have: two bodies of 64 MiB fit, and more.
const FLOW_BYTES: u64 = 192 * 1024 * 1024;

/// Reads a dump, a flow at a time, of which it holds one.
///
/// A flow that is broken is told, and the next call goes on behind it; after any other error the
/// dump ends.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    limit: u64,
    index: u64,
    offset: u64,
    ended: bool,
}

/// Returns whether a file that begins like this is a dump: with a length.
pub fn looks_like_dump(beginning: &[u8]) -> bool {
    let digits = beginning.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (1..=12).contains(&digits) && beginning.get(digits) == Some(&b':')
}

impl<R: Read> Reader<R> {
    /// Reads from `input`, a byte at a time where it has to: it should be buffered.
    pub const fn new(input: R) -> Self {
        Self { input, limit: FLOW_BYTES, index: 0, offset: 0, ended: false }
    }

    /// Takes flows of at most that many bytes; longer ones are told and passed over.
    #[must_use]
    pub fn with_flow_bytes(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    fn flow(&mut self) -> Result<Option<Flow>, ReadError> {
        let index = self.index;
        let Some((length, digits)) = self.length()? else { return Ok(None) };
        self.index += 1;
        // The type stands behind it.
        let rest = length + 1;
        if length > self.limit {
            let skipped = io::copy(&mut (&mut self.input).take(rest), &mut io::sink())?;
            self.offset += skipped;
            if skipped < rest {
                return Err(ReadError::Truncated { index });
            }
            return Err(FlowError::TooLong { index, bytes: length, limit: self.limit }.into());
        }
        let mut text = digits;
        text.push(b':');
        let head = text.len() as u64;
        let read = (&mut self.input).take(rest).read_to_end(&mut text)? as u64;
        self.offset += read;
        if read < rest {
            return Err(ReadError::Truncated { index });
        }
        debug_assert_eq!(text.len() as u64, head + rest, "a flow is read whole");
        let value = Value::parse(&text).map_err(|source| FlowError::Tnet { index, source })?;
        drop(text);
        Ok(Some(parse::flow(index, &value)?))
    }

    /// Reads how long the next flow is; `None` at the end.
    fn length(&mut self) -> Result<Option<(u64, Vec<u8>)>, ReadError> {
        let offset = self.offset;
        let mut digits = Vec::new();
        loop {
            let mut byte = [0];
            match self.input.read(&mut byte) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => {
                    if read? == 0 {
                        let index = self.index;
                        let ended = digits.is_empty();
                        return if ended { Ok(None) } else { Err(ReadError::Truncated { index }) };
                    }
                }
            }
            self.offset += 1;
            match byte[0] {
                digit @ b'0'..=b'9' if digits.len() < 12 => digits.push(digit),
                b':' if !digits.is_empty() => break,
                // What an editor puts at the end.
                b'\n' | b'\r' if digits.is_empty() => {}
                _ => return Err(ReadError::NotADump { offset }),
            }
        }
        let length = digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        Ok(Some((length, digits)))
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Flow, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.flow();
        self.ended = !matches!(next, Ok(Some(_)) | Err(ReadError::Flow(_)));
        next.transpose()
    }
}

impl<R: Read> std::iter::FusedIterator for Reader<R> {}
