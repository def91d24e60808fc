//! Packets that nobody should send: counted, answered where answers are due, forgotten.

use std::time::Instant;

use proptest::prelude::*;
use sidestream_netstack::{Config, Netstack, Output, Usage};
use sidestream_packet::{Checksum, Offload, Packet, TcpFlags, build};

fn stack() -> (Netstack, Instant) {
    let now = Instant::now();
    (Netstack::new(Config::default(), 1, now), now)
}

/// Hands one packet in; returns what comes out, one line each.
fn answers(packet: &[u8], offload: Offload) -> (Vec<String>, Netstack) {
    let (mut stack, now) = stack();
    stack.handle_packet(&mut packet.to_vec(), offload, now);
    let mut lines = Vec::new();
    loop {
        match stack.poll_output(now) {
            Output::Wait(_) => return (lines, stack),
            Output::Packet { bytes, .. } => {
                lines.push(Packet::parse(bytes, Checksum::Complete).unwrap().to_string());
            }
            output => lines.push(format!("{output:?}")),
        }
    }
}

fn tcp(flags: TcpFlags) -> Vec<u8> {
    tcp_from("10.0.0.2:4000", "192.0.2.1:80", flags)
}

fn tcp_from(client: &str, server: &str, flags: TcpFlags) -> Vec<u8> {
    let header = build::TcpHeader { sequence: 7, acknowledgment: 9, flags, ..Default::default() };
    let mut bytes = Vec::new();
    let (client, server) = (client.parse().unwrap(), server.parse().unwrap());
    build::tcp(&mut bytes, client, server, &header, &[]).unwrap();
    bytes
}

#[track_caller]
fn check_defect(packet: &[u8], expected: &str) {
    let (lines, stack) = answers(packet, Offload::default());
    assert_eq!(lines, Vec::<String>::new());
    assert_eq!(stack.counters().defects.to_string(), expected);
    assert_eq!(stack.usage(), Usage::default());
}

#[test]
fn defects_are_counted_by_their_kind() {
    let syn = tcp(TcpFlags::SYN);
    check_defect(&[], "truncated 1");
    check_defect(&syn[..30], "truncated 1");
    let mut bad = syn;
    *bad.last_mut().unwrap() ^= 1;
    check_defect(&bad, "bad-checksum 1");
    check_defect(&tcp(TcpFlags::SYN | TcpFlags::FIN), "impossible-flags 1");
    check_defect(&tcp(TcpFlags(0)), "impossible-flags 1");
    check_defect(&tcp_from("10.0.0.2:80", "10.0.0.2:80", TcpFlags::SYN), "land 1");
    check_defect(&tcp_from("224.0.0.1:80", "10.0.0.2:80", TcpFlags::SYN), "source-multicast 1");
    check_defect(&tcp_from("0.0.0.0:80", "10.0.0.2:80", TcpFlags::SYN), "source-unspecified 1");
    let multicast = tcp_from("10.0.0.2:80", "224.0.0.1:80", TcpFlags::SYN);
    check_defect(&multicast, "destination-multicast 1");
}

#[test]
fn a_segment_without_a_stream_is_answered_with_a_reset() {
    let (lines, stack) = answers(&tcp(TcpFlags::ACK), Offload::default());
    assert_eq!(lines, ["192.0.2.1:80 > 10.0.0.2:4000: tcp [R] seq 9 win 0 len 0"]);
    assert_eq!(stack.counters().strays, 1);
    let (lines, stack) = answers(&tcp(TcpFlags::RST), Offload::default());
    assert_eq!(lines, Vec::<String>::new());
    assert_eq!(stack.usage(), Usage::default());
}

#[test]
fn a_forged_acknowledgment_opens_nothing() {
    let (mut stack, now) = stack();
    stack.handle_packet(&mut tcp(TcpFlags::SYN), Offload::default(), now);
    let Output::Syn { id, .. } = stack.poll_output(now) else { panic!("no syn") };
    stack.accept(id, now);
    while !matches!(stack.poll_output(now), Output::Wait(_)) {}
    let mut forged = tcp(TcpFlags::ACK);
    stack.handle_packet(&mut forged, Offload::default(), now);
    let Output::Packet { bytes, .. } = stack.poll_output(now) else { panic!("no answer") };
    let line = Packet::parse(bytes, Checksum::Complete).unwrap().to_string();
    assert_eq!(line, "192.0.2.1:80 > 10.0.0.2:4000: tcp [R] seq 9 win 0 len 0");
    assert!(matches!(stack.poll_output(now), Output::Wait(_)), "nothing became writable");
}

#[test]
fn a_handshake_that_is_never_completed_ends() {
    let (mut stack, mut now) = stack();
    stack.handle_packet(&mut tcp(TcpFlags::SYN), Offload::default(), now);
    let Output::Syn { id, .. } = stack.poll_output(now) else { panic!("no syn") };
    stack.accept(id, now);
    let mut reset = false;
    for _ in 0..40 {
        now += std::time::Duration::from_secs(1);
        stack.handle_timeout(now);
        loop {
            match stack.poll_output(now) {
                Output::Wait(_) => break,
                Output::Reset(ended) => reset = ended == id,
                _ => {}
            }
        }
    }
    assert!(reset);
    assert_eq!(stack.usage(), Usage::default());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..Default::default() })]

    /// Segments of one connection with any numbers, flags and lengths, at any time.
    #[test]
    fn no_segments_whatever_break_the_stack(
        segments in prop::collection::vec(
            (0..5_u32, -70_000..70_000_i32, -70_000..70_000_i32, 0..0x200_u16, any::<u16>(), 0..3000_usize, 0..4_u8),
            1..80,
        )
    ) {
        let (mut stack, mut now) = stack();
        let (client, server) = ("10.0.0.2:4000".parse().unwrap(), "192.0.2.1:80".parse().unwrap());
        let (mut theirs, mut id) = (0_u32, None);
        for (kind, sequence, acknowledgment, flags, window, len, act) in segments {
            let flags = match kind {
                0 => TcpFlags::SYN,
                1 | 2 => TcpFlags::ACK,
                3 => TcpFlags::ACK | TcpFlags::FIN,
                _ => TcpFlags(flags),
            };
            let (sequence, acknowledgment) = match kind {
                0 => (1000, 0),
                1 => (1001, theirs),
                _ => (1001_u32.wrapping_add_signed(sequence), theirs.wrapping_add_signed(acknowledgment)),
            };
            let options = match kind {
                0 if window % 2 == 0 => vec![1, 3, 3, 7, 1, 1, 4, 2],
                2.. if window % 3 == 0 => blocks(theirs, [acknowledgment.cast_signed(), sequence.cast_signed()]),
                _ => Vec::new(),
            };
            let header = build::TcpHeader { sequence, acknowledgment, flags, window, options: &options };
            let mut bytes = Vec::new();
            build::tcp(&mut bytes, client, server, &header, &vec![0; len]).unwrap();
            stack.handle_packet(&mut bytes, Offload::default(), now);
            now += std::time::Duration::from_millis(u64::from(window) / 16);
            stack.handle_timeout(now);
            for _ in 0..10_000 {
                match stack.poll_output(now) {
                    Output::Wait(_) => break,
                    Output::Syn { id: new, .. } => {
                        stack.accept(new, now);
                        id = Some(new);
                    }
                    Output::Packet { bytes, .. } => {
                        let packet = Packet::parse(bytes, Checksum::Complete).unwrap();
                        if let sidestream_packet::Transport::Tcp(tcp) = packet.transport()
                            && tcp.flags().contains(TcpFlags::SYN)
                        {
                            theirs = tcp.sequence().wrapping_add(1);
                        }
                    }
                    _ => {}
                }
            }
            let Some(id) = id else { continue };
            match act {
                0 => { stack.read(id, |bytes| bytes.len()); }
                1 => { stack.write(id, &[1; 5000], now); }
                2 if len % 5 == 0 => stack.shutdown(id, now),
                _ => {}
            }
        }
    }
}

/// Blocks of selective acknowledgment that begin and end anywhere.
fn blocks(first: u32, at: [i32; 2]) -> Vec<u8> {
    let mut options = vec![1, 1, 5, 18];
    for at in at {
        let from = first.wrapping_add_signed(at % 9000);
        options.extend(from.to_be_bytes());
        options.extend(from.wrapping_add(1 + at.unsigned_abs() % 3000).to_be_bytes());
    }
    options
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(256)
}
