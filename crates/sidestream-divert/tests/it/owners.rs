//! Whose a packet is.

use std::time::Duration;

use insta::assert_snapshot;
use sidestream_divert::{Answer, Config, Operation, QuestionId, Ticks, Verdict};
use sidestream_flow::Transport::{Tcp, Udp};

use crate::play::{HERE, Play, THERE, Who, ack, client, nowhere, server, syn, udp, who};

#[test]
fn a_connection_is_asked_about_once_and_diverted_to_its_end() {
    let mut play = Play::patient(Config::default());
    play.event(Operation::Connect, Tcp, who(1));
    play.answer(1, Verdict::Divert);
    play.packet(&syn(100));
    play.packet(&ack((101, 1), b"hello"));
    play.event(Operation::Close, Tcp, who(1));
    play.taken();
    play.packet(&ack((106, 1), b"last"));
    play.wait(Duration::from_secs(61));
    assert_snapshot!(play.transcript(), @"
    0 ms
      >> Connect tcp 10.0.0.2:4000 > 192.0.2.1:443, pid 71
      << ask 1: pid 71, 10.0.0.2:4000 > 192.0.2.1:443
      >> answer 1: Divert
      >> 10.0.0.2:4000 > 192.0.2.1:443: tcp [S] seq 100 win 0 len 0
      << flow 1: tcp 10.0.0.2:4000 > 192.0.2.1:443, pid 71, Outbound
      << to proxy 1: 10.0.0.2:4000 > 192.0.2.1:443: tcp [S] seq 100 win 0 len 0
      >> 10.0.0.2:4000 > 192.0.2.1:443: tcp [.] seq 101 ack 1 win 0 len 5
      >> Close tcp 10.0.0.2:4000 > 192.0.2.1:443, pid 71
      >> taken
      << to proxy 1: 10.0.0.2:4000 > 192.0.2.1:443: tcp [.] seq 101 ack 1 win 0 len 5
      >> 10.0.0.2:4000 > 192.0.2.1:443: tcp [.] seq 106 ack 1 win 0 len 4
    1 ms
      << to proxy 1: 10.0.0.2:4000 > 192.0.2.1:443: tcp [.] seq 106 ack 1 win 0 len 4
    60000 ms
      << forget 1
    ");
}

#[test]
fn a_connection_that_is_to_be_passed_comes_out_as_it_came() {
    let mut play = Play::patient(Config::default());
    play.connected(Tcp, who(1), Verdict::Pass);
    let packets = [syn(100), ack((101, 1), b"hello")];
    packets.iter().for_each(|packet| play.packet(packet));
    let injected: Vec<_> = play.injected.iter().map(|(packet, _)| packet.clone()).collect();
    assert_eq!(injected, packets);
    assert!(play.diverted.is_empty());
}

#[test]
fn ourselves_are_never_asked_about() {
    let mut play = Play::patient(Config { own_pids: vec![71], ..Config::default() });
    play.event(Operation::Connect, Tcp, who(1));
    play.packet(&syn(100));
    assert_snapshot!(play.transcript(), @"
    0 ms
      >> Connect tcp 10.0.0.2:4000 > 192.0.2.1:443, pid 71
      >> 10.0.0.2:4000 > 192.0.2.1:443: tcp [S] seq 100 win 0 len 0
      << inject out 10.0.0.2:4000 > 192.0.2.1:443: tcp [S] seq 100 win 0 len 0
    ");
}

#[test]
fn a_connection_closed_before_its_first_packet_is_still_its_programs() {
    let mut play = Play::patient(Config::default());
    play.connected(Tcp, who(1), Verdict::Divert);
    play.event(Operation::Close, Tcp, who(1));
    play.packet(&syn(100));
    assert_eq!(play.diverted.len(), 1);
}

#[test]
fn an_end_that_is_told_before_the_beginning_holds() {
    let mut play = Play::patient(Config::default());
    play.event(Operation::Close, Tcp, Who { at: 5, ..who(1) });
    play.event(Operation::Connect, Tcp, Who { at: 2, ..who(1) });
    assert_eq!(play.machine.usage().sockets, 1);
    play.wait(Duration::from_secs(61));
    assert_eq!(play.machine.usage().sockets, 0);
    // The number is another socket's later.
    play.event(Operation::Connect, Tcp, Who { at: 9, ..who(1) });
    play.wait(Duration::from_secs(61));
    assert_eq!(play.machine.usage().sockets, 1);
}

#[test]
fn an_old_end_does_not_close_the_next_socket_of_that_number() {
    let mut play = Play::patient(Config::default());
    play.event(Operation::Connect, Tcp, Who { at: 8, ..who(1) });
    play.event(Operation::Close, Tcp, Who { at: 5, ..who(1) });
    play.wait(Duration::from_secs(61));
    assert_eq!(play.machine.usage().sockets, 1);
}

#[test]
fn what_is_told_twice_is_asked_once() {
    let mut play = Play::patient(Config::default());
    for operation in [Operation::Connect, Operation::Connect, Operation::Close, Operation::Close] {
        play.event(operation, Tcp, who(1));
    }
    assert_snapshot!(play.transcript(), @"
    0 ms
      >> Connect tcp 10.0.0.2:4000 > 192.0.2.1:443, pid 71
      << ask 1: pid 71, 10.0.0.2:4000 > 192.0.2.1:443
      >> Connect tcp 10.0.0.2:4000 > 192.0.2.1:443, pid 71
      >> Close tcp 10.0.0.2:4000 > 192.0.2.1:443, pid 71
      >> Close tcp 10.0.0.2:4000 > 192.0.2.1:443, pid 71
    ");
}

#[test]
fn a_port_used_again_waits_for_its_own_event() {
    let mut play = Play::patient(Config::default());
    play.connected(Tcp, who(1), Verdict::Divert);
    play.packet(&syn(100));
    play.taken();
    // The same first segment again is the same connection.
    play.packet(&syn(100));
    play.taken();
    play.event(Operation::Close, Tcp, who(1));
    play.packet(&syn(9000));
    play.event(Operation::Connect, Tcp, Who { at: 7, ..who(2) });
    play.answer(2, Verdict::Pass);
    assert_snapshot!(play.transcript(), @"
    0 ms
      >> Connect tcp 10.0.0.2:4000 > 192.0.2.1:443, pid 71
      << ask 1: pid 71, 10.0.0.2:4000 > 192.0.2.1:443
      >> answer 1: Divert
      >> 10.0.0.2:4000 > 192.0.2.1:443: tcp [S] seq 100 win 0 len 0
      << flow 1: tcp 10.0.0.2:4000 > 192.0.2.1:443, pid 71, Outbound
      << to proxy 1: 10.0.0.2:4000 > 192.0.2.1:443: tcp [S] seq 100 win 0 len 0
      >> taken
      >> 10.0.0.2:4000 > 192.0.2.1:443: tcp [S] seq 100 win 0 len 0
      << to proxy 1: 10.0.0.2:4000 > 192.0.2.1:443: tcp [S] seq 100 win 0 len 0
      >> taken
      >> Close tcp 10.0.0.2:4000 > 192.0.2.1:443, pid 71
      >> 10.0.0.2:4000 > 192.0.2.1:443: tcp [S] seq 9000 win 0 len 0
      << forget 1
      >> Connect tcp 10.0.0.2:4000 > 192.0.2.1:443, pid 72
      << ask 2: pid 72, 10.0.0.2:4000 > 192.0.2.1:443
      >> answer 2: Pass
      << inject out 10.0.0.2:4000 > 192.0.2.1:443: tcp [S] seq 9000 win 0 len 0
    ");
}

#[test]
fn a_socket_that_tries_another_peer_is_asked_about_again() {
    let mut play = Play::patient(Config::default());
    play.event(Operation::Connect, Tcp, who(1));
    let remote = (THERE, 8443).into();
    play.event(Operation::Connect, Tcp, Who { remote, at: 3, ..who(1) });
    assert_snapshot!(play.transcript(), @"
    0 ms
      >> Connect tcp 10.0.0.2:4000 > 192.0.2.1:443, pid 71
      << ask 1: pid 71, 10.0.0.2:4000 > 192.0.2.1:443
      >> Connect tcp 10.0.0.2:4000 > 192.0.2.1:8443, pid 71
      << ask 2: pid 71, 10.0.0.2:4000 > 192.0.2.1:8443
    ");
}

#[test]
fn a_process_that_began_after_the_event_is_another() {
    let mut play = Play::patient(Config::default());
    play.event(Operation::Connect, Tcp, Who { at: 100, ..who(1) });
    let answer = Answer { started: Some(Ticks(101)), verdict: Verdict::Divert };
    play.machine.handle_answer(QuestionId(1), answer, play.now);
    play.packet(&syn(100));
    assert_eq!((play.diverted.len(), play.injected.len()), (0, 1));
    assert_eq!(play.machine.counters().pids_reused, 1);
}

#[test]
fn a_datagram_is_found_by_what_its_socket_is_bound_to() {
    let mut play = Play::patient(Config::default());
    let local = ([0; 4], 4000).into();
    play.event(Operation::Bind, Udp, Who { local, remote: nowhere(), ..who(1) });
    play.answer(1, Verdict::Divert);
    play.packet(&udp(client(), server(), b"one"));
    play.packet(&udp(client(), (THERE, 53).into(), b"two"));
    assert_eq!(play.diverted.len(), 1, "the second waits for the batch before it");
    play.taken();
    assert_eq!(play.diverted.len(), 2);
}

#[test]
fn the_most_exact_binding_wins() {
    let mut play = Play::patient(Config::default());
    let bound = |endpoint, local: &str| Who {
        local: local.parse().unwrap(),
        remote: nowhere(),
        ..who(endpoint)
    };
    play.event(Operation::Bind, Udp, bound(1, "[::]:4000"));
    play.answer(1, Verdict::Pass);
    play.packet(&udp(client(), (THERE, 1).into(), b"the wildcard of both families"));
    assert_eq!(play.diverted.len(), 0);
    play.event(Operation::Bind, Udp, bound(2, "[::ffff:0.0.0.0]:4000"));
    play.answer(2, Verdict::Divert);
    play.packet(&udp(client(), (THERE, 2).into(), b"the wildcard of its own family"));
    assert_eq!(play.diverted.len(), 1);
    play.event(Operation::Bind, Udp, bound(3, "[::ffff:10.0.0.2]:4000"));
    play.answer(3, Verdict::Pass);
    play.packet(&udp(client(), (THERE, 3).into(), b"its own address"));
    assert_eq!((play.diverted.len(), play.injected.len()), (1, 2));
    let six = |last| format!("[2001:db8::{last}]:4000").parse().unwrap();
    play.packet(&udp(six(1), six(2), b"IPv6"));
    assert_eq!((play.diverted.len(), play.injected.len()), (1, 3));
}

#[test]
fn who_shares_an_address_is_known_by_the_named_peer_only() {
    let mut play = Play::patient(Config::default());
    for (endpoint, verdict) in [(1, Verdict::Pass), (2, Verdict::Divert)] {
        play.event(Operation::Bind, Udp, Who { remote: nowhere(), ..who(endpoint) });
        play.answer(endpoint, verdict);
    }
    play.packet(&udp(client(), server(), b"whose?"));
    assert_eq!(play.machine.usage().waiting, 1);
    play.event(Operation::Connect, Udp, who(2));
    assert_eq!((play.machine.usage().waiting, play.diverted.len()), (0, 1));
    play.packet(&udp(client(), (THERE, 1).into(), b"nobody says"));
    play.wait(Duration::from_millis(250));
    assert_eq!((play.diverted.len(), play.injected.len()), (1, 1));
}

#[test]
fn a_port_of_udp_is_of_who_has_it_now() {
    let mut play = Play::patient(Config::default());
    play.event(Operation::Bind, Udp, Who { remote: nowhere(), ..who(1) });
    play.answer(1, Verdict::Divert);
    play.packet(&udp(client(), server(), b"the first"));
    play.event(Operation::Close, Udp, who(1));
    play.taken();
    play.packet(&udp(client(), server(), b"late, of the first"));
    assert_eq!(play.diverted.len(), 2);
    play.taken();
    play.event(Operation::Bind, Udp, Who { remote: nowhere(), at: 9, ..who(2) });
    play.answer(2, Verdict::Pass);
    play.packet(&udp(client(), server(), b"the second"));
    assert_eq!((play.diverted.len(), play.injected.len()), (2, 1));
}

#[test]
fn what_others_begin_is_answered_directly() {
    let mut play = Play::patient(Config::default());
    play.event(Operation::Bind, Udp, Who { remote: nowhere(), ..who(1) });
    play.answer(1, Verdict::Divert);
    play.event(Operation::Accept, Udp, who(1));
    play.packet(&udp(client(), server(), b"an answer"));
    assert_eq!((play.diverted.len(), play.injected.len()), (0, 1));
}

#[test]
fn the_middle_of_a_connection_is_passed() {
    let mut play = Play::patient(Config::default());
    play.packet(&ack((7, 7), b"older than we"));
    assert_eq!((play.injected.len(), play.machine.usage().flows), (1, 0));
    let other = Who { local: (HERE, 4001).into(), ..who(1) };
    play.connected(Tcp, other, Verdict::Divert);
    play.packet(&ack((8, 8), b"of another port"));
    assert_eq!(play.injected.len(), 2);
}
