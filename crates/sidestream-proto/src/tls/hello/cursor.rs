//! Walks a TLS structure (RFC 8446 §3), naming the field that fails.

use super::HelloError;

/// What is left of a structure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Takes as many bytes as asked for.
    pub(super) fn take(&mut self, len: usize, field: &'static str) -> Result<&'a [u8], HelloError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(HelloError::Malformed { field })?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, HelloError> {
        Ok(self.take(1, field)?[0])
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, HelloError> {
        let bytes = self.take(2, field)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// Takes a vector whose length is told in one byte.
    pub(super) fn vector8(&mut self, field: &'static str) -> Result<Self, HelloError> {
        let len = self.u8(field)?;
        Ok(Self(self.take(usize::from(len), field)?))
    }

    /// Takes a vector whose length is told in two bytes.
    pub(super) fn vector16(&mut self, field: &'static str) -> Result<Self, HelloError> {
        let len = self.u16(field)?;
        Ok(Self(self.take(usize::from(len), field)?))
    }

    /// Reads the rest as numbers, of which there must be one.
    pub(super) fn numbers(self, field: &'static str) -> Result<Vec<u16>, HelloError> {
        let (pairs, odd) = self.0.as_chunks::<2>();
        if pairs.is_empty() || !odd.is_empty() {
            return Err(HelloError::Malformed { field });
        }
        Ok(pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect())
    }

    /// Makes sure that nothing is left.
    pub(super) fn end(self, field: &'static str) -> Result<(), HelloError> {
        if self.is_empty() { Ok(()) } else { Err(HelloError::Malformed { field }) }
    }
}
