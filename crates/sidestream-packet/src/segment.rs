//! A packet that stands for several, cut into those (segmentation offload in software).

use std::net::IpAddr;

use crate::bytes::{be16, be32, put16, put32};
use crate::ip::{v4, v6};
use crate::sum::write_checksum;
use crate::transport::udp;
use crate::{Checksum, Defect, Offload, Packet, TcpFlags, Transport, complete, protocol};

/// Gives `each` the packets that `bytes` stands for, all with complete checksums, and returns how
/// many there were.
///
/// A packet without [segment size](Offload::segment_size), or shorter, comes out alone. As
/// senders with such an offload do it: sequence numbers and IPv4 identifications count on, FIN
/// and PSH are of the last segment, CWR is of the first (RFC 3168 §6.1.2).
///
/// # Errors
///
/// What is wrong with it; [`Defect::BadOffload`] also where it cannot stand for several.
///
/// ```
/// use sidestream_packet::{Checksum, Offload, Packet, build, segment};
///
/// let mut bytes = Vec::new();
/// build::udp(&mut bytes, ([10, 0, 0, 2], 4000).into(), ([192, 0, 2, 1], 443).into(), &[7; 2500])?;
/// let offload = Offload { checksum: Checksum::Complete, segment_size: Some(1200) };
/// let mut lens = Vec::new();
/// segment(&bytes, offload, |packet| lens.push(packet.len()))?;
/// assert_eq!(lens, [1228, 1228, 128]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn segment(
    bytes: &[u8],
    offload: Offload,
    mut each: impl FnMut(&[u8]),
) -> Result<usize, Defect> {
    let packet = Packet::parse(bytes, offload.checksum)?;
    let (front, payload) = match packet.transport() {
        Transport::Tcp(tcp) => (packet.header_len() + tcp.header_len(), tcp.payload()),
        Transport::Udp(udp) => (packet.header_len() + udp::LEN, udp.payload()),
        _ if offload.segment_size.is_some() => return Err(Defect::BadOffload),
        _ => (packet.bytes().len(), &[][..]),
    };
    let size = match offload.segment_size {
        Some(0) => return Err(Defect::BadOffload),
        Some(size) if payload.len() > usize::from(size) => usize::from(size),
        _ => return single(&packet, offload.checksum, each),
    };
    if let Transport::Tcp(tcp) = packet.transport()
        && tcp.flags().intersects(TcpFlags::SYN | TcpFlags::RST)
    {
        return Err(Defect::BadOffload);
    }
    let mut piece = Vec::with_capacity(front + size);
    let count = payload.len().div_ceil(size);
    for (index, data) in payload.chunks(size).enumerate() {
        piece.clear();
        piece.extend_from_slice(&packet.bytes()[..front]);
        piece.extend_from_slice(data);
        let place = Place { index, offset: index * size, last: index + 1 == count };
        fix_ip(&mut piece, &packet, index);
        fix_transport(&mut piece[packet.header_len()..], &packet, place);
        each(&piece);
    }
    Ok(count)
}

fn single(
    packet: &Packet<'_>,
    checksum: Checksum,
    mut each: impl FnMut(&[u8]),
) -> Result<usize, Defect> {
    match (checksum, packet.transport()) {
        (Checksum::Complete, _) | (_, Transport::Fragment(_) | Transport::Other(_)) => {
            each(packet.bytes());
        }
        // Somebody vouched for the packet, not for what stands in the field.
        (Checksum::Verified, _) => {
            let mut piece = packet.bytes().to_vec();
            let transport = &mut piece[packet.header_len()..];
            write_checksum(
                transport_only(packet, transport),
                packet.protocol(),
                packet.source(),
                packet.destination(),
            );
            each(&piece);
        }
        (Checksum::Partial { .. }, _) => {
            let mut piece = packet.bytes().to_vec();
            complete(&mut piece, checksum)?;
            each(&piece);
        }
    }
    Ok(1)
}

/// Leaves off what a packet has beyond its datagram.
fn transport_only<'a>(packet: &Packet<'_>, transport: &'a mut [u8]) -> &'a mut [u8] {
    let len = match packet.transport() {
        Transport::Udp(udp) => udp::LEN + udp.payload().len(),
        _ => transport.len(),
    };
    &mut transport[..len]
}

/// Which of the segments it is.
#[derive(Clone, Copy)]
struct Place {
    index: usize,
    offset: usize,
    last: bool,
}

/// Writes lengths, identification and header checksum of a segment.
fn fix_ip(piece: &mut [u8], packet: &Packet<'_>, index: usize) {
    let len = piece.len();
    // No segment is longer than the packet, nor has it more segments than bytes.
    let short = |value: usize| u16::try_from(value).unwrap_or(u16::MAX);
    match packet.source() {
        IpAddr::V4(_) => {
            put16(piece, 2, short(len));
            let id = be16(piece, 4).wrapping_add(short(index));
            put16(piece, 4, id);
            v4::write_checksum(&mut piece[..packet.header_len()]);
        }
        IpAddr::V6(_) => put16(piece, 4, short(len - v6::LEN)),
    }
}

/// Writes what differs in the transport of a segment, and its checksum.
fn fix_transport(piece: &mut [u8], packet: &Packet<'_>, place: Place) {
    if packet.protocol() == protocol::TCP {
        let offset = u32::try_from(place.offset).unwrap_or(u32::MAX);
        let sequence = be32(piece, 4).wrapping_add(offset);
        put32(piece, 4, sequence);
        let mut flags = TcpFlags(be16(piece, 12));
        if place.index > 0 {
            flags = flags.without(TcpFlags::CWR);
        }
        if !place.last {
            flags = flags.without(TcpFlags::FIN | TcpFlags::PSH);
        }
        put16(piece, 12, flags.0);
    } else {
        put16(piece, 4, u16::try_from(piece.len()).unwrap_or(u16::MAX));
    }
    write_checksum(piece, packet.protocol(), packet.source(), packet.destination());
}
