//! What a packet carries.

mod fragment;
mod icmp;
mod quote;
mod tcp;
pub(crate) mod udp;

pub use fragment::Fragment;
pub use icmp::{IcmpMessage, Unreachable};
pub use quote::Quote;
pub use tcp::{TcpFlags, TcpOption, TcpOptions, TcpSegment};
pub use udp::UdpDatagram;

use std::net::IpAddr;

use crate::bytes::be16;
use crate::ip::Header;
use crate::{Checksum, Defect, protocol, sum};

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport<'a> {
    /// A piece of a packet: the rest has to come before it means anything.
    Fragment(Fragment<'a>),
    /// A message of ICMP, of the family of the packet.
    Icmp(IcmpMessage<'a>),
    /// Anything else, by its number.
    Other(u8),
    /// A segment of TCP.
    Tcp(TcpSegment<'a>),
    /// A datagram of UDP.
    Udp(UdpDatagram<'a>),
}

impl<'a> Transport<'a> {
    pub(crate) fn read(
        header: &Header,
        bytes: &'a [u8],
        checksum: Checksum,
    ) -> Result<Self, Defect> {
        if let Some(piece) = header.piece {
            return Fragment::read(header, piece, bytes).map(Self::Fragment);
        }
        let family = (header.protocol, header.source);
        match family {
            (protocol::TCP, _) => TcpSegment::read(header, bytes, checksum).map(Self::Tcp),
            (protocol::UDP, _) => UdpDatagram::read(header, bytes, checksum).map(Self::Udp),
            (protocol::ICMP, IpAddr::V4(_)) | (protocol::ICMPV6, IpAddr::V6(_)) => {
                IcmpMessage::read(header, bytes, checksum).map(Self::Icmp)
            }
            (other, _) => Ok(Self::Other(other)),
        }
    }
}

/// Verifies the checksum of a transport, or that the place of a partial one is `field`.
fn verify(header: &Header, bytes: &[u8], checksum: Checksum, field: usize) -> Result<(), Defect> {
    match checksum {
        Checksum::Verified => Ok(()),
        Checksum::Partial { start, offset }
            if (usize::from(start), usize::from(offset)) == (header.len, field) =>
        {
            Ok(())
        }
        Checksum::Partial { .. } => Err(Defect::BadOffload),
        Checksum::Complete => {
            let sum = sum::transport(bytes, header.protocol, header.source, header.destination);
            if sum.fold() == 0xffff { Ok(()) } else { Err(Defect::BadChecksum) }
        }
    }
}

/// Reads the ports at the beginning of a transport.
pub(crate) fn ports(bytes: &[u8]) -> Option<(u16, u16)> {
    (bytes.len() >= 4).then(|| (be16(bytes, 0), be16(bytes, 2)))
}

/// Refuses a packet that would make its receiver talk to itself.
fn check_land(header: &Header, bytes: &[u8]) -> Result<(), Defect> {
    if header.source == header.destination && bytes[..2] == bytes[2..4] {
        return Err(Defect::Land);
    }
    Ok(())
}
