//! The messages of SOCKS, versions 4, 4a and 5, as bytes: nothing here waits or knows a socket.
//!
//! RFC 1928 is version 5, RFC 1929 its password. Version 4 was never a standard; it is read as
//! its clients write it.

mod address;
mod credentials;
mod datagram;
mod error;
mod handshake;
mod reply;

pub use address::{Address, Host};
pub(crate) use credentials::is_same;
pub use credentials::{Credentials, ParseCredentialsError};
pub use datagram::{DatagramError, decode_datagram, encode_header};
pub use error::{DecodeError, HandshakeError};
pub use handshake::{Command, Handshake, Refused, Request, Step};
pub use reply::{Reply, Version};
