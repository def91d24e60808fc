//! What a packet is, as far as its fate depends on it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const TCP: u8 = 6;
const UDP: u8 = 17;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;

/// What is known of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) protocol: u8,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) kind: Kind,
}

/// What kind of packet it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A datagram, or anything else that is no TCP.
    Datagram,
    /// A segment that takes up a stretch of the stream's numbers, with SYN and FIN; where it
    /// begins.
    Segment {
        /// Its first number.
        seq: u32,
        /// How many numbers it takes up.
        len: u32,
        /// Whether it begins the stream.
        is_first: bool,
    },
    /// A segment without any, or a reset.
    Bare,
}

impl Packet {
    /// Reads a packet's headers; `None` where they are not whole.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (protocol, from, to, rest) = match bytes.first()? >> 4 {
            4 => {
                let header = usize::from(bytes[0] & 15) * 4;
                let total = usize::from(u16::from_be_bytes(array(bytes, 2)?));
                let from = Ipv4Addr::from(array::<4>(bytes, 12)?);
                let to = Ipv4Addr::from(array::<4>(bytes, 16)?);
                let rest = bytes.get(header..total.min(bytes.len()))?;
                (bytes[9], IpAddr::from(from), IpAddr::from(to), rest)
            }
            6 => {
                let from = Ipv6Addr::from(array::<16>(bytes, 8)?);
                let to = Ipv6Addr::from(array::<16>(bytes, 24)?);
                (bytes[6], IpAddr::from(from), IpAddr::from(to), bytes.get(40..)?)
            }
            _ => return None,
        };
        let has_ports = matches!(protocol, TCP | UDP);
        let port = |at| if has_ports { array(rest, at).map(u16::from_be_bytes) } else { Some(0) };
        let (from, to) = (SocketAddr::new(from, port(0)?), SocketAddr::new(to, port(2)?));
        let kind = if protocol == TCP { segment(rest)? } else { Kind::Datagram };
        Some(Self { protocol, from, to, kind })
    }
}

fn segment(tcp: &[u8]) -> Option<Kind> {
    let seq = u32::from_be_bytes(array(tcp, 4)?);
    let (offset, flags) = (usize::from(tcp.get(12)? >> 4) * 4, *tcp.get(13)?);
    let payload = u32::try_from(tcp.len().checked_sub(offset)?).ok()?;
    let is_first = flags & SYN != 0;
    let len = payload + u32::from(is_first) + u32::from(flags & FIN != 0);
    let is_bare = len == 0 || flags & RST != 0;
    Some(if is_bare { Kind::Bare } else { Kind::Segment { seq, len, is_first } })
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}
