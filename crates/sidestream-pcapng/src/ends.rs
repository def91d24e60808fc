//! The two ends of a connection.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Whoever was connected to.
    Accepter,
    /// Whoever began.
    Opener,
}

/// Takes the packets that are made, each with the end that sends it.
pub type Each<'a> = dyn FnMut(End, &[u8]) -> io::Result<()> + 'a;

impl End {
    /// Returns the other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Accepter => Self::Opener,
            Self::Opener => Self::Accepter,
        }
    }

    pub(crate) const fn place(self) -> usize {
        match self {
            Self::Opener => 0,
            Self::Accepter => 1,
        }
    }
}

/// The prefix of IPv6 addresses that stand for those of IPv4 (RFC 6052 §2.1): unlike mapped ones
/// they may be on a wire.
const TRANSLATED: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

/// Gives both the same family: one packet has one. An IPv4 address becomes an IPv6 address that
/// stands for it.
pub(crate) fn alike(ends: [SocketAddr; 2]) -> [SocketAddr; 2] {
    if ends[0].is_ipv4() == ends[1].is_ipv4() {
        return ends;
    }
    ends.map(|end| match end.ip() {
        IpAddr::V4(addr) => {
            let [a, b, c, d, e, f] = TRANSLATED;
            let [g, h, i, j] = addr.octets();
            let [g, h] = [u16::from_be_bytes([g, h]), u16::from_be_bytes([i, j])];
            SocketAddr::new(Ipv6Addr::new(a, b, c, d, e, f, g, h).into(), end.port())
        }
        IpAddr::V6(_) => end,
    })
}
