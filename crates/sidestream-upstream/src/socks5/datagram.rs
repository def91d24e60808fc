//! The header before each datagram between us and the proxy (RFC 1928 §7).

use sidestream_capture::Target;

use super::{AddressError, decode_address, encode_address};

/// Why a datagram is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DatagramError {
    /// Its server is none.
    #[error("a datagram does not say where it is from")]
    Address(#[from] AddressError),
    /// It is a part of one, which nobody has to put together.
    #[error("a datagram is a fragment")]
    Fragment,
    /// It has no header.
    #[error("a datagram has no header")]
    Header,
}

/// Reads where a datagram is from, and what it carries.
///
/// # Errors
///
/// It is none of SOCKS, or a fragment.
pub fn decode_datagram(bytes: &[u8]) -> Result<(Target, &[u8]), DatagramError> {
    let [0, 0, fragment, rest @ ..] = bytes else { return Err(DatagramError::Header) };
    if *fragment != 0 {
        return Err(DatagramError::Fragment);
    }
    Ok(decode_address(rest)?)
}

/// Makes the header of datagrams to that server.
///
/// # Errors
///
/// Its name is none that can be said.
pub fn encode_datagram_header(server: &Target) -> Result<Vec<u8>, AddressError> {
    let mut bytes = vec![0, 0, 0];
    encode_address(server, &mut bytes)?;
    Ok(bytes)
}
