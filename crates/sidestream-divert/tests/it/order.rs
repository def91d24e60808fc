//! Packets that come before it is known whose they are.

use std::time::Duration;

use insta::assert_snapshot;
use sidestream_divert::{Config, Operation, Verdict};
use sidestream_flow::Transport::{Tcp, Udp};

use crate::play::{Play, THERE, Who, client, nowhere, server, syn, udp, who};

#[test]
fn packets_wait_for_their_event_and_leave_in_order() {
    let mut play = Play::patient(Config::default());
    play.packet(&udp(client(), server(), b"1"));
    play.packet(&udp(client(), server(), b"22"));
    play.wait(Duration::from_millis(100));
    play.event(Operation::Bind, Udp, Who { remote: nowhere(), ..who(1) });
    play.packet(&udp(client(), server(), b"333"));
    play.answer(1, Verdict::Divert);
    play.packet(&udp(client(), server(), b"4444"));
    play.taken();
    assert_snapshot!(play.transcript(), @"
    0 ms
      >> 10.0.0.2:4000 > 192.0.2.1:443: udp len 1
      >> 10.0.0.2:4000 > 192.0.2.1:443: udp len 2
    100 ms
      >> Bind udp 10.0.0.2:4000 > 0.0.0.0:0, pid 71
      << ask 1: pid 71, 10.0.0.2:4000
      >> 10.0.0.2:4000 > 192.0.2.1:443: udp len 3
      >> answer 1: Divert
      << flow 1: udp 10.0.0.2:4000 > 192.0.2.1:443, pid 71, Outbound
      << to proxy 1: 10.0.0.2:4000 > 192.0.2.1:443: udp len 1
      << to proxy 1: 10.0.0.2:4000 > 192.0.2.1:443: udp len 2
      << to proxy 1: 10.0.0.2:4000 > 192.0.2.1:443: udp len 3
      >> 10.0.0.2:4000 > 192.0.2.1:443: udp len 4
      >> taken
      << to proxy 1: 10.0.0.2:4000 > 192.0.2.1:443: udp len 4
    ");
}

#[test]
fn what_nobody_claims_is_passed_to_its_end() {
    let mut play = Play::patient(Config::default());
    play.packet(&syn(100));
    play.wait(Duration::from_millis(260));
    play.event(Operation::Connect, Tcp, who(1));
    play.answer(1, Verdict::Divert);
    play.packet(&syn(100));
    assert_snapshot!(play.transcript(), @"
    0 ms
      >> 10.0.0.2:4000 > 192.0.2.1:443: tcp [S] seq 100 win 0 len 0
    250 ms
      << Unclaimed { key: FlowKey { transport: Tcp, client: 10.0.0.2:4000, server: 192.0.2.1:443 }, packets: 1 }
      << inject out 10.0.0.2:4000 > 192.0.2.1:443: tcp [S] seq 100 win 0 len 0
    260 ms
      >> Connect tcp 10.0.0.2:4000 > 192.0.2.1:443, pid 71
      << ask 1: pid 71, 10.0.0.2:4000 > 192.0.2.1:443
      >> answer 1: Divert
      << Late { key: FlowKey { transport: Tcp, client: 10.0.0.2:4000, server: 192.0.2.1:443 }, owner: Owner { pid: 71, started: Some(Ticks(0)) } }
      >> 10.0.0.2:4000 > 192.0.2.1:443: tcp [S] seq 100 win 0 len 0
      << inject out 10.0.0.2:4000 > 192.0.2.1:443: tcp [S] seq 100 win 0 len 0
    ");
}

#[test]
fn a_late_answer_comes_too_late_as_well() {
    let mut play = Play::patient(Config::default());
    play.event(Operation::Connect, Tcp, who(1));
    play.packet(&syn(100));
    play.wait(Duration::from_millis(250));
    assert_eq!(play.injected.len(), 1);
    play.answer(1, Verdict::Divert);
    play.packet(&syn(100));
    assert_eq!((play.diverted.len(), play.injected.len()), (0, 2));
}

#[test]
fn who_waits_does_not_wait_longer_for_being_repeated() {
    let mut play = Play::patient(Config::default());
    for _ in 0..5 {
        play.packet(&syn(100));
        play.wait(Duration::from_millis(50));
    }
    assert_eq!((play.injected.len(), play.machine.usage().waiting), (5, 0));
}

#[test]
fn a_full_room_lets_go_of_the_flow_that_comes_and_of_no_other() {
    let mut play = Play::patient(Config { max_waiting: 3, ..Config::default() });
    play.packet(&udp(client(), server(), b"1"));
    play.packet(&udp(client(), (THERE, 53).into(), b"other"));
    play.packet(&udp(client(), server(), b"22"));
    play.packet(&udp(client(), server(), b"333"));
    assert_snapshot!(play.transcript(), @"
    0 ms
      >> 10.0.0.2:4000 > 192.0.2.1:443: udp len 1
      >> 10.0.0.2:4000 > 192.0.2.1:53: udp len 5
      >> 10.0.0.2:4000 > 192.0.2.1:443: udp len 2
      >> 10.0.0.2:4000 > 192.0.2.1:443: udp len 3
      << NoRoom { key: FlowKey { transport: Udp, client: 10.0.0.2:4000, server: 192.0.2.1:443 } }
      << inject out 10.0.0.2:4000 > 192.0.2.1:443: udp len 1
      << inject out 10.0.0.2:4000 > 192.0.2.1:443: udp len 2
      << inject out 10.0.0.2:4000 > 192.0.2.1:443: udp len 3
    ");
    assert_eq!(play.machine.usage().waiting, 1);
}

#[test]
fn one_flow_does_not_fill_the_room() {
    let mut play = Play::patient(Config { max_waiting_in_flow: 2, ..Config::default() });
    for _ in 0..3 {
        play.packet(&udp(client(), server(), b"1"));
    }
    assert_eq!((play.injected.len(), play.machine.usage().waiting), (3, 0));
}

#[test]
fn bytes_that_wait_are_bounded_too() {
    let mut play = Play::patient(Config { max_waiting_bytes: 2000, ..Config::default() });
    for port in [1, 2] {
        play.packet(&udp(client(), (THERE, port).into(), &[0; 1200]));
    }
    assert_eq!((play.injected.len(), play.machine.usage().waiting_bytes), (1, 1228));
}
