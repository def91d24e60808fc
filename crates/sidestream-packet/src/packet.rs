//! A packet that was checked once.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use sidestream_flow::FlowKey;

use crate::ip::{self, Header};
use crate::transport::{Transport, ports};
use crate::{Checksum, Defect};

/// A view of an IP packet, of which all headers and checksums were checked.
///
/// It borrows the bytes, holds nothing else, and is made without allocation. A packet may be as
/// long as IP allows (65,535 bytes), whatever the device's MTU: segmentation offload makes such.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    bytes: &'a [u8],
    header: Header,
    transport: Transport<'a>,
}

impl<'a> Packet<'a> {
    /// Reads and checks the packet at the beginning of `bytes`; what comes after it is cut off.
    ///
    /// The transport's checksum is verified where it is [complete](Checksum::Complete); the IPv4
    /// header's always.
    ///
    /// # Errors
    ///
    /// What is wrong with it: such a packet is to be counted and dropped.
    pub fn parse(bytes: &'a [u8], checksum: Checksum) -> Result<Self, Defect> {
        let header = ip::read(bytes)?;
        let bytes = &bytes[..header.total_len];
        let transport = Transport::read(&header, &bytes[header.len..], checksum)?;
        Ok(Self { bytes, header, transport })
    }

    /// Returns the bytes of the packet.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the address it comes from.
    pub const fn source(&self) -> IpAddr {
        self.header.source
    }

    /// Returns the address it goes to.
    pub const fn destination(&self) -> IpAddr {
        self.header.destination
    }

    /// Returns how many more routers may forward it.
    pub const fn hop_limit(&self) -> u8 {
        self.header.hop_limit
    }

    /// Returns the number of its transport, out of [`protocol`](crate::protocol).
    ///
    /// For a fragment of IPv6 it may be that of an extension header.
    pub const fn protocol(&self) -> u8 {
        self.header.protocol
    }

    /// Returns the congestion bits (RFC 3168 §5): 0 not capable, 1 and 2 capable, 3 experienced.
    pub const fn ecn(&self) -> u8 {
        self.header.traffic_class & 3
    }

    /// Returns the differentiated services code point (RFC 2474 §3).
    pub const fn dscp(&self) -> u8 {
        self.header.traffic_class >> 2
    }

    /// Returns the length of all headers in front of the transport.
    pub const fn header_len(&self) -> usize {
        self.header.len
    }

    /// Returns what it carries.
    pub const fn transport(&self) -> Transport<'a> {
        self.transport
    }

    /// Returns its five-tuple, the sender being the client, where it is TCP or UDP.
    pub fn key(&self) -> Option<FlowKey> {
        let transport = match self.transport {
            Transport::Tcp(_) => sidestream_flow::Transport::Tcp,
            Transport::Udp(_) => sidestream_flow::Transport::Udp,
            _ => return None,
        };
        let (source, destination) = ports(&self.bytes[self.header.len..])?;
        Some(FlowKey {
            transport,
            client: SocketAddr::new(self.header.source, source),
            server: SocketAddr::new(self.header.destination, destination),
        })
    }

    /// Where the byte stands that names its transport.
    pub(crate) const fn protocol_at(&self) -> usize {
        self.header.protocol_at
    }
}

impl fmt::Debug for Packet<'_> {
    /// Writes what [`Display`](fmt::Display) does: never a payload.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
