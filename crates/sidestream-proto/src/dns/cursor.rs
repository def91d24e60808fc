//! Walks a DNS message.

use super::{DecodeDnsError, name};

/// A place in a message, and where the part being read ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    /// The whole message, into which compression pointers point.
    pub(super) message: &'a [u8],
    /// The next byte.
    pub(super) at: usize,
    /// The end of what may be read: the message's or the record data's.
    pub(super) end: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { message, at: 0, end: message.len() }
    }

    pub(super) fn is_empty(self) -> bool {
        self.at == self.end
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeDnsError> {
        let truncated = DecodeDnsError::Truncated { offset: self.at };
        let to = self.at.checked_add(len).filter(|to| *to <= self.end).ok_or(truncated)?;
        let taken = self.message.get(self.at..to).ok_or(truncated)?;
        self.at = to;
        Ok(taken)
    }

    /// Takes a part that is read on its own and may point into the whole message.
    pub(super) fn part(&mut self, len: usize) -> Result<Self, DecodeDnsError> {
        let at = self.at;
        self.take(len)?;
        Ok(Self { message: self.message, at, end: self.at })
    }

    /// Takes all that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        let rest = &self.message[self.at..self.end];
        self.at = self.end;
        rest
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeDnsError> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeDnsError> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeDnsError> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// Takes a string whose length is told in its first byte (RFC 1035 §3.3).
    pub(super) fn character_string(&mut self) -> Result<&'a [u8], DecodeDnsError> {
        let len = self.u8()?;
        self.take(usize::from(len))
    }

    /// Takes a domain name, in presentation form.
    pub(super) fn name(&mut self) -> Result<String, DecodeDnsError> {
        name::decode(self)
    }
}
