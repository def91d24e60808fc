//! By what damage is found of messages that stand in rows of their own.

use prost::encoding::{WireType, encode_key};

/// The last field of such a message: the CRC-32 of all that stands before it.
const CHECK: u32 = 16;

/// How many bytes it takes.
const CHECK_BYTES: usize = 6;

/// Adds the check to an encoded message.
pub(crate) fn seal(payload: &mut Vec<u8>) {
    let check = crc32fast::hash(payload);
    encode_key(CHECK, WireType::ThirtyTwoBit, payload);
    payload.extend_from_slice(&check.to_le_bytes());
}

/// Returns whether a message is as it was written, in which that check was read. Those that were
/// written before 3.1 have none.
pub(crate) fn is_whole(payload: &[u8], check: Option<u32>) -> bool {
    let checked = || payload.len().checked_sub(CHECK_BYTES).map(|end| &payload[..end]);
    check.is_none_or(|check| checked().map(crc32fast::hash) == Some(check))
}
