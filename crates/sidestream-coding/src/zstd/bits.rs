//! Bits, read from the end of a stream or from its beginning.

/// Reads bits from the end towards the beginning (RFC 8878 §4.1); what lies before it is zeros.
#[derive(Debug)]
pub(super) struct Backward<'a> {
    bytes: &'a [u8],
    /// How many bits are left; below zero once more were read than there are.
    left: i64,
}

impl<'a> Backward<'a> {
    /// Begins below the highest set bit of the last byte; `None` if there is none.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let last = *bytes.last().filter(|last| **last != 0)?;
        let left = bytes.len() as i64 * 8 - i64::from(last.leading_zeros()) - 1;
        Some(Self { bytes, left })
    }

    /// Reads up to 32 bits.
    pub(super) fn read(&mut self, count: u8) -> u32 {
        self.left -= i64::from(count);
        if count == 0 {
            return 0;
        }
        let (at, missing) = if self.left >= 0 {
            (self.left as usize, 0)
        } else {
            (0, self.left.unsigned_abs().min(64) as u32)
        };
        let from = (at / 8).min(self.bytes.len());
        let mut eight = [0; 8];
        let there = &self.bytes[from..self.bytes.len().min(from + 8)];
        eight[..there.len()].copy_from_slice(there);
        let bits = u64::from_le_bytes(eight) >> (at % 8);
        let bits = bits.checked_shl(missing).unwrap_or(0);
        (bits & ((1 << count) - 1)) as u32
    }

    pub(super) const fn left(&self) -> i64 {
        self.left
    }
}

/// Reads bits from the beginning.
#[derive(Debug)]
pub(super) struct Forward<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Forward<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Reads up to 16 bits; `None` behind the end.
    pub(super) fn read(&mut self, count: usize) -> Option<u32> {
        if self.at + count > self.bytes.len() * 8 {
            return None;
        }
        let there = self.bytes[self.at / 8..].iter().take(4).enumerate();
        let bits = there.fold(0, |bits, (at, byte)| bits | u32::from(*byte) << (8 * at));
        let read = bits >> (self.at % 8) & ((1 << count) - 1);
        self.at += count;
        Some(read)
    }

    /// Returns how many bytes were touched.
    pub(super) const fn bytes(&self) -> usize {
        self.at.div_ceil(8)
    }
}
