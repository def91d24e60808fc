//! Blocks under way (draft-ietf-opsawg-pcapng §3), in little-endian order whatever the machine.

use std::io;

/// The end of options.
const END_OF_OPTIONS: u16 = 0;

/// A block whose length is not known yet.
#[derive(Debug, Default)]
pub(crate) struct Block {
    bytes: Vec<u8>,
}

impl Block {
    /// Begins a block of that type in the place of the last one.
    pub(crate) fn begin(&mut self, kind: u32) {
        self.bytes.clear();
        self.u32(kind);
        self.u32(0);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Adds bytes, and zeros up to a multiple of four.
    pub(crate) fn padded(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let end = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(end, 0);
    }

    /// Adds bytes with their code and length in front, as many as fit.
    pub(crate) fn option(&mut self, code: u16, value: &[u8]) {
        let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.u16(code);
        self.u16(len);
        self.padded(&value[..usize::from(len)]);
    }

    /// Adds text, up to the last whole character that fits.
    pub(crate) fn text(&mut self, code: u16, text: &str) {
        let end = text.floor_char_boundary(usize::from(u16::MAX));
        self.option(code, &text.as_bytes()[..end]);
    }

    /// Says that no more options follow.
    pub(crate) fn end_options(&mut self) {
        self.option(END_OF_OPTIONS, &[]);
    }

    /// Ends the block, and returns it.
    ///
    /// # Errors
    ///
    /// It is longer than a block can say.
    pub(crate) fn finish(&mut self) -> io::Result<&[u8]> {
        let len = len(self.bytes.len() + 4)?;
        self.u32(len);
        self.bytes[4..8].copy_from_slice(&len.to_le_bytes());
        Ok(&self.bytes)
    }
}

/// Returns a length as blocks say it.
pub(crate) fn len(len: usize) -> io::Result<u32> {
    u32::try_from(len).map_err(|_too_long| {
        io::Error::new(io::ErrorKind::InvalidInput, "more than 4 GiB do not fit into a block")
    })
}
