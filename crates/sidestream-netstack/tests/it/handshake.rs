//! Connections that wait for the real server's answer.

use std::time::Duration;

use sidestream_netstack::{Config, Output, Refusal, StreamId, Usage};
use sidestream_packet::{IcmpMessage, Offload, Packet, TcpFlags, Transport, Unreachable, build};
use smoltcp::socket::tcp::State;

use crate::link::Faults;
use crate::server::Door;
use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn calling(door: Door) -> World {
    let mut world = World::perfect();
    world.server.door = door;
    world.keep_seen = true;
    world.client.connect("192.0.2.1:80".parse().unwrap(), 4000, 1 << 16);
    world
}

/// What the client has seen, one line each.
fn seen(world: &World) -> Vec<String> {
    let checksum = sidestream_packet::Checksum::Complete;
    let line = |bytes: &Vec<u8>| Packet::parse(bytes, checksum).unwrap().to_string();
    world.seen.iter().map(line).collect()
}

#[test]
fn a_client_hears_nothing_until_the_server_has_answered() {
    let mut world = calling(Door::Silent);
    world.pass(10 * SECOND);
    assert_eq!(seen(&world), Vec::<String>::new());
    assert!(
        world.stack.counters().syn_repeated >= 2,
        "its repetitions are taken for what they are"
    );
    assert_eq!(world.server.log, ["syn tcp 10.0.0.2:4000 > 192.0.2.1:80"]);
    assert_eq!(world.stack.usage().waiting, 1);
}

#[test]
fn an_answer_may_come_late() {
    let mut world = World::perfect();
    world.client.connect("192.0.2.1:80".parse().unwrap(), 4000, 1 << 16);
    world.client.poll(world.now);
    let mut syn = world.client.device.outbox.pop_front().unwrap();
    world.stack.handle_packet(&mut syn, Offload::default(), world.now);
    let Output::Syn { id, .. } = world.stack.poll_output(world.now) else { panic!("no syn") };
    world.pass(5 * SECOND);
    assert_eq!(world.client.state(0), State::SynSent);
    world.stack.accept(id, world.now);
    assert!(world.until(SECOND, |world| world.client.state(0) == State::Established));
}

#[test]
fn a_refusal_is_a_reset() {
    let mut world = calling(Door::Refuse(Refusal::Reset));
    world.pass(SECOND);
    assert_eq!(world.client.state(0), State::Closed);
    let [reset] = &seen(&world)[..] else { panic!("{:?}", seen(&world)) };
    assert!(reset.starts_with("192.0.2.1:80 > 10.0.0.2:4000: tcp"), "{reset}");
    assert_eq!(world.stack.usage(), Usage::default());
}

#[test]
fn what_the_network_refuses_is_told_as_the_network_does() {
    for reason in [Unreachable::Host, Unreachable::Network, Unreachable::Prohibited] {
        let mut world = calling(Door::Refuse(Refusal::Unreachable(reason)));
        world.pass(SECOND / 2);
        let packet = &world.seen[0];
        let packet = Packet::parse(packet, sidestream_packet::Checksum::Complete).unwrap();
        let Transport::Icmp(IcmpMessage::Unreachable { reason: told, quote: Some(quote) }) =
            packet.transport()
        else {
            panic!("{packet}");
        };
        assert_eq!(told, reason);
        let key = quote.key().unwrap();
        assert_eq!(key.to_string(), "tcp 10.0.0.2:4000 > 192.0.2.1:80");
        assert_eq!(world.stack.usage(), Usage::default());
    }
}

#[test]
fn a_flood_of_handshakes_is_bounded_and_the_oldest_go_first() {
    let config = Config { max_waiting: 100, ..Config::default() };
    let mut world = World::new(config, Faults::default(), 1);
    let (mut asked, mut dropped) = (Vec::<StreamId>::new(), Vec::new());
    for flow in 0..10_000_u32 {
        let mut syn = syn(flow);
        world.stack.handle_packet(&mut syn, Offload::default(), world.now);
        loop {
            match world.stack.poll_output(world.now) {
                Output::Syn { id, .. } => asked.push(id),
                Output::Reset(id) => dropped.push(id),
                Output::Wait(at) => break assert_eq!(at, None),
                output => panic!("{output:?}"),
            }
        }
    }
    assert_eq!(world.stack.counters().syn_dropped, 9_900);
    assert_eq!(dropped, asked[..9_900]);
    assert_eq!(world.stack.usage().waiting, 100);
}

#[test]
fn a_client_that_asks_from_the_same_port_again_is_answered_with_its_new_numbers() {
    let mut world = World::perfect();
    world.server.door = Door::Silent;
    world.client.connect("192.0.2.1:80".parse().unwrap(), 4000, 1 << 16);
    world.settle();
    world.client.abort(0);
    world.client.remove(0);
    world.client.connect("192.0.2.1:80".parse().unwrap(), 4000, 1 << 16);
    world.settle();
    assert_eq!(world.server.log.len(), 1, "{:?}", world.server.log);
    assert_eq!(world.stack.usage().waiting, 1);
}

#[test]
fn a_client_without_options_gets_none() {
    let mut world = World::perfect();
    let mut syn = syn(1);
    world.stack.handle_packet(&mut syn, Offload::default(), world.now);
    let Output::Syn { id, .. } = world.stack.poll_output(world.now) else { panic!() };
    world.stack.accept(id, world.now);
    let Output::Packet { bytes, .. } = world.stack.poll_output(world.now) else { panic!() };
    let packet = Packet::parse(bytes, sidestream_packet::Checksum::Complete).unwrap();
    let Transport::Tcp(tcp) = packet.transport() else { panic!() };
    assert_eq!(tcp.flags(), TcpFlags::SYN | TcpFlags::ACK);
    let options: Vec<_> = tcp.options().collect();
    assert_eq!(options, [sidestream_packet::TcpOption::MaximumSegmentSize(1460)]);
}

fn syn(flow: u32) -> Vec<u8> {
    let [_, a, b, c] = flow.to_be_bytes();
    let header = build::TcpHeader { sequence: flow, flags: TcpFlags::SYN, ..Default::default() };
    let mut bytes = Vec::new();
    let client = ([10, a, b, c], 4000).into();
    build::tcp(&mut bytes, client, ([192, 0, 2, 1], 80).into(), &header, &[]).unwrap();
    bytes
}
