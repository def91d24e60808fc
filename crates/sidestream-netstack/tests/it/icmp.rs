//! Pings, and packets of protocols that are not carried.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use sidestream_netstack::{Config, EchoId, Netstack, Output, Usage};
use sidestream_packet::{Checksum, IcmpMessage, Offload, Packet, Transport, Unreachable, build};

fn pinged(config: Config, client: &str, server: &str) -> (Netstack, Option<EchoId>, Instant) {
    let now = Instant::now();
    let mut stack = Netstack::new(config, 1, now);
    let (client, server): (IpAddr, IpAddr) = (client.parse().unwrap(), server.parse().unwrap());
    let mut ping = Vec::new();
    build::echo(&mut ping, client, server, build::Echo::Request, (3, 4), b"payload").unwrap();
    stack.handle_packet(&mut ping, Offload::default(), now);
    let id = match stack.poll_output(now) {
        Output::Echo { id, payload: b"payload", .. } => Some(id),
        _ => None,
    };
    (stack, id, now)
}

fn line(stack: &mut Netstack, now: Instant) -> String {
    let Output::Packet { bytes, .. } = stack.poll_output(now) else { return "nothing".into() };
    let packet = Packet::parse(bytes, Checksum::Complete).unwrap();
    format!("{} > {}: {:?}", packet.source(), packet.destination(), packet.transport())
}

#[test]
fn a_ping_is_answered_when_the_host_has_answered() {
    for (client, server) in [("10.0.0.2", "192.0.2.1"), ("fd00::2", "2001:db8::1")] {
        let (mut stack, id, now) = pinged(Config::default(), client, server);
        assert_eq!(line(&mut stack, now), "nothing");
        stack.echo_reply(id.unwrap());
        let expected = "Icmp(EchoReply { id: 3, sequence: 4, payload_len: 7 })";
        assert_eq!(line(&mut stack, now), format!("{server} > {client}: {expected}"));
        assert_eq!(stack.usage(), Usage::default());
    }
}

#[test]
fn a_ping_to_a_host_that_is_not_reached_is_told_so() {
    let (mut stack, id, now) = pinged(Config::default(), "10.0.0.2", "192.0.2.1");
    stack.echo_unreachable(id.unwrap(), Unreachable::Host);
    let Output::Packet { bytes, .. } = stack.poll_output(now) else { panic!("no packet") };
    let packet = Packet::parse(bytes, Checksum::Complete).unwrap();
    let Transport::Icmp(IcmpMessage::Unreachable { reason, .. }) = packet.transport() else {
        panic!("{packet}");
    };
    assert_eq!(reason, Unreachable::Host);
}

#[test]
fn a_ping_without_an_answer_is_forgotten() {
    let (mut stack, id, now) = pinged(Config::default(), "10.0.0.2", "192.0.2.1");
    let now = now + Duration::from_secs(10);
    stack.handle_timeout(now);
    assert_eq!(stack.usage(), Usage::default());
    stack.echo_reply(id.unwrap());
    assert_eq!(line(&mut stack, now), "nothing");
}

#[test]
fn pings_may_be_refused() {
    let config = Config { echo: false, ..Config::default() };
    let now = Instant::now();
    let mut stack = Netstack::new(config, 1, now);
    let mut ping = Vec::new();
    let (client, server) = ([10, 0, 0, 2].into(), [192, 0, 2, 1].into());
    build::echo(&mut ping, client, server, build::Echo::Request, (3, 4), b"").unwrap();
    stack.handle_packet(&mut ping, Offload::default(), now);
    assert!(line(&mut stack, now).contains("reason: Prohibited"));
}

#[test]
fn another_protocol_is_counted_and_refused() {
    let now = Instant::now();
    let mut stack = Netstack::new(Config::default(), 1, now);
    let mut packet = Vec::new();
    build::udp(&mut packet, ([10, 0, 0, 2], 1).into(), ([192, 0, 2, 1], 2).into(), b"").unwrap();
    packet[9] = 132;
    packet[10..12].copy_from_slice(&[0, 0]);
    let checksum = sidestream_packet::Sum::default().bytes(&packet[..20]).checksum();
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    stack.handle_packet(&mut packet, Offload::default(), now);
    assert!(line(&mut stack, now).contains("reason: Protocol"));
    assert_eq!(stack.counters().protocols_unknown, 1);
}
