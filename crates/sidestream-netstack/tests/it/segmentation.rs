//! Packets that are longer than the device's limit, because the device cuts them.

use std::time::Duration;

use sidestream_netstack::{Config, Output};
use sidestream_packet::{Checksum, Offload, Packet, TcpFlags, Transport, build};

use crate::link::Faults;
use crate::world::{World, bytes};

fn offloading() -> Config {
    Config { segmentation: true, checksums: true, ..Config::default() }
}

#[test]
fn what_is_sent_stands_for_many_segments_of_the_clients_size() {
    let mut world = World::new(offloading(), Faults::default(), 1);
    world.server.script = bytes(4_000_000, 1);
    world.client.connect("192.0.2.1:80".parse().unwrap(), 4000, 1 << 20);
    let done = world.until(Duration::from_secs(10), |world| {
        world.client.streams[0].received.len() == 4_000_000
    });
    assert!(done);
    assert_eq!(world.client.streams[0].received, bytes(4_000_000, 1));
    let packets = world.stack.counters().packets_out;
    assert!(packets < 400, "{packets} packets for 2,740 segments");
}

#[test]
fn checksums_are_left_to_the_device_only_where_it_makes_them() {
    for (config, partial) in [(Config::default(), false), (offloading(), true)] {
        let mut world = World::new(config, Faults::default(), 1);
        world.client.connect("192.0.2.1:80".parse().unwrap(), 4000, 1 << 16);
        world.client.poll(world.now);
        let mut syn = world.client.device.outbox.pop_front().unwrap();
        world.stack.handle_packet(&mut syn, Offload::default(), world.now);
        let Output::Syn { id, .. } = world.stack.poll_output(world.now) else { panic!("no syn") };
        world.stack.accept(id, world.now);
        let Output::Packet { offload, bytes } = world.stack.poll_output(world.now) else {
            panic!("no answer");
        };
        let expected = Checksum::Partial { start: 20, offset: 16 };
        assert_eq!(offload.checksum == expected, partial);
        let mut bytes = bytes.to_vec();
        sidestream_packet::complete(&mut bytes, offload.checksum).unwrap();
        Packet::parse(&bytes, Checksum::Complete).unwrap();
    }
}

#[test]
fn a_packet_of_the_longest_length_is_taken_whole() {
    let config = Config { initial_buffer: 128 << 10, ..offloading() };
    let mut world = World::new(config, Faults::default(), 1);
    let (client, server) = ("10.0.0.2:9".parse().unwrap(), "192.0.2.1:80".parse().unwrap());
    let segment = |sequence, acknowledgment, flags, payload: &[u8]| {
        let options: &[u8] = if flags == TcpFlags::SYN { &[1, 3, 3, 7] } else { &[] };
        let header = build::TcpHeader { sequence, acknowledgment, flags, window: 9000, options };
        let mut bytes = Vec::new();
        build::tcp(&mut bytes, client, server, &header, payload).unwrap();
        bytes
    };
    let verified = Offload { checksum: Checksum::Verified, segment_size: Some(1460) };
    world.stack.handle_packet(&mut segment(7, 0, TcpFlags::SYN, &[]), verified, world.now);
    let Output::Syn { id, .. } = world.stack.poll_output(world.now) else { panic!("no syn") };
    world.stack.accept(id, world.now);
    let Output::Packet { bytes: answer, offload } = world.stack.poll_output(world.now) else {
        panic!("no answer");
    };
    let packet = Packet::parse(answer, offload.checksum).unwrap();
    let Transport::Tcp(tcp) = packet.transport() else { panic!("no tcp") };
    let theirs = tcp.sequence() + 1;
    let long = bytes(65_495, 3);
    world.stack.handle_packet(&mut segment(8, theirs, TcpFlags::ACK, &[]), verified, world.now);
    world.stack.handle_packet(&mut segment(8, theirs, TcpFlags::ACK, &long), verified, world.now);
    let mut received = Vec::new();
    world.stack.read(id, |bytes| {
        received.extend_from_slice(bytes);
        bytes.len()
    });
    assert_eq!(received, long);
}
