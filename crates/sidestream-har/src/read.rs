//! Reads an archive, an entry at a time.

mod lax;
mod scan;
mod shape;
mod taken;

use std::io::Read;

use crate::entry::Entry;
use crate::error::{EntryError, ReadError};
use scan::{Found, MAX_DEPTH, Scanner};

/// How many bytes an entry may have: a body of 64 MiB in Base64 fits, and one like it beside it.
const ENTRY_BYTES: usize = 192 * 1024 * 1024;

/// Reads an archive, an entry at a time, of which it holds one.
///
/// It takes what browsers and proxies write, which departs from HAR 1.2 in many ways: a byte order
/// mark, text where numbers are due and numbers where text is, members that are missing or null,
/// dates of all shapes, unknown members anywhere. An entry that is broken is told, and the next
/// call goes on behind it; after any other error the archive ends.
#[derive(Debug)]
pub struct Reader<R> {
    scanner: Scanner<R>,
    entry_bytes: usize,
    index: u64,
    ended: bool,
}

/// Returns whether a file that begins like this is an archive, if it is anything that is read
/// here: JSON, whose first member may be any.
pub fn looks_like_har(beginning: &[u8]) -> bool {
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
    text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

impl<R: Read> Reader<R> {
    /// Reads from `input`, which need not be buffered.
    pub const fn new(input: R) -> Self {
        Self { scanner: Scanner::new(input), entry_bytes: ENTRY_BYTES, index: 0, ended: false }
    }

    /// Takes entries of at most that many bytes; longer ones are told and passed over.
    #[must_use]
    pub fn with_entry_bytes(self, entry_bytes: usize) -> Self {
        Self { entry_bytes, ..self }
    }

    fn entry(&mut self) -> Result<Option<Entry>, ReadError> {
        let index = self.index;
        let bytes = match self.scanner.next(self.entry_bytes) {
            Ok(Found::Entry(bytes)) => bytes,
            Ok(Found::TooLong) => {
                self.index += 1;
                return Err(EntryError::TooLong { index, limit: self.entry_bytes }.into());
            }
            Ok(Found::Nested { offset }) => {
                self.index += 1;
                return Err(EntryError::Nested { index, limit: MAX_DEPTH, offset }.into());
            }
            Ok(Found::End) => return Ok(None),
            Err(error) => return Err(error.into_read_error(index)),
        };
        self.index += 1;
        Ok(Some(shape::entry(index, bytes)?))
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.entry();
        self.ended = !matches!(next, Ok(Some(_)) | Err(ReadError::Entry(_)));
        next.transpose()
    }
}

impl<R: Read> std::iter::FusedIterator for Reader<R> {}
