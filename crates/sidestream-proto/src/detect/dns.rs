//! DNS over a stream, by the header of its first message.

use sidestream_record::Protocol;

use super::Sign;

const DNS_PORT: u16 = 53;
/// The length of the message (RFC 1035 §4.2.2) and its header (§4.1.1).
const LEN: usize = 2 + 12;
/// The header, the name of the root, type and class.
const MIN_MESSAGE: u16 = 12 + 1 + 4;
/// Queries are short, also those that are padded (RFC 8467 §4.1).
const MAX_QUERY: u16 = 4096;

/// Tells whether bytes begin a query behind its length.
///
/// On the port of DNS it may also be a transfer, a notification or an update; on others it is an
/// ordinary query: one question, no answer, and flags that queries have.
pub(super) fn begins_query(bytes: &[u8], port: u16) -> Sign {
    let fits = if port == DNS_PORT { fits_on_its_port } else { fits_elsewhere };
    let known = bytes.len().min(LEN);
    if !(1..=known).all(|count| fits(&bytes[..count])) {
        Sign::No
    } else if known < LEN {
        Sign::NeedMore
    } else {
        Sign::Is(Protocol::Dns)
    }
}

/// Returns whether the last of these bytes, in its place, may be that of an ordinary query.
fn fits_elsewhere(bytes: &[u8]) -> bool {
    let last = bytes[bytes.len() - 1];
    match bytes.len() {
        1 => u16::from(last) <= MAX_QUERY >> 8,
        2 => (MIN_MESSAGE..=MAX_QUERY).contains(&u16::from_be_bytes([bytes[0], last])),
        // Recursion desired; authentic data, checking disabled.
        5 => last & !0x01 == 0,
        6 => last & !0x30 == 0,
        // One question, and perhaps an OPT and a signature.
        8 => last == 1,
        14 => last <= 2,
        7 | 9..=13 => last == 0,
        _ => true,
    }
}

/// The same for any request to a name server.
fn fits_on_its_port(bytes: &[u8]) -> bool {
    let last = bytes[bytes.len() - 1];
    match bytes.len() {
        2 => u16::from_be_bytes([bytes[0], last]) >= MIN_MESSAGE,
        // No response; a query, a notification or an update; whole.
        5 => matches!(last & 0xf8, 0 | 0x20 | 0x28) && last & 0x02 == 0,
        6 => last & 0xcf == 0,
        8 => last == 1,
        7 | 9 | 11 | 13 => last == 0,
        _ => true,
    }
}
