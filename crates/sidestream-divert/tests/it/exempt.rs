//! What is left alone.

use std::net::SocketAddr;

use sidestream_divert::{Address, Config, Exemption, Operation, Verdict};
use sidestream_flow::Transport::Udp;
use sidestream_packet::{Checksum, Packet, build};

use crate::play::{OUT, Play, Who, client, nowhere, server, udp, who};

/// Gives a packet to a machine that diverts all of port 4000, and says why it was left alone.
fn check(config: Config, packet: &[u8], address: Address, expected: Option<Exemption>) {
    let mut play = Play::patient(config);
    let local = "[::]:4000".parse().unwrap();
    play.event(Operation::Bind, Udp, Who { local, remote: nowhere(), ..who(1) });
    play.answer(1, Verdict::Divert);
    play.packet_with(packet, address);
    let counters = play.machine.counters();
    let why = Exemption::ALL.into_iter().find(|why| counters.exempt(*why) == 1);
    assert_eq!(why, expected);
    if expected.is_some() {
        assert_eq!(play.injected, [(packet.to_vec(), address)]);
    } else {
        assert_eq!(play.diverted.len(), 1);
    }
}

fn to(server: &str) -> Vec<u8> {
    let server: SocketAddr = server.parse().unwrap();
    let client = if server.is_ipv4() { client() } else { "[2001:db8::2]:4000".parse().unwrap() };
    udp(client, server, b"payload")
}

#[test]
fn all_hosts_and_groups() {
    check(Config::default(), &to("192.0.2.1:53"), OUT, None);
    check(Config::default(), &to("[2001:db8::1]:53"), OUT, None);
    check(Config::default(), &to("224.0.0.251:5353"), OUT, Some(Exemption::Multicast));
    check(Config::default(), &to("[ff02::fb]:5353"), OUT, Some(Exemption::Multicast));
    check(Config::default(), &to("255.255.255.255:9"), OUT, Some(Exemption::Broadcast));
    check(Config::default(), &to("10.0.0.255:9"), OUT, None);
    let broadcasts = vec![[10, 0, 0, 255].into()];
    let config = Config { broadcasts, ..Config::default() };
    check(config, &to("10.0.0.255:9"), OUT, Some(Exemption::Broadcast));
}

#[test]
fn link_local_addresses_unless_asked_for() {
    let config = Config { link_local: true, ..Config::default() };
    for server in ["169.254.169.254:80", "[fe80::1]:80"] {
        check(Config::default(), &to(server), OUT, Some(Exemption::LinkLocal));
        check(config.clone(), &to(server), OUT, None);
    }
}

#[test]
fn dhcp() {
    let packet = udp(([10, 0, 0, 2], 68).into(), ([10, 0, 0, 1], 67).into(), b"request");
    check(Config::default(), &packet, OUT, Some(Exemption::Dhcp));
    let (from, to) = ("[2001:db8::2]:546".parse().unwrap(), "[2001:db8::1]:547".parse().unwrap());
    check(Config::default(), &udp(from, to, b"solicit"), OUT, Some(Exemption::Dhcp));
}

#[test]
fn what_other_drivers_inject() {
    let address = Address { impostor: true, ..OUT };
    check(Config::default(), &to("192.0.2.1:53"), address, Some(Exemption::Impostor));
}

#[test]
fn other_ways_than_out_unless_asked_for() {
    let loopback = Address { loopback: true, ..OUT };
    check(Config::default(), &to("192.0.2.1:53"), loopback, Some(Exemption::Loopback));
    let config = Config { loopback: true, ..Config::default() };
    check(config, &to("192.0.2.1:53"), loopback, None);
    let inbound = Address { outbound: false, ..OUT };
    let packet = udp(server(), client(), b"from elsewhere");
    check(Config::default(), &packet, inbound, Some(Exemption::Inbound));
    check(Config { inbound: true, ..Config::default() }, &packet, inbound, None);
}

#[test]
fn fragments() {
    let mut plain = udp(client(), server(), &[7; 3000]);
    let mut pieces = Vec::new();
    let mut cut = |piece: &[u8]| pieces.push(piece.to_vec());
    // Whoever fragments a packet has not forbidden it.
    plain[6] = 0;
    plain[10..12].fill(0);
    let sum = sidestream_packet::Sum::default().bytes(&plain[..20]).checksum();
    plain[10..12].copy_from_slice(&sum.to_be_bytes());
    for (offset, more) in [(0_usize, true), (1480, true), (2960, false)] {
        let end = (offset + 1480).min(plain.len() - 20);
        let mut piece = plain[..20].to_vec();
        piece.extend_from_slice(&plain[20 + offset..20 + end]);
        let len = u16::try_from(piece.len()).unwrap();
        piece[2..4].copy_from_slice(&len.to_be_bytes());
        let place = u16::try_from(offset / 8).unwrap() | if more { 0x2000 } else { 0 };
        piece[6..8].copy_from_slice(&place.to_be_bytes());
        piece[10..12].fill(0);
        let sum = sidestream_packet::Sum::default().bytes(&piece[..20]).checksum();
        piece[10..12].copy_from_slice(&sum.to_be_bytes());
        cut(&piece);
    }
    for piece in pieces {
        check(Config::default(), &piece, OUT, Some(Exemption::Fragment));
    }
}

#[test]
fn other_protocols_and_errors_about_other_flows() {
    let mut packet = Vec::new();
    let elsewhere = udp(server(), client(), b"a stray");
    let about = Packet::parse(&elsewhere, Checksum::Complete).unwrap();
    let reason = sidestream_packet::Unreachable::Port;
    build::unreachable(&mut packet, &about, reason, client().ip()).unwrap();
    check(Config::default(), &packet, OUT, Some(Exemption::Protocol));
}

#[test]
fn what_cannot_be_read() {
    let mut play = Play::patient(Config::default());
    let mut packet = to("192.0.2.1:53");
    packet.truncate(24);
    play.packet(&packet);
    play.packet(&[]);
    assert_eq!(play.injected.len(), 2);
    assert_eq!(play.machine.counters().defects.total(), 2);
}

#[test]
fn names_are_in_order() {
    let names = Exemption::ALL.map(Exemption::name);
    assert!(names.is_sorted());
}
