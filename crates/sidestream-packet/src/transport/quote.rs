//! The packet that an ICMP error is about, as far as the error quotes it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sidestream_flow::FlowKey;

use super::ports;
use crate::bytes::be16;
use crate::protocol;

/// The beginning of a packet inside an ICMP error.
///
/// Nothing but the quote tells whether the error is true: whoever acts on it compares the
/// five-tuple with a flow that exists, and for TCP the sequence number with the window (RFC 5927
/// §4).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Quote<'a> {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    bytes: &'a [u8],
    header_len: usize,
}

impl<'a> Quote<'a> {
    /// Reads a quote, of which all after the header may be missing.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => {
                let fixed: &[u8; 20] = bytes.first_chunk()?;
                let header_len = usize::from(fixed[0] & 0xf) * 4;
                // Of a later fragment no ports are quoted.
                let first = be16(fixed, 6) & 0x1fff == 0;
                let source = Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15]).into();
                let destination = Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19]).into();
                let fits = header_len >= 20 && header_len <= bytes.len();
                let header_len = if first { header_len } else { bytes.len() };
                fits.then_some(Self { source, destination, protocol: fixed[9], bytes, header_len })
            }
            6 => {
                let fixed: &[u8; 40] = bytes.first_chunk()?;
                let source: [u8; 16] = fixed[8..24].try_into().ok()?;
                let destination: [u8; 16] = fixed[24..40].try_into().ok()?;
                let (protocol, header_len) = skip_extensions(bytes, fixed[6]);
                Some(Self {
                    source: Ipv6Addr::from(source).into(),
                    destination: Ipv6Addr::from(destination).into(),
                    protocol,
                    bytes,
                    header_len,
                })
            }
            _ => None,
        }
    }

    /// Returns the address that the quoted packet came from: where the error is received.
    pub const fn source(&self) -> IpAddr {
        self.source
    }

    /// Returns the address that the quoted packet went to.
    pub const fn destination(&self) -> IpAddr {
        self.destination
    }

    /// Returns the number of what the quoted packet carried.
    pub const fn protocol(&self) -> u8 {
        self.protocol
    }

    /// Returns what is quoted of the transport.
    pub fn transport_bytes(&self) -> &'a [u8] {
        self.bytes.get(self.header_len..).unwrap_or_default()
    }

    /// Returns the five-tuple of the quoted packet, whose sender was the client, where it was TCP
    /// or UDP and its ports are quoted.
    pub fn key(&self) -> Option<FlowKey> {
        let transport = match self.protocol {
            protocol::TCP => sidestream_flow::Transport::Tcp,
            protocol::UDP => sidestream_flow::Transport::Udp,
            _ => return None,
        };
        let (source, destination) = ports(self.transport_bytes())?;
        Some(FlowKey {
            transport,
            client: SocketAddr::new(self.source, source),
            server: SocketAddr::new(self.destination, destination),
        })
    }
}

/// Walks along quoted extension headers as far as they are there.
fn skip_extensions(bytes: &[u8], mut protocol: u8) -> (u8, usize) {
    let mut len = 40;
    for _ in 0..8 {
        let Some(&[next, length, high, low, ..]) = bytes.get(len..) else { break };
        len += match protocol {
            protocol::HOP_BY_HOP | protocol::ROUTING | protocol::DESTINATION_OPTIONS => {
                (usize::from(length) + 1) * 8
            }
            protocol::AUTHENTICATION => (usize::from(length) + 2) * 4,
            protocol::FRAGMENT if u16::from_be_bytes([high, low]) & 0xfff8 != 0 => {
                return (next, bytes.len());
            }
            protocol::FRAGMENT => 8,
            _ => break,
        };
        protocol = next;
    }
    (protocol, len)
}

impl fmt::Debug for Quote<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quote")
            .field("source", &self.source)
            .field("destination", &self.destination)
            .field("protocol", &self.protocol)
            .field("key", &self.key())
            .finish_non_exhaustive()
    }
}
