//! A proxy that is slow, silent, gone, or not to be trusted.

use std::time::Duration;

use insta::assert_snapshot;
use sidestream_divert::{Config, Operation, Verdict};
use sidestream_flow::Transport::{Tcp, Udp};
use sidestream_packet::{Checksum, Packet, TcpFlags, Unreachable, build};

use crate::play::{HERE, OUT, Play, THERE, Who, ack, client, nowhere, server, syn, tcp, udp, who};

/// A connection that the proxy has accepted.
fn established() -> Play {
    let mut play = Play::new(Config::default());
    play.connected(Tcp, who(1), Verdict::Divert);
    play.packet(&syn(100));
    play.taken();
    play.reply(&tcp(server(), client(), TcpFlags::SYN | TcpFlags::ACK, (7000, 101), &[]));
    play.packet(&ack((101, 7001), b"hello"));
    play.taken();
    play.reply(&tcp(server(), client(), TcpFlags::ACK, (7001, 106), b"answer"));
    play
}

#[test]
fn connections_of_a_proxy_that_is_gone_are_reset() {
    let mut play = established();
    play.proxy_gone();
    play.packet(&ack((106, 7007), b"more"));
    // The port is used again, and goes directly.
    play.packet(&syn(40_000));
    assert_snapshot!(play.transcript(), @"
    0 ms
      >> Connect tcp 10.0.0.2:4000 > 192.0.2.1:443, pid 71
      << ask 1: pid 71, 10.0.0.2:4000 > 192.0.2.1:443
      >> answer 1: Divert
      >> 10.0.0.2:4000 > 192.0.2.1:443: tcp [S] seq 100 win 0 len 0
      << flow 1: tcp 10.0.0.2:4000 > 192.0.2.1:443, pid 71, Outbound
      << to proxy 1: 10.0.0.2:4000 > 192.0.2.1:443: tcp [S] seq 100 win 0 len 0
      >> taken
      >> proxy: 192.0.2.1:443 > 10.0.0.2:4000: tcp [S.] seq 7000 ack 101 win 0 len 0
      << inject in 192.0.2.1:443 > 10.0.0.2:4000: tcp [S.] seq 7000 ack 101 win 0 len 0
      >> 10.0.0.2:4000 > 192.0.2.1:443: tcp [.] seq 101 ack 7001 win 0 len 5
      << to proxy 1: 10.0.0.2:4000 > 192.0.2.1:443: tcp [.] seq 101 ack 7001 win 0 len 5
      >> taken
      >> proxy: 192.0.2.1:443 > 10.0.0.2:4000: tcp [.] seq 7001 ack 106 win 0 len 6
      << inject in 192.0.2.1:443 > 10.0.0.2:4000: tcp [.] seq 7001 ack 106 win 0 len 6
      >> proxy gone
      << ProxyLost { reset: 1 }
      << inject in 192.0.2.1:443 > 10.0.0.2:4000: tcp [R] seq 7007 win 0 len 0
      >> 10.0.0.2:4000 > 192.0.2.1:443: tcp [.] seq 106 ack 7007 win 0 len 4
      << inject in 192.0.2.1:443 > 10.0.0.2:4000: tcp [R] seq 7007 win 0 len 0
      >> 10.0.0.2:4000 > 192.0.2.1:443: tcp [S] seq 40000 win 0 len 0
      << inject out 10.0.0.2:4000 > 192.0.2.1:443: tcp [S] seq 40000 win 0 len 0
    ");
    let (_, address) = play.injected[2];
    assert!(!address.outbound, "the reset goes to the program");
}

#[test]
fn a_proxy_that_is_silent_for_a_second_is_gone() {
    let mut play = established();
    play.wait(Duration::from_millis(900));
    play.machine.handle_beat(play.now);
    play.drain();
    play.wait(Duration::from_millis(999));
    assert_eq!(play.machine.counters().resets, 0);
    play.wait(Duration::from_millis(1));
    assert_eq!(play.machine.counters().resets, 1);
    let other = udp((HERE, 5000).into(), server(), b"directly, and at once");
    play.packet(&other);
    assert_eq!(play.injected.last(), Some(&(other, OUT)));
}

#[test]
fn what_it_had_not_answered_goes_directly() {
    let mut play = Play::new(Config::default());
    play.connected(Tcp, who(1), Verdict::Divert);
    play.event(Operation::Bind, Udp, Who { remote: nowhere(), ..who(2) });
    play.answer(2, Verdict::Divert);
    play.packet(&syn(100));
    play.packet(&udp(client(), server(), b"lost"));
    let waits = syn(100);
    let waits = [&waits[..20], &[0x13, 0x88], &waits[22..]].concat();
    play.packet_with(&waits, sidestream_divert::Address { tcp_checksum: false, ..OUT });
    assert_eq!(play.machine.usage().waiting, 1);
    play.proxy_gone();
    assert_eq!(play.injected.len(), 1, "what waited is let go");
    play.packet(&syn(100));
    play.packet(&udp(client(), server(), b"again"));
    assert_eq!((play.injected.len(), play.machine.counters().resets), (3, 0));
    assert_eq!((play.machine.counters().lost, play.machine.counters().diverted), (1, 2));
}

#[test]
fn flows_that_began_without_a_proxy_stay_without() {
    let mut play = Play::without_proxy(Config::default());
    play.connected(Tcp, who(1), Verdict::Divert);
    play.packet(&syn(100));
    play.machine.handle_proxy_ready(play.now);
    play.packet(&syn(100));
    play.packet(&ack((101, 1), b"hello"));
    assert_eq!((play.diverted.len(), play.injected.len()), (0, 3));
}

#[test]
fn it_reaches_nobody_but_the_clients_of_its_flows() {
    let mut play = established();
    let before = play.injected.len();
    let others = [
        tcp(server(), (HERE, 22).into(), TcpFlags::SYN, (1, 0), &[]),
        tcp((THERE, 80).into(), client(), TcpFlags::ACK, (1, 1), &[]),
        // As the client, towards the server.
        ack((106, 7007), b"forged"),
        udp(server(), client(), b"of another protocol"),
    ];
    others.iter().for_each(|packet| play.reply(packet));
    play.reply(b"no packet at all");
    assert_eq!(play.injected.len(), before);
    assert_eq!(play.machine.counters().replies_astray, 4);
    assert_eq!(play.machine.counters().replies_malformed.total(), 1);
}

#[test]
fn errors_go_to_whom_they_are_about() {
    let mut play = Play::new(Config::default());
    play.event(Operation::Bind, Udp, Who { remote: nowhere(), ..who(1) });
    play.answer(1, Verdict::Divert);
    let question = udp(client(), server(), b"question");
    play.packet(&question);
    play.taken();
    // The proxy could not reach the server.
    let unreachable = |about: &[u8], from| {
        let mut packet = Vec::new();
        let about = Packet::parse(about, Checksum::Complete).unwrap();
        build::unreachable(&mut packet, &about, Unreachable::Port, from).unwrap();
        packet
    };
    play.reply(&unreachable(&question, server().ip()));
    assert_eq!(play.injected.len(), 1);
    // Nor may it tell others so.
    let other = udp((HERE, 22).into(), server(), b"not diverted");
    play.reply(&unreachable(&other, server().ip()));
    assert_eq!(play.injected.len(), 1);
    // The program has gone when the answer comes.
    play.packet(&unreachable(&udp(server(), client(), b"answer"), client().ip()));
    assert_eq!((play.diverted.len(), play.injected.len()), (2, 1));
    assert_eq!(play.diverted[1].1.flow, play.diverted[0].1.flow);
}

#[test]
fn a_connection_that_ended_is_not_reset() {
    let mut play = established();
    let fin = TcpFlags::FIN | TcpFlags::ACK;
    play.packet(&tcp(client(), server(), fin, (106, 7007), &[]));
    play.reply(&tcp(server(), client(), fin, (7007, 107), &[]));
    play.proxy_gone();
    assert_eq!(play.machine.counters().resets, 0);
}

#[test]
fn calls_to_windivert_are_bounded() {
    let mut machine =
        sidestream_divert::Diverter::new(Config::default(), std::time::Instant::now());
    let now = std::time::Instant::now();
    for _ in 0..600 {
        machine.handle_packet(&mut udp(client(), server(), b"x"), OUT, now);
    }
    let mut lens = Vec::new();
    while let sidestream_divert::Output::Inject(batch) = machine.poll_output(now) {
        lens.push(batch.len());
    }
    assert_eq!(lens, [255, 255, 90]);
}
