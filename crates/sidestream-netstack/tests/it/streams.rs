//! Streams, over a link that does nothing wrong.

use std::time::Duration;

use sidestream_netstack::Output;
use smoltcp::socket::tcp::State;

use crate::server::Door;
use crate::world::{World, bytes};

const SECOND: Duration = Duration::from_secs(1);
const SERVER: &str = "192.0.2.1:80";

fn connected(world: &mut World) -> usize {
    let index = world.client.connect(SERVER.parse().unwrap(), 4000, 1 << 20);
    assert!(world.until(SECOND, |world| world.client.state(index) != State::SynSent));
    index
}

#[test]
fn echoes_what_a_client_sends_over_either_family() {
    for server in [SERVER, "[2001:db8::1]:80"] {
        let mut world = World::perfect();
        world.server.echoes = true;
        world.server.closes = true;
        let index = world.client.connect(server.parse().unwrap(), 4000, 1 << 20);
        world.client.streams[index].to_send = bytes(300_000, 7);
        world.client.streams[index].closes = true;
        let done = world.until(10 * SECOND, |world| world.client.streams[0].finished);
        assert!(done, "{:?}", world.stack.counters());
        assert_eq!(world.client.streams[0].received, bytes(300_000, 7));
        world.pass(60 * SECOND);
        assert_eq!(world.server.only().1.end, Some("closed"));
        assert_eq!(world.stack.usage(), sidestream_netstack::Usage::default());
    }
}

#[test]
fn a_client_that_ended_its_half_still_gets_all() {
    let mut world = World::perfect();
    let index = connected(&mut world);
    world.client.streams[index].closes = true;
    assert!(world.until(SECOND, |world| world.server.only().1.half_closed));
    world.server.only().1.to_send = bytes(3_000_000, 1);
    world.server.only().1.closes = true;
    assert!(world.until(10 * SECOND, |world| world.client.streams[0].finished));
    assert_eq!(world.client.streams[index].received, bytes(3_000_000, 1));
}

#[test]
fn a_server_that_ended_its_half_still_gets_all() {
    let mut world = World::perfect();
    let index = connected(&mut world);
    world.server.only().1.closes = true;
    assert!(world.until(SECOND, |world| world.client.streams[0].finished));
    world.client.streams[index].to_send = bytes(3_000_000, 2);
    world.client.streams[index].closes = true;
    assert!(world.until(10 * SECOND, |world| world.server.only().1.end == Some("closed")));
    assert_eq!(world.server.only().1.received, bytes(3_000_000, 2));
}

#[test]
fn a_clients_reset_is_told_after_what_it_sent() {
    let mut world = World::perfect();
    let index = connected(&mut world);
    world.server.only().1.reads = false;
    world.client.streams[index].to_send = bytes(1000, 3);
    world.pass(SECOND / 10);
    world.client.abort(index);
    world.pass(SECOND);
    assert_eq!(world.server.only().1.end, None, "there is something to read still");
    world.server.only().1.reads = true;
    world.pass(SECOND);
    assert_eq!(world.server.only().1.end, Some("reset"));
    assert_eq!(world.server.only().1.received, bytes(1000, 3));
    assert_eq!(world.stack.usage().lingering, 0);
}

#[test]
fn the_engines_reset_reaches_the_client() {
    let mut world = World::perfect();
    let index = connected(&mut world);
    let (id, _) = world.server.only();
    world.stack.reset(id);
    assert!(world.until(SECOND, |world| world.client.state(index) == State::Closed));
    assert!(!world.client.streams[index].finished);
    assert_eq!(world.stack.usage(), sidestream_netstack::Usage::default());
}

#[test]
fn what_was_written_before_a_reset_arrives_before_it() {
    let mut world = World::perfect();
    let index = connected(&mut world);
    let (id, _) = world.server.only();
    let words = bytes(5000, 3);
    let now = world.now;
    assert_eq!(world.stack.write(id, &words, now), words.len());
    world.stack.reset(id);
    assert!(world.until(SECOND, |world| world.client.state(index) == State::Closed));
    assert_eq!(world.client.streams[index].received, words);
    assert_eq!(world.stack.usage(), sidestream_netstack::Usage::default());
}

#[test]
fn a_reset_reaches_a_resting_client_too() {
    let mut world = World::perfect();
    let index = connected(&mut world);
    world.pass(5 * SECOND);
    assert_eq!(world.stack.usage().resting, 1);
    let (id, _) = world.server.only();
    world.stack.reset(id);
    assert!(world.until(SECOND, |world| world.client.state(index) == State::Closed));
}

#[test]
fn the_window_closes_while_nobody_reads_and_opens_again() {
    let mut world = World::perfect();
    let index = connected(&mut world);
    world.server.only().1.reads = false;
    world.client.streams[index].to_send = bytes(2_000_000, 4);
    world.pass(100 * SECOND);
    let taken = world.client.streams[index].sent;
    assert!(taken < 1_200_000, "{taken} bytes were taken though nobody reads");
    assert!(world.stack.usage().buffered <= 64 << 10, "{:?}", world.stack.usage());
    world.server.only().1.reads = true;
    assert!(world.until(100 * SECOND, |world| world.server.only().1.received.len() == 2_000_000));
    assert_eq!(world.server.only().1.received, bytes(2_000_000, 4));
}

#[test]
fn writing_stops_while_the_client_does_not_read_and_goes_on() {
    let mut world = World::perfect();
    let index = connected(&mut world);
    world.client.streams[index].reads = false;
    world.server.only().1.to_send = bytes(5_000_000, 5);
    world.pass(100 * SECOND);
    let sent = world.server.only().1.sent;
    assert!(sent < 2_500_000, "{sent} bytes were taken though the client does not read");
    world.client.streams[index].reads = true;
    let done =
        world.until(100 * SECOND, |world| world.client.streams[0].received.len() == 5_000_000);
    assert!(done);
    assert_eq!(world.client.streams[index].received, bytes(5_000_000, 5));
}

#[test]
fn buffers_grow_with_use_and_are_given_back_in_silence() {
    let mut world = World::perfect();
    world.server.echoes = true;
    let index = connected(&mut world);
    assert_eq!(world.stack.usage().buffered, 64 << 10);
    world.client.streams[index].to_send = bytes(20_000_000, 6);
    let done =
        world.until(100 * SECOND, |world| world.client.streams[0].received.len() == 20_000_000);
    assert!(done);
    assert_eq!(world.client.streams[index].received, bytes(20_000_000, 6));
    assert_eq!(world.stack.usage().buffered, 2 << 20);
    assert_eq!(world.stack.counters().grown, 2);
    world.pass(10 * SECOND);
    assert_eq!(world.stack.usage().buffered, 0);
    assert_eq!(world.stack.usage().resting, 1);

    world.client.streams[index].to_send.extend(bytes(500_000, 8));
    assert!(world.until(SECOND, |world| world.client.streams[0].received.len() == 20_500_000));
    assert_eq!(world.client.streams[index].received[20_000_000..], bytes(500_000, 8));
}

#[test]
fn a_port_is_used_again_at_once() {
    let mut world = World::perfect();
    world.server.closes = true;
    for round in 1..=20 {
        let index = connected(&mut world);
        world.client.streams[index].closes = true;
        let closed = world.until(SECOND, |world| {
            world.server.log.iter().filter(|line| *line == "closed").count() == round
        });
        assert!(closed, "round {round}: {:?}", world.server.log);
        world.client.remove(index);
    }
    assert_eq!(world.stack.usage().lingering, 1);
}

#[test]
fn a_silent_client_is_asked_and_in_the_end_given_up() {
    let mut world = World::perfect();
    let index = connected(&mut world);
    world.pass(SECOND * 3600 * 2);
    assert_eq!(world.server.only().1.end, None, "it answers");
    assert_eq!(world.stack.usage().resting, 1);
    let packets = world.stack.counters().packets_out;
    assert!(packets < 60, "{packets} packets in two silent hours");
    world.client.remove(index);
    world.up = crate::link::Link::new(crate::link::Faults { loss: 1000, ..Default::default() }, 1);
    world.pass(SECOND * 3600);
    assert_eq!(world.server.only().1.end, Some("reset"));
    assert_eq!(world.stack.counters().timeouts, 1);
    assert_eq!(world.stack.usage(), sidestream_netstack::Usage::default());
}

#[test]
fn a_question_of_the_client_whether_anybody_is_there_is_answered() {
    let mut world = World::perfect();
    world.server.door = Door::Accept;
    let index = connected(&mut world);
    world.pass(5 * SECOND);
    world.client.keep_alive(index, SECOND * 10, SECOND * 30);
    world.pass(SECOND * 600);
    assert_eq!(world.client.state(index), State::Established);
    assert_eq!(world.stack.usage().resting, 1, "an answer needs no buffers");
}

#[test]
fn data_is_answered_within_the_same_moment() {
    let mut world = World::perfect();
    world.server.echoes = true;
    let index = connected(&mut world);
    for round in 1..=50 {
        let before = world.now;
        world.client.streams[index].to_send.extend([7; 100]);
        assert!(world.until(SECOND, |world| world.client.streams[0].received.len() == 100 * round));
        let took = world.now - before;
        assert!(took <= Duration::from_millis(1), "round {round} took {took:?}");
    }
}

#[test]
fn nothing_more_is_said_of_what_the_engine_has_reset() {
    let mut world = World::perfect();
    let index = connected(&mut world);
    let (id, _) = world.server.only();
    world.server.only().1.reads = false;
    world.client.streams[index].to_send = bytes(10, 1);
    world.client.streams[index].closes = true;
    world.client.poll(world.now);
    while let Some(mut packet) = world.client.device.outbox.pop_front() {
        let offload = sidestream_packet::Offload::default();
        world.stack.handle_packet(&mut packet, offload, world.now);
    }
    world.stack.reset(id);
    while matches!(world.stack.poll_output(world.now), Output::Packet { .. }) {}
    assert_eq!(world.stack.poll_output(world.now), Output::Wait(None));
}
