//! Flows that other hosts begin, and flows within the machine.

use insta::assert_snapshot;
use sidestream_divert::{Address, Config, Operation, Verdict};
use sidestream_flow::Transport::{Tcp, Udp};
use sidestream_packet::TcpFlags;

use crate::play::{HERE, OUT, Play, THERE, Who, nowhere, tcp, udp, who};

const IN: Address = Address { outbound: false, ..OUT };

#[test]
fn a_connection_from_elsewhere_is_found_by_its_listener() {
    let mut play = Play::patient(Config { inbound: true, ..Config::default() });
    let local = ([0; 4], 8080).into();
    play.event(Operation::Listen, Tcp, Who { local, remote: nowhere(), ..who(1) });
    play.answer(1, Verdict::Divert);
    let (remote, here) = ((THERE, 999).into(), (HERE, 8080).into());
    play.packet_with(&tcp(remote, here, TcpFlags::SYN, (5, 0), &[]), IN);
    let flags = TcpFlags::SYN | TcpFlags::ACK;
    play.reply(&tcp(here, remote, flags, (70, 6), &[]));
    // Nobody listens there: it does not wait.
    play.packet_with(&tcp(remote, (HERE, 22).into(), TcpFlags::SYN, (5, 0), &[]), IN);
    // A second connection of the same listener.
    play.taken();
    play.packet_with(&tcp((THERE, 998).into(), here, TcpFlags::SYN, (5, 0), &[]), IN);
    assert_snapshot!(play.transcript(), @"
    0 ms
      >> Listen tcp 0.0.0.0:8080 > 0.0.0.0:0, pid 71
      << ask 1: pid 71, 0.0.0.0:8080
      >> answer 1: Divert
      >> 192.0.2.1:999 > 10.0.0.2:8080: tcp [S] seq 5 win 0 len 0
      << flow 1: tcp 192.0.2.1:999 > 10.0.0.2:8080, pid 71, Inbound
      << to proxy 1: 192.0.2.1:999 > 10.0.0.2:8080: tcp [S] seq 5 win 0 len 0
      >> proxy: 10.0.0.2:8080 > 192.0.2.1:999: tcp [S.] seq 70 ack 6 win 0 len 0
      << inject out 10.0.0.2:8080 > 192.0.2.1:999: tcp [S.] seq 70 ack 6 win 0 len 0
      >> 192.0.2.1:999 > 10.0.0.2:22: tcp [S] seq 5 win 0 len 0
      << inject in 192.0.2.1:999 > 10.0.0.2:22: tcp [S] seq 5 win 0 len 0
      >> taken
      >> 192.0.2.1:998 > 10.0.0.2:8080: tcp [S] seq 5 win 0 len 0
      << flow 3: tcp 192.0.2.1:998 > 10.0.0.2:8080, pid 71, Inbound
      << to proxy 3: 192.0.2.1:998 > 10.0.0.2:8080: tcp [S] seq 5 win 0 len 0
    ");
}

#[test]
fn answers_from_elsewhere_are_no_flows_of_their_own() {
    let mut play = Play::patient(Config { inbound: true, ..Config::default() });
    let (here, remote) = ((HERE, 4000).into(), (THERE, 443).into());
    play.event(Operation::Bind, Udp, Who { remote: nowhere(), ..who(1) });
    play.answer(1, Verdict::Divert);
    play.packet(&udp(here, remote, b"question"));
    play.packet_with(&udp(remote, here, b"from the server itself"), IN);
    assert_eq!((play.diverted.len(), play.injected.len()), (1, 1));
}

#[test]
fn within_the_machine_answers_go_out_as_well() {
    let mut play = Play::patient(Config { loopback: true, ..Config::default() });
    let within = Address { loopback: true, ..OUT };
    let (one, other) = (([127, 0, 0, 1], 4000).into(), ([127, 0, 0, 1], 443).into());
    play.connected(Tcp, Who { local: one, remote: other, ..who(1) }, Verdict::Divert);
    play.packet_with(&tcp(one, other, TcpFlags::SYN, (5, 0), &[]), within);
    play.reply(&tcp(other, one, TcpFlags::SYN | TcpFlags::ACK, (70, 6), &[]));
    assert_eq!(play.diverted.len(), 1);
    let [(_, address)] = &play.injected[..] else { panic!("one answer") };
    assert!(address.outbound && address.loopback);
}
