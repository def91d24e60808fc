//! Strings coded by Huffman (RFC 7541 §5.2).

mod code;

use bytes::{BufMut, BytesMut};

use super::DecodeError;
use code::{CODES, ENDS, EOS, LOOKUP, LOOKUP_BITS, MAX_BITS, OFFSETS, ORDERED};

/// Why a string is not decoded.
pub(super) enum Stop {
    /// There is more text than `out` takes.
    Full,
    /// The string is not sound.
    Malformed(DecodeError),
}

/// Returns how long the text of so many coded bytes can be: no code is shorter than five bits.
pub(super) fn max_decoded_len(coded: usize) -> usize {
    coded.saturating_mul(8) / 5
}

/// Decodes a string into `out` and returns how long its text is.
pub(super) fn decode(coded: &[u8], out: &mut [u8]) -> Result<usize, Stop> {
    let mut bits = Bits { window: 0, len: 0, rest: coded };
    let mut len = 0;
    loop {
        if bits.len < MAX_BITS as u32 {
            bits.fill();
        }
        // Any code fits into what is there, unless the string ends.
        let Some(symbol) = bits.next() else { break };
        let (byte, used) = symbol?;
        *out.get_mut(len).ok_or(Stop::Full)? = byte;
        len += 1;
        bits.skip(used);
    }
    if bits.is_padding() { Ok(len) } else { Err(Stop::Malformed(DecodeError::HuffmanPadding)) }
}

/// The bits that come next, the first of them the highest.
struct Bits<'a> {
    window: u64,
    /// How many bits of the window count.
    len: u32,
    rest: &'a [u8],
}

impl Bits<'_> {
    /// Fills the window to 56 bits or more, as far as there are.
    fn fill(&mut self) {
        if let Some(word) = self.rest.first_chunk() {
            self.window |= u64::from_be_bytes(*word) >> self.len;
            let octets = (63 - self.len) / 8;
            self.rest = &self.rest[octets as usize..];
            self.len += octets * 8;
            return;
        }
        while let (true, Some((&octet, rest))) = (self.len <= 56, self.rest.split_first()) {
            self.window |= u64::from(octet) << (56 - self.len);
            self.len += 8;
            self.rest = rest;
        }
    }

    /// Returns the next symbol and how many bits it has, unless its code is cut short.
    fn next(&self) -> Option<Result<(u8, u32), Stop>> {
        let symbol = LOOKUP[(self.window >> (64 - LOOKUP_BITS)) as usize];
        let (byte, used) = if symbol.bits > 0 {
            (usize::from(symbol.byte), u32::from(symbol.bits))
        } else {
            self.next_long()
        };
        if used > self.len {
            return None;
        }
        let byte = u8::try_from(byte);
        Some(byte.map(|byte| (byte, used)).map_err(|_eos| Stop::Malformed(DecodeError::HuffmanEos)))
    }

    #[cold]
    fn next_long(&self) -> (usize, u32) {
        let number = (self.window >> (64 - MAX_BITS)) as u32;
        let mut bits = LOOKUP_BITS + 1;
        while bits < MAX_BITS && number >= ENDS[bits] {
            bits += 1;
        }
        let code = number >> (MAX_BITS - bits);
        (usize::from(ORDERED[(code - OFFSETS[bits]) as usize]), bits as u32)
    }

    fn skip(&mut self, bits: u32) {
        self.window <<= bits;
        self.len -= bits;
    }

    /// Returns whether what is left is fewer than eight bits, all ones.
    fn is_padding(&self) -> bool {
        self.len < 8 && self.window.leading_ones() >= self.len
    }
}

/// Returns how many bytes a text takes when it is coded.
pub(super) fn encoded_len(text: &[u8]) -> usize {
    let bits: usize = text.iter().map(|&byte| usize::from(CODES[usize::from(byte)].bits)).sum();
    bits.div_ceil(8)
}

/// Codes a text and puts it.
pub(super) fn encode(text: &[u8], out: &mut BytesMut) {
    let (mut window, mut len) = (0u64, 0);
    for &byte in text {
        let code = CODES[usize::from(byte)];
        window = window << code.bits | u64::from(code.code);
        len += u32::from(code.bits);
        if len >= 32 {
            len -= 32;
            out.put_u32((window >> len) as u32);
        }
    }
    // The padding is the beginning of the end-of-string symbol.
    let padding = (8 - len % 8) % 8;
    window = window << padding | u64::from(CODES[EOS].code >> (MAX_BITS as u32 - padding));
    len += padding;
    while len > 0 {
        len -= 8;
        out.put_u8((window >> len) as u8);
    }
}
