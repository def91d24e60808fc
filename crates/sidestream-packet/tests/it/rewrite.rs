//! Rewriting in place is as building anew.

use std::net::SocketAddr;

use proptest::prelude::*;
use sidestream_packet::build::{self, TcpHeader};
use sidestream_packet::{
    Checksum, Packet, RewriteError, TcpFlags, Transport, complete, decrement_hop_limit, rewrite,
};

use crate::arbitrary;
use crate::hand::{end, make_partial, tcp, udp};

/// Builds the packet anew between other ends.
fn rebuild(bytes: &[u8], source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let packet = Packet::parse(bytes, Checksum::Complete).unwrap();
    let mut out = Vec::new();
    match packet.transport() {
        Transport::Tcp(tcp) => {
            let options = &packet.bytes()[packet.header_len() + 20..];
            let fields = TcpHeader {
                sequence: tcp.sequence(),
                acknowledgment: tcp.acknowledgment(),
                flags: tcp.flags(),
                window: tcp.window(),
                options: &options[..tcp.header_len() - 20],
            };
            build::tcp(&mut out, source, destination, &fields, tcp.payload()).unwrap();
        }
        Transport::Udp(udp) => build::udp(&mut out, source, destination, udp.payload()).unwrap(),
        other => panic!("{other:?}"),
    }
    out
}

proptest! {
    #[test]
    fn a_rewritten_packet_is_the_one_built_so(
        packet in prop_oneof![arbitrary::tcp(), arbitrary::udp()],
        addresses: [[u8; 16]; 2],
        ports: [u16; 2],
        which: [bool; 2],
        partial: bool,
    ) {
        let mut bytes = packet.clone();
        let checksum = if partial { make_partial(&mut bytes) } else { Checksum::Complete };
        let old = Packet::parse(&packet, Checksum::Complete).unwrap().key().unwrap();
        let new = |index: usize| -> SocketAddr {
            let addr = &addresses[index];
            if old.client.is_ipv4() {
                ([addr[0], addr[1], addr[2], addr[3]], ports[index]).into()
            } else {
                (*addr, ports[index]).into()
            }
        };
        let source = which[0].then(|| new(0));
        let destination = which[1].then(|| new(1));
        rewrite(&mut bytes, checksum, source, destination).unwrap();
        complete(&mut bytes, checksum).unwrap();
        let (source, destination) = (source.unwrap_or(old.client), destination.unwrap_or(old.server));
        prop_assert_eq!(bytes, rebuild(&packet, source, destination));
    }

    #[test]
    fn each_hop_takes_one_off_and_leaves_a_sound_packet(packet in arbitrary::packet()) {
        let mut bytes = packet;
        for left in (1..64).rev() {
            prop_assert_eq!(decrement_hop_limit(&mut bytes), Ok(left));
            let packet = Packet::parse(&bytes, Checksum::Complete).unwrap();
            prop_assert_eq!(packet.hop_limit(), left);
        }
        prop_assert_eq!(decrement_hop_limit(&mut bytes), Err(RewriteError::HopLimit));
    }
}

#[test]
fn a_missing_checksum_stays_missing() {
    let mut bytes = udp(true, b"hello");
    bytes[26..28].fill(0);
    rewrite(&mut bytes, Checksum::Complete, None, Some(end(true, 9, 9))).unwrap();
    assert_eq!(bytes[26..28], [0, 0]);
    let packet = Packet::parse(&bytes, Checksum::Complete).unwrap();
    assert_eq!(packet.to_string(), "192.0.2.1:4000 > 192.0.2.9:9: udp len 5");
}

#[test]
fn what_cannot_be_rewritten_is_left_as_it_is() {
    let check = |bytes: &[u8], to: SocketAddr, expected: RewriteError| {
        let mut changed = bytes.to_vec();
        assert_eq!(rewrite(&mut changed, Checksum::Complete, None, Some(to)), Err(expected));
        assert_eq!(changed, bytes);
    };
    check(&tcp(true, TcpFlags::ACK, b""), end(false, 9, 9), RewriteError::Family);
    check(&tcp(false, TcpFlags::ACK, b""), end(true, 9, 9), RewriteError::Family);
    let mut echo = Vec::new();
    let ends = (end(true, 1, 0).ip(), end(true, 2, 0).ip());
    build::echo(&mut echo, ends.0, ends.1, build::Echo::Request, (1, 1), b"").unwrap();
    check(&echo, end(true, 9, 9), RewriteError::NoPorts);
    let bytes = udp(true, &[7; 3000]);
    let packet = Packet::parse(&bytes, Checksum::Complete).unwrap();
    build::fragment(&packet, 1500, 1, |piece| check(piece, end(true, 9, 9), RewriteError::NoPorts))
        .unwrap();
}
