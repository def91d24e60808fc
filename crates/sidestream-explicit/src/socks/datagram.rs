//! The header before each datagram between client and relay (RFC 1928 §7).

use super::{Address, DecodeError};

/// Why a datagram is not relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DatagramError {
    /// Its server is none.
    #[error("a datagram does not say where it goes")]
    Address(#[from] DecodeError),
    /// It is a part of one; putting those together is optional, and not offered.
    #[error("a datagram is a fragment")]
    Fragment,
    /// It has no header.
    #[error("a datagram has no header")]
    Header,
}

/// Reads where a client's datagram goes, and what it carries there.
///
/// # Errors
///
/// It is none of SOCKS, or a fragment.
pub fn decode_datagram(bytes: &[u8]) -> Result<(Address, &[u8]), DatagramError> {
    let [0, 0, fragment, rest @ ..] = bytes else { return Err(DatagramError::Header) };
    if *fragment != 0 {
        return Err(DatagramError::Fragment);
    }
    Ok(Address::decode(rest)?)
}

/// Makes the header of datagrams that come from that server.
pub fn encode_header(server: &Address) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0];
    server.encode(&mut bytes);
    bytes
}
