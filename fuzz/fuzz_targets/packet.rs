//! Feeds any packets to everything that reads, cuts, joins and answers them; whatever comes out is
//! sound again.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use sidestream_packet::{
    Checksum, Coalescer, IcmpMessage, Offload, Packet, Reassembly, ReassemblyLimits, Sum,
    Transport, Unreachable, build, complete, decrement_hop_limit, rewrite, segment,
};

const LIMITS: ReassemblyLimits = ReassemblyLimits {
    max_age: Duration::from_secs(3),
    max_bytes: 20_000,
    max_fragments: 16,
    max_packets: 4,
};

// Packets, each behind two octets with its length, one that says who vouches for its checksum, and
// two with the size of its segments. A second passes with each.
fuzz_target!(|input: &[u8]| {
    let mut now = Instant::now();
    let mut reassembly = Reassembly::new(LIMITS);
    let mut coalescer = Coalescer::default();
    let mut rest = input;
    while let Some((&[high, low, state, size_high, size_low], later)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes([high, low])).min(later.len());
        let (bytes, later) = later.split_at(len);
        rest = later;
        let mut bytes = bytes.to_vec();
        seal_header(&mut bytes);
        let size = u16::from_be_bytes([size_high, size_low]);
        let offload = Offload {
            checksum: match state {
                0 => Checksum::Complete,
                1..128 => Checksum::Verified,
                _ => Checksum::Partial { start: (state & 0x7f).into(), offset: size & 0x1f },
            },
            segment_size: (size > 0).then_some(size),
        };
        now += Duration::from_secs(1);
        let Ok(packet) = Packet::parse(&bytes, offload.checksum) else { continue };
        read(&packet);
        answer(&packet);
        cut(&bytes, offload);
        change(&bytes, offload.checksum);
        if let Ok(Some(whole)) = reassembly.insert(&packet, now)
            && let Ok(packet) = Packet::parse(&whole, Checksum::Verified)
        {
            read(&packet);
        }
        assert!(reassembly.len_bytes() <= LIMITS.max_bytes);
        coalescer.push(&packet, offload, sound);
    }
    coalescer.flush(sound);
    reassembly.expire(now + LIMITS.max_age);
    assert_eq!(reassembly.len_bytes(), 0);
});

/// Whatever is merged is a packet, and stands for packets.
fn sound(bytes: &[u8], offload: Offload) {
    let packet = Packet::parse(bytes, offload.checksum).expect("it was a packet before");
    read(&packet);
    cut(bytes, offload);
}

/// Writes the checksum of a header of IPv4, which no fuzzer guesses.
fn seal_header(bytes: &mut [u8]) {
    let Some(first) = bytes.first() else { return };
    let len = usize::from(first & 0xf) * 4;
    if first >> 4 == 4 && len >= 20 && len <= bytes.len() {
        bytes[10..12].fill(0);
        let checksum = Sum::default().bytes(&bytes[..len]).checksum();
        bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
    }
}

fn read(packet: &Packet<'_>) {
    let len = packet.bytes().len();
    assert!(packet.header_len() <= len);
    let _ = (packet.key(), packet.ecn(), packet.dscp(), packet.hop_limit(), packet.protocol());
    assert!(!format!("{packet} {:?}", packet.transport()).is_empty());
    match packet.transport() {
        Transport::Tcp(tcp) => {
            assert_eq!(packet.header_len() + tcp.header_len() + tcp.payload().len(), len);
            assert!(tcp.options().count() <= 20);
            assert!(tcp.flags().is_possible());
        }
        Transport::Udp(udp) => assert!(packet.header_len() + 8 + udp.payload().len() <= len),
        Transport::Fragment(fragment) => assert!(!fragment.payload().is_empty()),
        Transport::Icmp(
            IcmpMessage::PacketTooBig { quote, .. }
            | IcmpMessage::TimeExceeded { quote, .. }
            | IcmpMessage::Unreachable { quote, .. },
        ) => {
            let quoted = quote.map(|quote| (quote.key(), quote.transport_bytes().len()));
            assert!(quoted.is_none_or(|(_, quoted)| quoted < len));
        }
        Transport::Icmp(_) | Transport::Other(_) => {}
    }
}

/// Whatever is answered is a packet.
fn answer(packet: &Packet<'_>) {
    let mut out = Vec::new();
    let from = packet.destination();
    let mut answers = 0;
    for answered in [
        build::reset(&mut out, packet),
        build::echo_reply(&mut out, packet),
        build::unreachable(&mut out, packet, Unreachable::Protocol, from),
        build::packet_too_big(&mut out, packet, 1280, from),
        build::time_exceeded(&mut out, packet, from),
    ] {
        answers += usize::from(answered.is_ok());
    }
    let mut rest = &out[..];
    while !rest.is_empty() {
        // The destination of a packet need not be an address that one may send from, nor do
        // answers to oneself make sense; all else must be right.
        let Ok(answer) = Packet::parse(rest, Checksum::Complete) else { return };
        rest = &rest[answer.bytes().len()..];
        answers -= 1;
    }
    assert_eq!(answers, 0);
}

/// Whatever is cut is a packet, and no payload is lost.
fn cut(bytes: &[u8], offload: Offload) {
    let payload_len = |packet: &Packet<'_>| match packet.transport() {
        Transport::Tcp(tcp) => tcp.payload().len(),
        Transport::Udp(udp) => udp.payload().len(),
        _ => 0,
    };
    // What a partial checksum becomes is as right as the part was.
    let made = match offload.checksum {
        Checksum::Partial { .. } => Checksum::Verified,
        Checksum::Complete | Checksum::Verified => Checksum::Complete,
    };
    let mut len = 0;
    let cut = segment(bytes, offload, |bytes| {
        len += payload_len(&Packet::parse(bytes, made).expect("it was made so"));
    });
    let packet = Packet::parse(bytes, offload.checksum).expect("it was one before");
    if cut.is_ok() {
        assert_eq!(len, payload_len(&packet));
    }
    let mut pieces = Reassembly::default();
    let mut whole = None;
    let now = Instant::now();
    let fragmented = build::fragment(&packet, 200, 7, |bytes| {
        // A chain of headers may be longer than a fragment.
        if let Ok(packet) = Packet::parse(bytes, offload.checksum) {
            whole = pieces.insert(&packet, now).unwrap_or_default();
        }
    });
    if let (Ok(_), Some(whole)) = (fragmented, whole) {
        assert_eq!(whole.len(), packet.bytes().len());
    }
}

fn change(bytes: &[u8], checksum: Checksum) {
    let mut changed = bytes.to_vec();
    let v4 = bytes[0] >> 4 == 4;
    let to = if v4 { ([10, 0, 0, 9], 9).into() } else { ([9; 16], 9).into() };
    if rewrite(&mut changed, checksum, Some(to), None).is_ok() {
        let packet = Packet::parse(&changed, checksum);
        assert!(packet.is_err() || packet.is_ok_and(|it| it.source() == to.ip()));
    }
    let _ = decrement_hop_limit(&mut changed);
    let _ = complete(&mut changed, checksum);
}
