//! Recognizes protocols by their first bytes, whatever the port.
//!
//! [`of_client`] looks at what a client says before anything is heard of its server, and may ask
//! for more of it; [`Greetings`] looks at what goes by anyway, and delays nothing; [`of_datagram`]
//! looks at one datagram. TLS and HTTP have sniffers of their own, in [`tls`](crate::tls),
//! [`http1`](crate::http1) and [`http2`](crate::http2).
//!
//! Each signature is as long as it takes for other protocols, and random bytes, not to have it.

mod datagram;
mod dns;
mod greetings;

use sidestream_record::Protocol;

pub use datagram::of_datagram;
pub use greetings::Greetings;

/// What the first bytes of a stream show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// They begin that protocol.
    Is(Protocol),
    /// They may begin one that is known: ask again with more of them.
    NeedMore,
    /// They begin none that is known.
    No,
}

/// The beginning of a client's and of a server's first line in SSH (RFC 4253 §4.2).
const SSH: &[u8] = b"SSH-2.0-";

/// Tells what a client speaks that is not answered yet; `port` is the server's.
///
/// The first byte that does not fit decides, so that other protocols are hardly ever kept waiting.
pub fn of_client(bytes: &[u8], port: u16) -> Sign {
    match (is_ssh(bytes), dns::begins_query(bytes, port)) {
        (Sign::No, dns) => dns,
        (ssh, _) => ssh,
    }
}

/// Tells whether bytes begin the identification of an SSH peer, which goes on behind the version.
fn is_ssh(bytes: &[u8]) -> Sign {
    let n = bytes.len().min(SSH.len());
    match bytes.get(SSH.len()) {
        _ if bytes[..n] != SSH[..n] => Sign::No,
        None => Sign::NeedMore,
        Some(software) if software.is_ascii_graphic() => Sign::Is(Protocol::Ssh),
        Some(_) => Sign::No,
    }
}
