//! Finds the entries in the text of an archive, without holding what stands around them.

use std::io::{self, Read};

use crate::error::ReadError;

/// How deep entries may be nested. What stands around them may be as deep as it likes.
pub(super) const MAX_DEPTH: usize = 128;

/// How many bytes of a member's name are looked at.
const NAME_BYTES: usize = 64;

const BUFFER_BYTES: usize = 64 * 1024;

/// What was found.
#[derive(Debug)]
pub(super) enum Found {
    /// The text of an entry.
    Entry(Vec<u8>),
    /// An entry that is nested too deep, which was passed over, and where.
    Nested { offset: u64 },
    /// An entry that is longer than asked for; it was passed over.
    TooLong,
    /// There are no more entries, and the text is whole.
    End,
}

/// Why the text cannot be read on.
#[derive(Debug)]
pub(super) enum ScanError {
    Io(io::Error),
    NotHar(&'static str),
    Syntax { offset: u64, wanted: &'static str },
    Truncated,
}

impl ScanError {
    pub(super) fn into_read_error(self, index: u64) -> ReadError {
        match self {
            Self::Io(source) => ReadError::Io(source),
            Self::NotHar(what) => ReadError::NotHar { what },
            Self::Syntax { offset, wanted } => ReadError::Syntax { offset, wanted },
            Self::Truncated => ReadError::Truncated { index },
        }
    }
}

/// Where in the text we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first brace.
    Start,
    /// Among the members of the objects around the entries, that many of them open.
    Members(u8),
    /// Within the list of entries, with that many objects around it.
    Entries(u8),
}

/// Finds entries.
#[derive(Debug)]
pub(super) struct Scanner<R> {
    input: R,
    buffer: Vec<u8>,
    at: usize,
    /// How many bytes came before the buffer.
    before: u64,
    state: State,
    seen: bool,
}

impl<R: Read> Scanner<R> {
    pub(super) const fn new(input: R) -> Self {
        let state = State::Start;
        Self { input, buffer: Vec::new(), at: 0, before: 0, state, seen: false }
    }

    /// Returns the next entry.
    pub(super) fn next(&mut self, most: usize) -> Result<Found, ScanError> {
        loop {
            match self.state {
                State::Start => self.start()?,
                State::Entries(depth) => match self.skip_gaps()? {
                    Some(b']') => {
                        self.advance();
                        self.state = State::Members(depth);
                    }
                    Some(b'}') => return Err(self.syntax("an entry or the end of the list")),
                    Some(_) => return self.value(Some(most)),
                    None => return Err(ScanError::Truncated),
                },
                State::Members(0) => return Ok(Found::End),
                State::Members(depth) => self.member(depth)?,
            }
        }
    }

    fn start(&mut self) -> Result<(), ScanError> {
        for byte in *b"\xef\xbb\xbf" {
            if self.peek()? == Some(byte) {
                self.advance();
            }
        }
        match self.skip_gaps()? {
            None => return Err(ScanError::NotHar("it is empty")),
            Some(b'{') => self.advance(),
            Some(0xff | 0xfe) => return Err(ScanError::NotHar("it is in UTF-16, make it UTF-8")),
            Some(_) => return Err(ScanError::NotHar("it does not begin with a brace")),
        }
        self.state = State::Members(1);
        Ok(())
    }

    /// Takes a member, the end of an object, or steps into what holds the entries.
    fn member(&mut self, depth: u8) -> Result<(), ScanError> {
        match self.skip_gaps()? {
            None => return Err(ScanError::Truncated),
            Some(b'}') => {
                self.advance();
                self.state = State::Members(depth - 1);
                let lacks = depth == 1 && !self.seen;
                return if lacks {
                    Err(ScanError::NotHar("it has no log.entries"))
                } else {
                    Ok(())
                };
            }
            Some(b'"') => {}
            Some(_) => return Err(self.syntax("the name of a member")),
        }
        let name = self.name()?;
        match self.skip_gaps()? {
            Some(b':') => {}
            Some(_) => return Err(self.syntax("a colon")),
            None => return Err(ScanError::Truncated),
        }
        self.advance();
        match (&name[..], self.skip_gaps()?) {
            (b"log", Some(b'{')) if depth == 1 => {
                self.advance();
                self.state = State::Members(2);
            }
            (b"entries", Some(b'[')) if !self.seen => {
                self.advance();
                self.seen = true;
                self.state = State::Entries(depth);
            }
            (_, Some(b']' | b'}')) => return Err(self.syntax("a value")),
            (_, None) => return Err(ScanError::Truncated),
            (_, Some(_)) => {
                self.value(None)?;
            }
        }
        Ok(())
    }

    fn name(&mut self) -> Result<Vec<u8>, ScanError> {
        self.advance();
        let (mut name, mut escaped) = (Vec::new(), false);
        loop {
            let byte = self.take()?;
            match byte {
                b'"' if !escaped => return Ok(name),
                b'\\' if !escaped => escaped = true,
                _ => {
                    escaped = false;
                    if name.len() < NAME_BYTES {
                        name.push(byte);
                    }
                }
            }
        }
    }

    /// Takes a value, and keeps it if it is asked for.
    fn value(&mut self, most: Option<usize>) -> Result<Found, ScanError> {
        let mut kept = Vec::new();
        let (mut depth, mut quoted, mut escaped, mut too_long) = (0_usize, false, false, false);
        let mut nested = None;
        loop {
            let Some(byte) = self.peek()? else { return Err(ScanError::Truncated) };
            // A number or word ends before what follows it.
            if !quoted && depth == 0 && matches!(byte, b',' | b']' | b'}') {
                break;
            }
            self.advance();
            match most {
                Some(_) if nested.is_some() => {}
                Some(most) if kept.len() >= most => too_long = true,
                Some(_) => kept.push(byte),
                None => {}
            }
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b'{' | b'[' if !quoted => depth += 1,
                b'}' | b']' if !quoted => depth -= 1,
                _ => continue,
            }
            if depth > MAX_DEPTH && nested.is_none() {
                nested = Some(self.offset());
                kept = Vec::new();
            }
            if depth == 0 && !quoted && !escaped {
                break;
            }
        }
        Ok(match nested {
            Some(offset) => Found::Nested { offset },
            None if too_long => Found::TooLong,
            None => Found::Entry(kept),
        })
    }

    /// Passes over white space and commas, and returns what follows.
    fn skip_gaps(&mut self) -> Result<Option<u8>, ScanError> {
        loop {
            match self.peek()? {
                Some(b' ' | b'\t' | b'\r' | b'\n' | b',') => self.advance(),
                other => return Ok(other),
            }
        }
    }

    fn take(&mut self) -> Result<u8, ScanError> {
        let byte = self.peek()?.ok_or(ScanError::Truncated)?;
        self.advance();
        Ok(byte)
    }

    const fn advance(&mut self) {
        self.at += 1;
    }

    fn peek(&mut self) -> Result<Option<u8>, ScanError> {
        if self.at >= self.buffer.len() {
            self.before += self.buffer.len() as u64;
            self.at = 0;
            self.buffer.resize(BUFFER_BYTES, 0);
            let read = loop {
                match self.input.read(&mut self.buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read,
                }
            };
            self.buffer.truncate(*read.as_ref().unwrap_or(&0));
            read.map_err(ScanError::Io)?;
        }
        Ok(self.buffer.get(self.at).copied())
    }

    fn offset(&self) -> u64 {
        self.before + self.at as u64
    }

    fn syntax(&self, wanted: &'static str) -> ScanError {
        ScanError::Syntax { offset: self.offset(), wanted }
    }
}
