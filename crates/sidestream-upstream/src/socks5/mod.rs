//! SOCKS5, as a client speaks it (RFC 1928, RFC 1929).

mod address;
mod datagram;
mod handshake;
mod reply;

pub use address::{AddressError, decode_address, encode_address};
pub use datagram::{DatagramError, decode_datagram, encode_datagram_header};
pub use handshake::{Command, Handshake, HandshakeError, Step};
pub use reply::Reply;
