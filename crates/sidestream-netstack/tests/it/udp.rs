//! UDP associations.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sidestream_netstack::{AssociationId, Config, Netstack, Output, Usage};
use sidestream_packet::{
    Checksum, IcmpMessage, Offload, Packet, Reassembly, Transport, Unreachable, build,
};

const CLIENT: &str = "10.0.0.2:4000";
const SERVER: &str = "192.0.2.1:53";

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn datagram(client: &str, server: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    build::udp(&mut bytes, addr(client), addr(server), payload).unwrap();
    bytes
}

/// A stack that has just heard a client's first datagram.
fn heard(config: Config, client: &str, server: &str) -> (Netstack, AssociationId, Instant) {
    let now = Instant::now();
    let mut stack = Netstack::new(config, 1, now);
    stack.handle_packet(&mut datagram(client, server, b"question"), Offload::default(), now);
    let Output::Association { id, key } = stack.poll_output(now) else { panic!("no association") };
    assert_eq!(key.to_string(), format!("udp {client} > {server}"));
    assert_eq!(stack.poll_output(now), Output::Datagram { id, payload: b"question" });
    (stack, id, now)
}

#[test]
fn datagrams_go_both_ways_between_the_right_ends() {
    for (client, server) in [(CLIENT, SERVER), ("[fd00::2]:4000", "[2001:db8::1]:53")] {
        let (mut stack, id, now) = heard(Config::default(), client, server);
        stack.send(id, b"answer", now);
        let Output::Packet { bytes, .. } = stack.poll_output(now) else { panic!("no packet") };
        let packet = Packet::parse(bytes, Checksum::Complete).unwrap();
        assert_eq!(packet.to_string(), format!("{server} > {client}: udp len 6"));
    }
}

#[test]
fn an_association_ends_after_a_silence_of_both_sides() {
    let (mut stack, id, mut now) = heard(Config::default(), CLIENT, SERVER);
    now += Duration::from_secs(100);
    stack.send(id, b"answer", now);
    while !matches!(stack.poll_output(now), Output::Wait(_)) {}
    now += Duration::from_secs(119);
    stack.handle_timeout(now);
    assert_eq!(stack.usage().associations, 1);
    now += Duration::from_secs(1);
    stack.handle_timeout(now);
    assert_eq!(stack.poll_output(now), Output::Expired(id));
    assert_eq!(stack.usage(), Usage::default());
}

#[test]
fn what_nobody_takes_is_counted() {
    let config = Config { max_datagrams: 3, ..Config::default() };
    let (mut stack, _, now) = heard(config, CLIENT, SERVER);
    for _ in 0..10 {
        stack.handle_packet(&mut datagram(CLIENT, SERVER, b"more"), Offload::default(), now);
    }
    assert_eq!(stack.counters().datagrams_dropped, 7);
}

#[test]
fn the_longest_silent_makes_room() {
    let config = Config { max_associations: 2, ..Config::default() };
    let (mut stack, first, now) = heard(config, "10.0.0.2:1", SERVER);
    for client in ["10.0.0.2:2", "10.0.0.2:1", "10.0.0.2:3"] {
        stack.handle_packet(&mut datagram(client, SERVER, b"x"), Offload::default(), now);
    }
    let mut expired = Vec::new();
    loop {
        match stack.poll_output(now) {
            Output::Expired(id) => expired.push(id),
            Output::Wait(_) => break,
            _ => {}
        }
    }
    assert_eq!(expired.len(), 1);
    assert_eq!(stack.usage().associations, 2);
    assert_eq!(stack.counters().associations_dropped, 1);
    let _ = first;
}

#[test]
fn a_port_that_nobody_listens_on_is_told_of_with_the_datagram_quoted() {
    let (mut stack, id, now) = heard(Config::default(), CLIENT, SERVER);
    stack.unreachable(id, Unreachable::Port);
    let Output::Packet { bytes, .. } = stack.poll_output(now) else { panic!("no packet") };
    let packet = Packet::parse(bytes, Checksum::Complete).unwrap();
    let Transport::Icmp(IcmpMessage::Unreachable { reason, quote: Some(quote) }) =
        packet.transport()
    else {
        panic!("{packet}");
    };
    assert_eq!(reason, Unreachable::Port);
    assert_eq!(packet.source(), addr(SERVER).ip());
    assert_eq!(quote.key().unwrap().to_string(), format!("udp {CLIENT} > {SERVER}"));
    assert!(quote.transport_bytes().ends_with(b"question"));
}

#[test]
fn a_client_that_takes_nothing_more_says_so() {
    let (mut stack, id, now) = heard(Config::default(), CLIENT, SERVER);
    let answer = datagram(SERVER, CLIENT, b"answer");
    let refused = Packet::parse(&answer, Checksum::Complete).unwrap();
    let mut message = Vec::new();
    let client = addr(CLIENT).ip();
    build::unreachable(&mut message, &refused, Unreachable::Port, client).unwrap();
    stack.handle_packet(&mut message, Offload::default(), now);
    assert_eq!(stack.poll_output(now), Output::Unreachable(id));

    let liar = "10.0.0.66".parse().unwrap();
    let mut lie = Vec::new();
    build::unreachable(&mut lie, &refused, Unreachable::Port, liar).unwrap();
    stack.handle_packet(&mut lie, Offload::default(), now);
    assert!(matches!(stack.poll_output(now), Output::Wait(_)));
    assert_eq!(stack.counters().icmp_ignored, 1);
}

#[test]
fn a_long_datagram_goes_in_fragments_and_comes_so() {
    for (client, server) in [(CLIENT, SERVER), ("[fd00::2]:4000", "[2001:db8::1]:53")] {
        let (mut stack, id, now) = heard(Config::default(), client, server);
        let answer: Vec<u8> = (0..5000).map(|at| at as u8).collect();
        stack.send(id, &answer, now);
        let (mut reassembly, mut whole, mut fragments) = (Reassembly::default(), None, Vec::new());
        while let Output::Packet { bytes, .. } = stack.poll_output(now) {
            assert!(bytes.len() <= 1500);
            fragments.push(bytes.to_vec());
            let packet = Packet::parse(bytes, Checksum::Complete).unwrap();
            whole = reassembly.insert(&packet, now).unwrap();
        }
        let whole = whole.expect("the last fragment completes it");
        let packet = Packet::parse(&whole, Checksum::Complete).unwrap();
        let Transport::Udp(udp) = packet.transport() else { panic!("{packet}") };
        assert_eq!(udp.payload(), answer);

        // The same fragments the other way: they belong to an association of their own.
        let mut other = Netstack::new(Config::default(), 1, now);
        for fragment in &mut fragments {
            other.handle_packet(fragment, Offload::default(), now);
        }
        let Output::Association { id, .. } = other.poll_output(now) else { panic!("none") };
        assert_eq!(other.poll_output(now), Output::Datagram { id, payload: &answer });
    }
}

#[test]
fn several_datagrams_come_as_one_packet() {
    let (mut stack, id, now) = heard(Config::default(), CLIENT, SERVER);
    let offload = Offload { segment_size: Some(4), ..Offload::default() };
    stack.handle_packet(&mut datagram(CLIENT, SERVER, b"one.two.3"), offload, now);
    for payload in [&b"one."[..], b"two.", b"3"] {
        assert_eq!(stack.poll_output(now), Output::Datagram { id, payload });
    }
}
