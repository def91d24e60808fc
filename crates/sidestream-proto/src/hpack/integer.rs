//! Integers with a prefix (RFC 7541 §5.1).

use bytes::{BufMut, BytesMut};

use super::DecodeError;

/// How many octets may follow the prefix: enough for 32 bits.
const MAX_OCTETS: u32 = 5;

/// Takes an integer whose prefix is the lower `bits` of the first octet.
pub(super) fn take(input: &mut &[u8], bits: u32) -> Result<usize, DecodeError> {
    let (&first, mut rest) = input.split_first().ok_or(DecodeError::Truncated)?;
    let max = mask(bits);
    let mut value = u64::from(first & max);
    if value == u64::from(max) {
        let mut shift = 0;
        loop {
            if shift == 7 * MAX_OCTETS {
                return Err(DecodeError::IntegerTooLarge);
            }
            let (&octet, later) = rest.split_first().ok_or(DecodeError::Truncated)?;
            rest = later;
            value += u64::from(octet & 0x7f) << shift;
            shift += 7;
            if octet & 0x80 == 0 {
                break;
            }
        }
    }
    *input = rest;
    let value = u32::try_from(value).ok().and_then(|value| usize::try_from(value).ok());
    value.ok_or(DecodeError::IntegerTooLarge)
}

/// Puts an integer with a prefix of `bits`, the bits above it being those of `pattern`.
pub(super) fn put(out: &mut BytesMut, pattern: u8, bits: u32, value: usize) {
    let max = mask(bits);
    if value < usize::from(max) {
        out.put_u8(pattern | value as u8);
        return;
    }
    out.put_u8(pattern | max);
    let mut rest = value - usize::from(max);
    while rest >= 0x80 {
        out.put_u8(0x80 | (rest & 0x7f) as u8);
        rest >>= 7;
    }
    out.put_u8(rest as u8);
}

/// Returns the largest prefix of so many bits, which says that octets follow.
const fn mask(bits: u32) -> u8 {
    ((1u32 << bits) - 1) as u8
}
