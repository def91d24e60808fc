//! Tells TLS from other protocols by as few bytes as possible.

use super::decode::CLIENT_HELLO;
use super::reader::{RECORD_HEADER_LEN, check_header};

/// What a client's first bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sniff {
    /// They fit TLS so far; another byte may decide.
    NeedMore,
    /// They are no ClientHello.
    NotTls,
    /// They begin a ClientHello.
    Tls,
}

/// Tells whether a client's first bytes begin a ClientHello in TLS records.
///
/// The first six bytes decide, one that does not fit decides at once.
/// SSL 2.0 is not TLS here: [`HelloReader`](super::HelloReader) names it.
pub fn sniff(bytes: &[u8]) -> Sniff {
    let header = &bytes[..bytes.len().min(RECORD_HEADER_LEN)];
    if check_header(header).is_err() || header.first().is_some_and(|first| *first & 0x80 != 0) {
        return Sniff::NotTls;
    }
    match bytes.get(RECORD_HEADER_LEN) {
        None => Sniff::NeedMore,
        Some(&CLIENT_HELLO) => Sniff::Tls,
        Some(_) => Sniff::NotTls,
    }
}
