//! ICMP messages about streams: which of them are believed.

use sidestream_netstack::Config;
use sidestream_packet::{Checksum, Offload, Packet, TcpFlags, Unreachable, build};

use crate::hand::Hand;

/// One of the stack's packets, as a router quotes it.
fn quoted(hand: &Hand, from: u32, port: u16) -> Vec<u8> {
    let header = build::TcpHeader {
        sequence: hand.first.0.wrapping_add(from),
        acknowledgment: hand.first.1,
        flags: TcpFlags::ACK,
        ..Default::default()
    };
    let mut bytes = Vec::new();
    let (server, client) = (([192, 0, 2, 1], 80).into(), ([10, 0, 0, 2], port).into());
    build::tcp(&mut bytes, server, client, &header, &[7; 1000]).unwrap();
    bytes
}

/// Says of a packet that it does not fit a link.
fn too_big(hand: &mut Hand, packet: &[u8], mtu: u16) {
    let packet = Packet::parse(packet, Checksum::Complete).unwrap();
    let mut bytes = Vec::new();
    build::packet_too_big(&mut bytes, &packet, mtu, [10, 9, 9, 9].into()).unwrap();
    hand.stack.handle_packet(&mut bytes, Offload::default(), hand.now);
}

fn sending() -> Hand {
    let mut hand = Hand::open(Config::default(), true);
    hand.write(3000);
    assert_eq!(hand.sent(), ["0..1000", "1000..2000", "2000..3000"]);
    hand
}

#[test]
fn a_packet_that_is_too_big_for_a_link_is_sent_again_in_smaller_ones() {
    let mut hand = sending();
    let packet = quoted(&hand, 1000, 4000);
    too_big(&mut hand, &packet, 840);
    assert_eq!(hand.sent(), ["1000..1800", "1800..2000"]);
    assert_eq!(hand.stack.counters().shortened, 1);
    hand.acknowledge(3000, &[]);
    hand.write(1000);
    assert_eq!(hand.sent(), ["3000..3800", "3800..4000"]);
}

#[test]
fn nobody_makes_packets_shorter_than_any_link_does() {
    let mut hand = sending();
    let packet = quoted(&hand, 0, 4000);
    too_big(&mut hand, &packet, 68);
    assert_eq!(hand.sent(), ["0..536", "536..1000"]);
}

#[test]
fn a_forged_message_changes_nothing() {
    for (from, port, mtu) in [
        // A number that is not under way: before, behind.
        (3000, 4000, 840),
        (u32::MAX - 500, 4000, 840),
        // A stream that is not there.
        (0, 4001, 840),
        // A link that is wide enough.
        (0, 4000, 1400),
    ] {
        let mut hand = sending();
        let packet = quoted(&hand, from, port);
        too_big(&mut hand, &packet, mtu);
        assert_eq!(hand.sent(), [""; 0], "{from} {port} {mtu}");
        assert_eq!(hand.stack.counters().icmp_ignored, 1);
        assert_eq!(hand.stack.counters().shortened, 0);
    }
}

#[test]
fn a_message_that_the_client_is_not_reached_ends_no_stream() {
    let mut hand = sending();
    let packet = quoted(&hand, 0, 4000);
    let packet = Packet::parse(&packet, Checksum::Complete).unwrap();
    for reason in [Unreachable::Host, Unreachable::Port, Unreachable::Prohibited] {
        let mut bytes = Vec::new();
        build::unreachable(&mut bytes, &packet, reason, [10, 0, 0, 2].into()).unwrap();
        hand.stack.handle_packet(&mut bytes, Offload::default(), hand.now);
    }
    assert_eq!(hand.stack.counters().icmp_ignored, 3);
    assert_eq!(hand.stack.usage().active, 1);
    hand.acknowledge(3000, &[]);
    hand.write(100);
    assert_eq!(hand.sent(), ["3000..3100"]);
}
