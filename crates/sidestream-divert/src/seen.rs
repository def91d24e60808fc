//! What there is to see in a packet, and what its checksums are worth.

use std::net::IpAddr;

use sidestream_flow::FlowKey;
use sidestream_packet::{
    Checksum, Defect, IcmpMessage, Offload, Packet, Sum, TcpFlags, Transport, protocol,
};

use crate::Address;

/// What a packet is to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// An error about a packet that went to this flow's client.
    Error(FlowKey),
    Fragment,
    Other,
    Tcp(FlowKey, Segment),
    Udp(FlowKey),
}

/// What a segment of TCP says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) flags: TcpFlags,
    pub(crate) sequence: u32,
    /// The number behind its last byte.
    pub(crate) end: u32,
}

impl Segment {
    /// Whether it asks for a connection.
    pub(crate) const fn begins(&self) -> bool {
        self.flags.contains(TcpFlags::SYN) && !self.flags.contains(TcpFlags::ACK)
    }
}

/// Where the checksum stands in the header of IPv4.
const IP_CHECKSUM: usize = 10;

/// Looks at a packet of WinDivert's, and leaves it as it is.
pub(crate) fn look(bytes: &mut [u8], address: &Address) -> Result<Seen, Defect> {
    if !leaves_ip_checksum(bytes, address) {
        return see(bytes);
    }
    let old = [bytes[IP_CHECKSUM], bytes[IP_CHECKSUM + 1]];
    write_ip_checksum(bytes);
    let seen = see(bytes);
    bytes[IP_CHECKSUM..IP_CHECKSUM + 2].copy_from_slice(&old);
    seen
}

/// Looks at a packet whose checksums are right, or vouched for.
pub(crate) fn see(bytes: &[u8]) -> Result<Seen, Defect> {
    let packet = Packet::parse(bytes, Checksum::Verified)?;
    Ok(match (packet.transport(), packet.key()) {
        (Transport::Fragment(_), _) => Seen::Fragment,
        (Transport::Tcp(tcp), Some(key)) => {
            let (flags, sequence) = (tcp.flags(), tcp.sequence());
            let end = sequence.wrapping_add(tcp.sequence_len());
            Seen::Tcp(key, Segment { flags, sequence, end })
        }
        (Transport::Udp(_), Some(key)) => Seen::Udp(key),
        (Transport::Icmp(IcmpMessage::Unreachable { quote: Some(quote), .. }), _) => {
            // Only who got a packet may complain of it; its sender was the server.
            let about = quote.key().filter(|key| key.server.ip() == packet.source());
            about.map_or(Seen::Other, |key| Seen::Error(reversed(&key)))
        }
        _ => Seen::Other,
    })
}

/// Makes a packet ready for whoever knows nothing of WinDivert's flags.
///
/// What a sender leaves to its network card is anything but a sum; so that the rest can be
/// [completed](sidestream_packet::complete), the sum of the pseudo-header is put in its place.
/// Returns what the checksum is worth, and how long the packet is.
pub(crate) fn settle(bytes: &mut [u8], address: &Address) -> (Offload, usize) {
    if leaves_ip_checksum(bytes, address) {
        write_ip_checksum(bytes);
    }
    let Ok(packet) = Packet::parse(bytes, Checksum::Verified) else {
        return (Offload::default(), bytes.len());
    };
    let (start, len) = (packet.header_len(), packet.bytes().len());
    let (right, number, offset) = match packet.transport() {
        Transport::Tcp(_) => (address.tcp_checksum, protocol::TCP, 16),
        Transport::Udp(_) => (address.udp_checksum, protocol::UDP, 6),
        Transport::Fragment(_) | Transport::Icmp(_) | Transport::Other(_) => {
            return (verified(), len);
        }
    };
    if right {
        return (verified(), len);
    }
    if !address.outbound {
        // Nobody on this machine made it: it may have been changed on its way.
        return (Offload::default(), len);
    }
    let front = Sum::default().pseudo_header(
        packet.source(),
        packet.destination(),
        number,
        len.saturating_sub(start),
    );
    bytes[start + offset..start + offset + 2].copy_from_slice(&front.fold().to_be_bytes());
    let start = u16::try_from(start).unwrap_or(u16::MAX);
    let offset = u16::try_from(offset).unwrap_or(u16::MAX);
    (Offload { checksum: Checksum::Partial { start, offset }, segment_size: None }, len)
}

/// Swaps the ends of a flow.
pub(crate) const fn reversed(key: &FlowKey) -> FlowKey {
    FlowKey { transport: key.transport, client: key.server, server: key.client }
}

/// Returns the address that answers to a packet reach.
pub(crate) fn client_of(key: &FlowKey) -> IpAddr {
    key.client.ip()
}

const fn verified() -> Offload {
    Offload { checksum: Checksum::Verified, segment_size: None }
}

fn header_len(bytes: &[u8]) -> Option<usize> {
    let len = usize::from(bytes.first()? & 0xf) * 4;
    (bytes[0] >> 4 == 4 && len >= 20 && len <= bytes.len()).then_some(len)
}

fn leaves_ip_checksum(bytes: &[u8], address: &Address) -> bool {
    address.outbound && !address.ip_checksum && header_len(bytes).is_some()
}

fn write_ip_checksum(bytes: &mut [u8]) {
    let Some(len) = header_len(bytes) else { return };
    bytes[IP_CHECKSUM..IP_CHECKSUM + 2].fill(0);
    let sum = Sum::default().bytes(&bytes[..len]).checksum();
    bytes[IP_CHECKSUM..IP_CHECKSUM + 2].copy_from_slice(&sum.to_be_bytes());
}
