//! What there is too much of.

use std::time::Duration;

use sidestream_divert::{Config, Operation, Verdict};
use sidestream_flow::Transport::{Tcp, Udp};

use crate::play::{HERE, Play, THERE, Who, client, nowhere, server, tcp, udp, who};

fn at(port: u16, endpoint: u64) -> Who {
    Who { local: (HERE, port).into(), ..who(endpoint) }
}

fn syn(port: u16) -> Vec<u8> {
    tcp((HERE, port).into(), server(), sidestream_packet::TcpFlags::SYN, (1, 0), &[])
}

#[test]
fn of_too_many_sockets_the_closed_ones_go_first_and_then_the_oldest() {
    let mut play = Play::patient(Config { max_sockets: 2, ..Config::default() });
    play.connected(Tcp, at(1, 1), Verdict::Divert);
    play.connected(Tcp, at(2, 2), Verdict::Divert);
    play.event(Operation::Close, Tcp, at(2, 2));
    play.connected(Tcp, at(3, 3), Verdict::Divert);
    assert_eq!(play.machine.counters().sockets_full, 0);
    play.connected(Tcp, at(4, 4), Verdict::Divert);
    assert_eq!((play.machine.counters().sockets_full, play.machine.usage().sockets), (1, 2));
    for port in 1..=4 {
        play.packet(&syn(port));
        play.taken();
    }
    assert_eq!((play.diverted.len(), play.machine.usage().waiting), (2, 2));
    play.wait(Duration::from_secs(61));
    let usage = play.machine.usage();
    assert_eq!((usage.sockets, usage.links, usage.timers), (2, 2, 4));
}

#[test]
fn of_too_many_flows_the_passed_ones_go_first_and_then_new_ones_are_passed() {
    let mut play = Play::patient(Config { max_flows: 2, ..Config::default() });
    play.event(Operation::Bind, Udp, Who { remote: nowhere(), ..who(1) });
    play.answer(1, Verdict::Pass);
    play.event(
        Operation::Bind,
        Udp,
        Who { local: (HERE, 5000).into(), remote: nowhere(), ..who(2) },
    );
    play.answer(2, Verdict::Divert);
    play.packet(&udp(client(), server(), b"passed"));
    for port in [1, 2] {
        play.packet(&udp((HERE, 5000).into(), (THERE, port).into(), b"diverted"));
        play.taken();
    }
    assert_eq!(play.diverted.len(), 2);
    play.packet(&udp((HERE, 5000).into(), (THERE, 3).into(), b"too many"));
    assert_eq!((play.diverted.len(), play.injected.len()), (2, 2));
    assert_eq!((play.machine.usage().flows, play.machine.counters().flows_full), (2, 1));
}

#[test]
fn peers_of_one_socket_are_bounded() {
    let mut play = Play::patient(Config::default());
    for port in 1..=100 {
        play.event(Operation::Connect, Udp, Who { remote: (THERE, port).into(), ..who(1) });
    }
    assert_eq!((play.machine.usage().links, play.machine.usage().sockets), (16, 1));
    play.event(Operation::Close, Udp, who(1));
    play.wait(Duration::from_secs(61));
    assert_eq!(play.machine.usage(), sidestream_divert::Usage::default());
}

#[test]
fn silent_flows_end_and_the_proxy_is_told() {
    let mut play = Play::patient(Config::default());
    play.event(Operation::Bind, Udp, Who { remote: nowhere(), ..who(1) });
    play.answer(1, Verdict::Divert);
    play.packet(&udp(client(), server(), b"one"));
    play.wait(Duration::from_secs(100));
    play.taken();
    play.packet(&udp(client(), server(), b"two"));
    play.wait(Duration::from_secs(119));
    assert!(!play.transcript().contains("forget"));
    play.wait(Duration::from_secs(1));
    assert!(play.transcript().ends_with("220000 ms\n  << forget 1\n"));
    assert_eq!(play.machine.usage().flows, 0);
}

#[test]
fn a_slow_proxy_costs_packets_and_no_memory() {
    let config = Config { batch_packets: 2, max_batches: 2, ..Config::default() };
    let mut play = Play::patient(config);
    play.event(Operation::Bind, Udp, Who { remote: nowhere(), ..who(1) });
    play.answer(1, Verdict::Divert);
    for number in 0..10_u8 {
        play.packet(&udp(client(), server(), &[number]));
        play.wait(Duration::from_millis(5));
    }
    // One, one more after a millisecond, and two that are gathered.
    let usage = play.machine.usage();
    assert_eq!((usage.batches, usage.gathered, play.diverted.len()), (2, 2, 2));
    assert_eq!(play.machine.counters().dropped, 6);
    play.taken();
    assert_eq!(play.diverted.len(), 4);
    let last: Vec<_> = play.diverted.iter().map(|(packet, _)| *packet.last().unwrap()).collect();
    assert_eq!(last, [0, 1, 2, 3]);
}

#[test]
fn batches_are_bounded_in_bytes_and_a_longer_packet_goes_alone() {
    let config = Config { batch_bytes: 1000, max_batches: 100, ..Config::default() };
    let mut play = Play::patient(config);
    play.event(Operation::Bind, Udp, Who { remote: nowhere(), ..who(1) });
    play.answer(1, Verdict::Divert);
    let mut sizes = Vec::new();
    for len in [400, 400, 400, 3000, 10] {
        let mut packet = udp(client(), server(), &vec![0; len]);
        play.machine.handle_packet(&mut packet, crate::play::OUT, play.now);
    }
    for _ in 0..10 {
        play.now += Duration::from_millis(1);
        match play.machine.poll_output(play.now) {
            sidestream_divert::Output::ToProxy(batch) => sizes.push(batch.len()),
            sidestream_divert::Output::Wait(_) => play.machine.handle_timeout(play.now),
            _ => {}
        }
    }
    assert_eq!(sizes, [2, 1, 1, 1]);
}
