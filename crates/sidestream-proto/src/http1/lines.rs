//! Finds the lines of a head while its bytes come in.

use std::ops::Range;

use memchr::memchr_iter;

/// The lines of a head or trailer section up to the empty line that ends it, each byte looked at once.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Where the first line begins, behind empty lines that are passed over.
    begin: usize,
    /// Where each line ends, its line ending included.
    ends: Vec<usize>,
    scanned: usize,
    /// Whether an empty line ends the section though no line came before.
    may_be_empty: bool,
}

/// How far a scan came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scan {
    /// The empty line has not come yet.
    Unfinished,
    /// The section takes that many bytes, the empty line included.
    Whole(usize),
    /// There are more lines than allowed.
    TooMany,
}

impl Lines {
    /// Makes a scanner for a head, which begins with its first line that is not empty.
    pub(super) fn of_head() -> Self {
        Self::default()
    }

    /// Makes a scanner for a trailer section, which may be empty.
    pub(super) fn of_trailers() -> Self {
        Self { may_be_empty: true, ..Self::default() }
    }

    /// Looks at the bytes that came since the last call; `bytes` begins where it did then.
    pub(super) fn scan(&mut self, bytes: &[u8], max_lines: usize) -> Scan {
        let from = self.scanned;
        self.scanned = bytes.len();
        for at in memchr_iter(b'\n', &bytes[from..]) {
            let end = from + at + 1;
            if matches!(bytes[self.last_end()..end], [b'\n'] | [b'\r', b'\n']) {
                if self.may_be_empty || !self.ends.is_empty() {
                    return Scan::Whole(end);
                }
                self.begin = end;
            } else if self.ends.len() == max_lines {
                return Scan::TooMany;
            } else {
                self.ends.push(end);
            }
        }
        Scan::Unfinished
    }

    /// Forgets everything, for the next head.
    pub(super) fn clear(&mut self) {
        self.begin = 0;
        self.ends.clear();
        self.scanned = 0;
    }

    /// Returns where the first line begins.
    pub(super) fn begin(&self) -> usize {
        self.begin
    }

    /// Returns how many lines were found.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns where a line is, its line ending included.
    pub(super) fn get(&self, index: usize) -> Option<Range<usize>> {
        let start = if index == 0 { self.begin } else { *self.ends.get(index - 1)? };
        Some(start..*self.ends.get(index)?)
    }

    fn last_end(&self) -> usize {
        self.ends.last().copied().unwrap_or(self.begin)
    }
}

/// Returns a line without its line ending.
pub(super) fn content(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
