//! What packets are read as, and which are refused.

use insta::assert_snapshot;
use proptest::collection::vec;
use proptest::prelude::*;
use sidestream_packet::build::TcpHeader;
use sidestream_packet::{Checksum, Defect, Defects, Packet, TcpFlags, TcpOption, Transport};

use crate::arbitrary;
use crate::hand::{addr, end, extend, seal, tcp, tcp_with, udp};

/// Checks that a packet is refused after a change.
fn check(v4: bool, protocol: &str, change: impl FnOnce(&mut Vec<u8>), expected: Defect) {
    let mut bytes = match protocol {
        "tcp" => tcp(v4, TcpFlags::ACK, b"hello"),
        _ => udp(v4, b"hello"),
    };
    change(&mut bytes);
    seal(&mut bytes);
    assert_eq!(Packet::parse(&bytes, Checksum::Complete), Err(expected), "v4: {v4}, {protocol}");
}

#[test]
fn addresses_that_nobody_sends_from_or_to_are_refused() {
    check(true, "udp", |it| it[12..16].fill(0), Defect::SourceUnspecified);
    check(true, "udp", |it| it[12] = 0, Defect::SourceUnspecified);
    check(true, "udp", |it| it[12] = 224, Defect::SourceMulticast);
    check(true, "udp", |it| it[12..16].fill(255), Defect::SourceBroadcast);
    check(true, "udp", |it| it[16..20].fill(0), Defect::DestinationUnspecified);
    check(true, "tcp", |it| it[16] = 224, Defect::DestinationMulticast);
    check(true, "tcp", |it| it[16..20].fill(255), Defect::DestinationMulticast);
    check(false, "udp", |it| it[8..24].fill(0), Defect::SourceUnspecified);
    check(false, "udp", |it| it[8] = 255, Defect::SourceMulticast);
    check(false, "udp", |it| it[24..40].fill(0), Defect::DestinationUnspecified);
    check(false, "tcp", |it| it[24] = 255, Defect::DestinationMulticast);
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1];
    check(false, "udp", |it| it[8..24].copy_from_slice(&mapped), Defect::MappedAddress);
    check(false, "tcp", |it| it[24..40].copy_from_slice(&mapped), Defect::MappedAddress);
}

#[test]
fn a_packet_to_oneself_is_refused() {
    for protocol in ["tcp", "udp"] {
        let same = |it: &mut Vec<u8>, at: usize, len: usize, ports: usize| {
            it.copy_within(at..at + len, at + len);
            it.copy_within(ports..ports + 2, ports + 2);
        };
        check(true, protocol, |it| same(it, 12, 4, 20), Defect::Land);
        check(false, protocol, |it| same(it, 8, 16, 40), Defect::Land);
    }
}

#[test]
fn ports_of_zero_are_refused_but_for_a_datagram_that_wants_no_answer() {
    check(true, "tcp", |it| it[20..22].fill(0), Defect::PortZero);
    check(true, "tcp", |it| it[22..24].fill(0), Defect::PortZero);
    check(true, "udp", |it| it[22..24].fill(0), Defect::PortZero);
    let mut bytes = udp(true, b"");
    bytes[20..22].fill(0);
    seal(&mut bytes);
    assert!(Packet::parse(&bytes, Checksum::Complete).is_ok());
}

#[test]
fn lengths_that_contradict_each_other_are_refused() {
    check(true, "udp", |it| it[0] = 0x44, Defect::BadHeaderLength);
    check(true, "udp", |it| it[3] = 19, Defect::BadLength);
    check(true, "udp", |it| it[2] = 1, Defect::Truncated);
    check(true, "udp", |it| it[24..26].copy_from_slice(&[0, 7]), Defect::BadLength);
    check(true, "udp", |it| it[24..26].copy_from_slice(&[0, 14]), Defect::BadLength);
    check(true, "tcp", |it| it[32] = 0x40, Defect::BadHeaderLength);
    check(true, "tcp", |it| it[32] = 0xf0, Defect::BadHeaderLength);
    check(false, "udp", |it| it[4] = 1, Defect::Truncated);
    check(false, "udp", |it| it[5] = 7, Defect::Truncated);
    for version in [0, 5, 7] {
        let bytes = [version << 4; 40];
        assert_eq!(Packet::parse(&bytes, Checksum::Complete), Err(Defect::BadVersion));
    }
}

#[test]
fn the_length_of_no_header_may_reach_out_of_the_packet() {
    let whole = [tcp(true, TcpFlags::ACK, b"x"), udp(false, b"x")];
    for bytes in whole {
        for len in 0..bytes.len() {
            let cut = Packet::parse(&bytes[..len], Checksum::Complete);
            assert_eq!(cut, Err(Defect::Truncated), "{len} bytes");
        }
    }
}

#[test]
fn what_comes_after_the_packet_is_cut_off() {
    for v4 in [true, false] {
        let mut bytes = udp(v4, b"hello");
        let len = bytes.len();
        bytes.extend_from_slice(b"padding");
        assert_eq!(Packet::parse(&bytes, Checksum::Complete).unwrap().bytes().len(), len);
    }
}

#[test]
fn only_flags_that_some_tcp_sends_are_taken() {
    let possible: Vec<String> = (0..64)
        .map(TcpFlags)
        .filter(|flags| {
            let bytes = tcp(true, *flags, b"");
            let parsed = Packet::parse(&bytes, Checksum::Complete);
            assert!(matches!(parsed, Ok(_) | Err(Defect::ImpossibleFlags)), "{flags}");
            parsed.is_ok()
        })
        .map(|flags| flags.to_string())
        .collect();
    assert_eq!(
        possible.join(" "),
        "S R SP RP . F. S. R. P. FP. SP. RP. SU RU SPU RPU U. FU. SU. RU. PU. FPU. SPU. RPU."
    );
}

#[test]
fn a_flipped_bit_is_noticed_unless_somebody_vouches_for_the_packet() {
    for v4 in [true, false] {
        let mut bytes = udp(v4, b"hello");
        *bytes.last_mut().unwrap() ^= 1;
        assert_eq!(Packet::parse(&bytes, Checksum::Complete), Err(Defect::BadChecksum));
        assert!(Packet::parse(&bytes, Checksum::Verified).is_ok());
    }
    let mut bytes = udp(true, b"hello");
    bytes[8] -= 1;
    assert_eq!(Packet::parse(&bytes, Checksum::Verified), Err(Defect::BadHeaderChecksum));
}

#[test]
fn a_datagram_may_lack_a_checksum_over_ipv4_alone() {
    let mut bytes = udp(true, b"hello");
    bytes[26..28].fill(0);
    assert!(Packet::parse(&bytes, Checksum::Complete).is_ok());
    let mut bytes = udp(false, b"hello");
    bytes[46..48].fill(0);
    assert_eq!(Packet::parse(&bytes, Checksum::Complete), Err(Defect::ZeroChecksum));
}

#[test]
fn options_of_tcp_are_read_as_far_as_they_are_sound() {
    let check = |options: &[u8], expected: Result<&[TcpOption<'_>], Defect>| {
        let fields = TcpHeader { flags: TcpFlags::SYN, options, ..TcpHeader::default() };
        let bytes = tcp_with(true, &fields, b"");
        let options = Packet::parse(&bytes, Checksum::Complete).map(|packet| {
            let Transport::Tcp(tcp) = packet.transport() else { panic!("{packet}") };
            tcp.options().collect::<Vec<_>>()
        });
        assert_eq!(options.as_deref().map_err(|defect| *defect), expected);
    };
    use TcpOption::{MaximumSegmentSize, Other, Sack, SackPermitted, Timestamps, WindowScale};
    check(&[2, 4, 5, 180], Ok(&[MaximumSegmentSize(1460)]));
    check(&[1, 3, 3, 7, 1, 1, 4, 2], Ok(&[WindowScale(7), SackPermitted]));
    check(&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2], Ok(&[Timestamps { value: 1, echo: 2 }]));
    check(&[1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2], Ok(&[Sack(&[0, 0, 0, 1, 0, 0, 0, 2])]));
    check(&[253, 4, 1, 2], Ok(&[Other { kind: 253, data: &[1, 2] }]));
    check(&[0, 9, 9, 9], Ok(&[]));
    check(&[2, 0, 0, 0], Err(Defect::BadOptions));
    check(&[2, 1, 0, 0], Err(Defect::BadOptions));
    check(&[2, 5, 5, 180], Err(Defect::BadOptions));
    check(&[1, 1, 1, 2], Err(Defect::BadOptions));
}

#[test]
fn options_of_ipv4_are_skipped_and_source_routes_refused() {
    let check = |options: [u8; 4], expected: Option<Defect>| {
        let mut bytes = udp(true, b"hello");
        bytes.splice(20..20, options);
        bytes[0] = 0x46;
        bytes[3] += 4;
        seal(&mut bytes);
        assert_eq!(Packet::parse(&bytes, Checksum::Complete).err(), expected, "{options:?}");
    };
    check([1, 1, 1, 0], None);
    check([148, 4, 0, 0], None);
    check([131, 3, 4, 0], Some(Defect::SourceRoute));
    check([1, 137, 3, 4], Some(Defect::SourceRoute));
    check([7, 1, 0, 0], Some(Defect::BadOptions));
    check([7, 5, 0, 0], Some(Defect::BadOptions));
    check([1, 1, 1, 7], Some(Defect::BadOptions));
}

#[test]
fn extension_headers_are_walked_through_as_far_as_is_reasonable() {
    const EMPTY: &[u8] = &[0, 0, 1, 4, 0, 0, 0, 0];
    const ARRIVED: &[u8] = &[0, 0, 4, 0, 0, 0, 0, 0];
    const ROUTE: &[u8] = &[0, 0, 4, 1, 0, 0, 0, 0];
    const ATOMIC: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 9];
    const AUTHENTICATION: &[u8] = &[0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
    let check = |headers: &[(u8, &[u8])], expected: Option<Defect>| {
        let bytes = extend(&udp(false, b"hello"), headers);
        let packet = Packet::parse(&bytes, Checksum::Complete);
        assert_eq!(packet.err(), expected, "{headers:?}");
        if let Ok(packet) = packet {
            assert_eq!(packet.to_string(), "[2001:db8::1]:4000 > [2001:db8::2]:53: udp len 5");
        }
    };
    check(&[(0, EMPTY)], None);
    check(&[(0, EMPTY), (60, EMPTY), (43, ARRIVED), (44, ATOMIC), (51, AUTHENTICATION)], None);
    check(&[(60, EMPTY), (0, EMPTY)], Some(Defect::BadExtension));
    check(&[(43, ROUTE)], Some(Defect::SourceRoute));
    check(&[(44, ATOMIC), (44, ATOMIC)], Some(Defect::BadExtension));
    check(&[(60, EMPTY); 8], None);
    check(&[(60, EMPTY); 9], Some(Defect::BadExtension));
    check(&[(60, &[0, 200, 1, 4, 0, 0, 0, 0])], Some(Defect::Truncated));
    check(&[(51, &[0, 200, 1, 4, 0, 0, 0, 0])], Some(Defect::Truncated));
}

#[test]
fn fragments_that_hide_something_are_refused() {
    let check = |v4: bool, place: u16, len: usize, protocol: u8, expected: Option<Defect>| {
        let mut bytes = udp(v4, &vec![7; len]);
        if v4 {
            bytes.drain(20..28);
            bytes[2..4].copy_from_slice(&u16::try_from(20 + len).unwrap().to_be_bytes());
            bytes[6..8].copy_from_slice(&place.rotate_right(3).to_be_bytes());
            bytes[9] = protocol;
            bytes[10..12].fill(0);
            let sum = sidestream_packet::Sum::default().bytes(&bytes[..20]).checksum();
            bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        } else {
            bytes[6] = protocol;
            bytes.drain(40..48);
            let [high, low] = place.to_be_bytes();
            bytes = extend(&bytes, &[(44, &[0, 0, high, low, 0, 0, 0, 9])]);
        }
        let packet = Packet::parse(&bytes, Checksum::Complete);
        assert_eq!(packet.err(), expected, "v4: {v4}, {place:#x}+{len} protocol {protocol}");
    };
    for v4 in [true, false] {
        check(v4, 1, 24, 6, None);
        check(v4, 1, 16, 6, Some(Defect::FragmentTiny));
        check(v4, 1, 8, 17, None);
        check(v4, 8, 8, 6, Some(Defect::FragmentTiny));
        check(v4, 8, 8, 17, None);
        check(v4, 1, 20, 17, Some(Defect::FragmentMisaligned));
        check(v4, 80, 3, 17, None);
        check(v4, 80, 0, 17, Some(Defect::FragmentEmpty));
        check(v4, 0xfff8, 8, 17, Some(Defect::FragmentBeyondEnd));
        check(v4, 0xff00, 400, 17, Some(Defect::FragmentBeyondEnd));
    }
    // A header that the transport hides behind.
    check(false, 1, 8, 60, Some(Defect::FragmentTiny));
}

#[test]
fn the_longest_packet_is_read() {
    for v4 in [true, false] {
        let max = if v4 { 65_535 - 28 } else { 65_535 - 8 };
        let bytes = udp(v4, &vec![7; max]);
        let packet = Packet::parse(&bytes, Checksum::Complete).unwrap();
        assert_eq!(packet.bytes().len(), if v4 { 65_535 } else { 65_575 });
    }
}

#[test]
fn a_key_has_the_sender_as_client() {
    for v4 in [true, false] {
        let bytes = tcp(v4, TcpFlags::SYN, b"");
        let key = Packet::parse(&bytes, Checksum::Complete).unwrap().key().unwrap();
        assert_eq!((key.client, key.server), (end(v4, 1, 4000), end(v4, 2, 443)));
        assert_eq!(key.transport, sidestream_flow::Transport::Tcp);
    }
}

#[test]
fn congestion_and_service_class_are_told() {
    for v4 in [true, false] {
        let mut bytes = udp(v4, b"");
        let class: u8 = 46 << 2 | 3;
        if v4 {
            bytes[1] = class;
        } else {
            bytes[0] |= class >> 4;
            bytes[1] |= class << 4;
        }
        seal(&mut bytes);
        let packet = Packet::parse(&bytes, Checksum::Complete).unwrap();
        assert_eq!((packet.dscp(), packet.ecn(), packet.hop_limit()), (46, 3, 64));
        assert!(packet.to_string().ends_with("udp len 0 ce"), "{packet}");
    }
}

#[test]
fn no_format_prints_a_payload() {
    let bytes = tcp(true, TcpFlags::ACK, b"hunter2");
    let packet = Packet::parse(&bytes, Checksum::Complete).unwrap();
    assert_snapshot!(format!("{packet:?}\n{:?}", packet.transport()), @r"
    192.0.2.1:4000 > 192.0.2.2:443: tcp [.] seq 1000 ack 7 win 64 len 7
    Tcp(TcpSegment { source_port: 4000, destination_port: 443, sequence: 1000, acknowledgment: 7, flags: TcpFlags(16), window: 64, payload_len: 7, .. })
    ");
}

#[test]
fn defects_are_counted_by_their_names() {
    let mut defects = Defects::default();
    for defect in [Defect::Land, Defect::BadChecksum, Defect::Land] {
        defects.count(defect);
    }
    assert_eq!((defects.of(Defect::Land), defects.total()), (2, 3));
    assert_eq!(defects.to_string(), "bad-checksum 1, land 2");
}

#[test]
fn all_defects_stand_in_their_place_and_have_a_name_of_their_own() {
    let mut names: Vec<_> = Defect::ALL.iter().map(|defect| defect.name()).collect();
    assert!(Defect::ALL.iter().enumerate().all(|(index, defect)| *defect as usize == index));
    assert!(names.is_sorted(), "{names:?}");
    names.dedup();
    assert_eq!(names.len(), Defect::ALL.len());
}

#[test]
fn other_protocols_go_by_their_number() {
    let mut bytes = udp(true, b"");
    bytes[9] = 47;
    seal(&mut bytes);
    let packet = Packet::parse(&bytes, Checksum::Complete).unwrap();
    assert_eq!((packet.transport(), packet.key()), (Transport::Other(47), None));
    assert_eq!(packet.source(), addr(true, 1));
    assert_eq!(packet.to_string(), "192.0.2.1 > 192.0.2.2: protocol 47 len 8");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(mut bytes in vec(any::<u8>(), 0..200), version in 0u8..3) {
        if let Some(first) = bytes.first_mut() && version > 0 {
            *first = *first & 0xf | [0, 0x40, 0x60][usize::from(version)];
        }
        for checksum in [Checksum::Complete, Checksum::Verified] {
            if let Ok(packet) = Packet::parse(&bytes, checksum) {
                prop_assert!(!packet.to_string().is_empty());
            }
        }
    }

    #[test]
    fn no_changed_packet_makes_it_panic(
        mut bytes in arbitrary::packet(), at in any::<prop::sample::Index>(), value: u8,
    ) {
        let at = at.index(bytes.len().min(80));
        bytes[at] = value;
        if let Ok(packet) = Packet::parse(&bytes, Checksum::Verified) {
            let _text = format!("{packet} {:?}", packet.transport());
        }
    }

    #[test]
    fn what_is_built_is_read(bytes in arbitrary::packet()) {
        let packet = Packet::parse(&bytes, Checksum::Complete).unwrap();
        prop_assert_eq!(packet.bytes(), &bytes[..]);
    }
}
