//! Packets made by hand.

use std::net::{IpAddr, SocketAddr};

use sidestream_packet::build::{self, TcpHeader};
use sidestream_packet::{Packet, Sum, TcpFlags, Transport};

/// An end of documentation's ranges: 192.0.2.`last` or 2001:db8::`last`.
pub(crate) fn end(v4: bool, last: u8, port: u16) -> SocketAddr {
    SocketAddr::new(addr(v4, last), port)
}

pub(crate) fn addr(v4: bool, last: u8) -> IpAddr {
    if v4 {
        [192, 0, 2, last].into()
    } else {
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(last)].into()
    }
}

pub(crate) fn udp(v4: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    build::udp(&mut bytes, end(v4, 1, 4000), end(v4, 2, 53), payload).unwrap();
    bytes
}

pub(crate) fn tcp(v4: bool, flags: TcpFlags, payload: &[u8]) -> Vec<u8> {
    let fields = TcpHeader { sequence: 1000, acknowledgment: 7, flags, window: 64, options: &[] };
    tcp_with(v4, &fields, payload)
}

pub(crate) fn tcp_with(v4: bool, fields: &TcpHeader<'_>, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    build::tcp(&mut bytes, end(v4, 1, 4000), end(v4, 2, 443), fields, payload).unwrap();
    bytes
}

/// Writes the checksums of a packet anew, after a test changed its bytes.
pub(crate) fn seal(bytes: &mut [u8]) {
    let (source, destination, start, protocol): (IpAddr, IpAddr, _, _) = if bytes[0] >> 4 == 4 {
        let start = usize::from(bytes[0] & 15) * 4;
        bytes[10..12].fill(0);
        let checksum = Sum::default().bytes(&bytes[..start]).checksum();
        bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
        let source: [u8; 4] = bytes[12..16].try_into().unwrap();
        let destination: [u8; 4] = bytes[16..20].try_into().unwrap();
        (source.into(), destination.into(), start, bytes[9])
    } else {
        let source: [u8; 16] = bytes[8..24].try_into().unwrap();
        let destination: [u8; 16] = bytes[24..40].try_into().unwrap();
        (source.into(), destination.into(), 40, bytes[6])
    };
    let field = match protocol {
        6 => 16,
        17 => 6,
        _ => return,
    };
    let transport = &mut bytes[start..];
    transport[field..field + 2].fill(0);
    let sum = Sum::default().pseudo_header(source, destination, protocol, transport.len());
    let checksum = sum.bytes(transport).checksum();
    transport[field..field + 2].copy_from_slice(&checksum.to_be_bytes());
}

/// Turns a complete checksum into the pseudo-header's sum alone, and returns what is left to do.
pub(crate) fn make_partial(bytes: &mut [u8]) -> sidestream_packet::Checksum {
    let packet = Packet::parse(bytes, sidestream_packet::Checksum::Complete).unwrap();
    let start = packet.header_len();
    let offset = match packet.transport() {
        Transport::Tcp(_) => 16,
        _ => 6,
    };
    let sum = Sum::default().pseudo_header(
        packet.source(),
        packet.destination(),
        packet.protocol(),
        packet.bytes().len() - start,
    );
    let sum = sum.fold();
    bytes[start + offset..start + offset + 2].copy_from_slice(&sum.to_be_bytes());
    let short = |value: usize| u16::try_from(value).unwrap();
    sidestream_packet::Checksum::Partial { start: short(start), offset: short(offset) }
}

/// Puts extension headers in front of the transport of an IPv6 packet: each a number and bytes,
/// of which the first will be the next header's.
pub(crate) fn extend(bytes: &[u8], headers: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = bytes[..40].to_vec();
    let transport = out[6];
    let mut at = 6;
    for (number, header) in headers {
        out[at] = *number;
        at = out.len();
        out.extend_from_slice(header);
    }
    out[at] = transport;
    out.extend_from_slice(&bytes[40..]);
    let len = u16::try_from(out.len() - 40).unwrap();
    out[4..6].copy_from_slice(&len.to_be_bytes());
    out
}
