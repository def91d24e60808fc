//! Segments of a flow that came one by one, merged into a packet that stands for all of them
//! (receive offload in software).

use sidestream_flow::FlowKey;

use crate::bytes::{be16, be32, put16};
use crate::ip::{v4, v6};
use crate::rewrite::unverified;
use crate::sum::TCP_CHECKSUM;
use crate::{Checksum, Offload, Packet, Sum, TcpFlags, Transport, protocol};

/// How many flows are gathered at once.
const MAX_FLOWS: usize = 8;

/// Merges consecutive segments of TCP flows: what must be done per packet is then done once for
/// up to 64 KiB.
///
/// Segments merge when nothing but sequence number, length, checksums and identification differs,
/// and all but the last are of one size; PSH and FIN end a packet. So
/// [`segment`](crate::segment()) gives back the same segments. Packets of one flow keep their order.
///
/// [`flush`](Self::flush) must follow each batch: nothing may be held while nothing comes.
///
/// ```
/// use sidestream_packet::build::{self, TcpHeader};
/// use sidestream_packet::{Checksum, Coalescer, Offload, Packet, TcpFlags};
///
/// let mut coalescer = Coalescer::default();
/// let mut merged = Vec::new();
/// for index in 0..3 {
///     let fields = TcpHeader { sequence: index * 1000, flags: TcpFlags::ACK, ..TcpHeader::default() };
///     let mut bytes = Vec::new();
///     build::tcp(&mut bytes, ([192, 0, 2, 1], 80).into(), ([10, 0, 0, 2], 4000).into(), &fields, &[7; 1000])?;
///     let packet = Packet::parse(&bytes, Checksum::Complete)?;
///     coalescer.push(&packet, Offload::default(), |_, _| unreachable!("the end may yet come"));
/// }
/// coalescer.flush(|bytes, offload| merged.push((bytes.len(), offload.segment_size)));
/// assert_eq!(merged, [(3040, Some(1000))]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Coalescer {
    /// The oldest first.
    held: Vec<Held>,
    /// Buffers of packets that went, to be used again.
    spare: Vec<Vec<u8>>,
}

/// A packet that may yet grow.
#[derive(Debug)]
struct Held {
    key: FlowKey,
    bytes: Vec<u8>,
    checksum: Checksum,
    /// The length of all headers.
    front: usize,
    segment_size: usize,
    segments: u16,
    next_sequence: u32,
}

/// What a packet is to those before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It may begin a packet that stands for several, or continue one.
    Middle,
    /// It may continue one, and ends it.
    End,
    /// It stays alone.
    Alone,
}

impl Coalescer {
    /// Takes a packet, and gives `each` what is complete by it: with the bytes what is left to do.
    ///
    /// The packet was parsed with `offload.checksum`, so that nobody needs to verify it again.
    pub fn push(
        &mut self,
        packet: &Packet<'_>,
        offload: Offload,
        mut each: impl FnMut(&[u8], Offload),
    ) {
        let whole = Offload { checksum: unverified(offload.checksum), ..offload };
        let (Transport::Tcp(tcp), Some(key)) = (packet.transport(), packet.key()) else {
            return each(packet.bytes(), whole);
        };
        let role = role(packet, tcp.flags(), tcp.payload().len(), offload);
        let place = self.held.iter().position(|held| held.key == key);
        if let Some(place) = place {
            if role != Role::Alone && self.held[place].takes(packet) {
                let held = &mut self.held[place];
                held.append(packet);
                if role == Role::End || tcp.payload().len() < held.segment_size {
                    self.emit(place, &mut each);
                }
                return;
            }
            self.emit(place, &mut each);
        }
        if role != Role::Middle {
            return each(packet.bytes(), whole);
        }
        if self.held.len() == MAX_FLOWS {
            self.emit(0, &mut each);
        }
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.extend_from_slice(packet.bytes());
        self.held.push(Held {
            key,
            bytes,
            checksum: whole.checksum,
            front: packet.header_len() + tcp.header_len(),
            segment_size: tcp.payload().len(),
            segments: 1,
            next_sequence: tcp.sequence().wrapping_add(tcp.sequence_len()),
        });
    }

    /// Gives `each` all that is held.
    pub fn flush(&mut self, mut each: impl FnMut(&[u8], Offload)) {
        while !self.held.is_empty() {
            self.emit(0, &mut each);
        }
    }

    fn emit(&mut self, place: usize, each: &mut impl FnMut(&[u8], Offload)) {
        let mut held = self.held.remove(place);
        let offload = held.finish();
        each(&held.bytes, offload);
        held.bytes.clear();
        self.spare.push(held.bytes);
    }
}

fn role(packet: &Packet<'_>, flags: TcpFlags, payload_len: usize, offload: Offload) -> Role {
    let plain = if packet.source().is_ipv4() { v4::MIN_LEN } else { v6::LEN };
    let alone = TcpFlags::SYN | TcpFlags::RST | TcpFlags::URG | TcpFlags::CWR;
    if payload_len == 0
        || packet.header_len() != plain
        || offload.segment_size.is_some()
        || flags.intersects(alone)
    {
        return Role::Alone;
    }
    if flags.intersects(TcpFlags::PSH | TcpFlags::FIN) { Role::End } else { Role::Middle }
}

impl Held {
    /// Whether the packet continues this one.
    fn takes(&self, packet: &Packet<'_>) -> bool {
        let Transport::Tcp(tcp) = packet.transport() else { return false };
        let (own, new) = (&self.bytes[..self.front], packet.bytes());
        tcp.sequence() == self.next_sequence
            && packet.header_len() + tcp.header_len() == self.front
            && tcp.payload().len() <= self.segment_size
            && self.bytes.len() + tcp.payload().len() <= usize::from(u16::MAX)
            && self.continues_ip(new)
            && same_tcp(&own[packet.header_len()..], &new[packet.header_len()..self.front])
    }

    fn continues_ip(&self, new: &[u8]) -> bool {
        let own = &self.bytes;
        if own[0] >> 4 == 6 {
            // Traffic class, flow label, next header and hop limit.
            return own[..4] == new[..4] && own[6..8] == new[6..8];
        }
        // The identification of what must not be fragmented means nothing (RFC 6864 §4.1).
        let place = be16(own, 6);
        let next_id = be16(own, 4).wrapping_add(self.segments);
        own[1] == new[1]
            && own[8..10] == new[8..10]
            && place == be16(new, 6)
            && (place & v4::DONT_FRAGMENT != 0 || next_id == be16(new, 4))
    }

    fn append(&mut self, packet: &Packet<'_>) {
        let new = packet.bytes();
        let flags = packet.header_len() + 12;
        // PSH and FIN of the last count for all.
        let both = be16(&self.bytes, flags) | be16(new, flags);
        put16(&mut self.bytes, flags, both);
        let payload = &new[self.front..];
        self.bytes.extend_from_slice(payload);
        self.segments += 1;
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        self.next_sequence = self.next_sequence.wrapping_add(len);
    }

    /// Writes lengths and checksums, and returns what is left to do.
    fn finish(&mut self) -> Offload {
        if self.segments == 1 {
            return Offload { checksum: self.checksum, segment_size: None };
        }
        let bytes = &mut self.bytes;
        let len = bytes.len();
        let short = |value: usize| u16::try_from(value).expect("takes() keeps it in 16 bits");
        let start = if bytes[0] >> 4 == 4 {
            put16(bytes, 2, short(len));
            v4::write_checksum(&mut bytes[..v4::MIN_LEN]);
            v4::MIN_LEN
        } else {
            put16(bytes, 4, short(len - v6::LEN));
            v6::LEN
        };
        let (source, destination) = (self.key.client.ip(), self.key.server.ip());
        let sum = Sum::default().pseudo_header(source, destination, protocol::TCP, len - start);
        put16(bytes, start + TCP_CHECKSUM, sum.fold());
        Offload {
            checksum: Checksum::Partial { start: short(start), offset: short(TCP_CHECKSUM) },
            segment_size: Some(short(self.segment_size)),
        }
    }
}

/// Whether two headers of TCP differ at most in sequence number, PSH, FIN and checksum.
fn same_tcp(own: &[u8], new: &[u8]) -> bool {
    const ENDS: u32 = ((TcpFlags::PSH.0 | TcpFlags::FIN.0) as u32) << 16;
    be32(own, 8) == be32(new, 8)
        && (be32(own, 12) ^ be32(new, 12)) & !ENDS == 0
        && own[18..] == new[18..]
}
