//! What streams cost: memory while they are silent, and work that does not grow with their number.

use std::time::{Duration, Instant};

use allocation_counter::measure;
use sidestream_netstack::{Config, Netstack, Output};
use sidestream_packet::{Checksum, Offload, Packet, TcpFlags, Transport, build};

/// Opens a stream by hand, and returns the client's and the stack's next numbers.
fn open(stack: &mut Netstack, flow: u32, now: Instant) -> (u32, u32) {
    let mut syn = segment(flow, flow, 0, TcpFlags::SYN, &[]);
    stack.handle_packet(&mut syn, Offload::default(), now);
    let Output::Syn { id, .. } = stack.poll_output(now) else { panic!("no syn") };
    stack.accept(id, now);
    let Output::Packet { bytes, .. } = stack.poll_output(now) else { panic!("no answer") };
    let packet = Packet::parse(bytes, Checksum::Complete).unwrap();
    let Transport::Tcp(tcp) = packet.transport() else { panic!("no tcp") };
    let theirs = tcp.sequence() + 1;
    let mut ack = segment(flow, flow + 1, theirs, TcpFlags::ACK, &[]);
    stack.handle_packet(&mut ack, Offload::default(), now);
    drain(stack, now);
    (flow + 1, theirs)
}

fn segment(flow: u32, sequence: u32, acknowledgment: u32, flags: TcpFlags, data: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = flow.to_be_bytes();
    let options: &[u8] = if flags == TcpFlags::SYN { &[2, 4, 5, 180, 1, 3, 3, 7] } else { &[] };
    let header = build::TcpHeader { sequence, acknowledgment, flags, window: 1000, options };
    let mut bytes = Vec::new();
    let client = ([10, a, b, c], 4000).into();
    build::tcp(&mut bytes, client, ([192, 0, 2, 1], 80).into(), &header, data).unwrap();
    bytes
}

fn drain(stack: &mut Netstack, now: Instant) -> usize {
    let mut packets = 0;
    loop {
        match stack.poll_output(now) {
            Output::Wait(_) => return packets,
            Output::Packet { .. } => packets += 1,
            _ => {}
        }
    }
}

#[test]
fn five_thousand_silent_streams_cost_little() {
    let mut now = Instant::now();
    let mut stack = Netstack::new(Config::default(), 1, now);
    let info = measure(|| {
        for flow in 0..5000 {
            open(&mut stack, flow, now);
        }
    });
    let busy = info.bytes_current;
    let info = measure(|| {
        for _ in 0..30 {
            now += Duration::from_millis(100);
            stack.handle_timeout(now);
            drain(&mut stack, now);
        }
    });
    let resting = busy + info.bytes_current;
    assert_eq!(stack.usage().resting, 5000);
    let kilobytes = |bytes: i64| bytes / 1024;
    println!("5,000 streams: {} KiB busy, {} KiB silent", kilobytes(busy), kilobytes(resting));
    assert!(kilobytes(busy) < 400_000, "{busy}");
    assert!(kilobytes(resting) < 5_000, "{resting}");
}

#[test]
fn a_packet_of_one_stream_costs_the_same_among_many() {
    let (few, many) = (work_among(10), work_among(10_000));
    assert_eq!(few, many);
}

/// Returns the steps of the TCP machine, and the allocations and bytes of them, for one request
/// and its answer among that many streams.
fn work_among(streams: u32) -> (u64, u64, u64) {
    let now = Instant::now();
    let mut stack = Netstack::new(Config { max_buffer: 4096, ..Config::default() }, 1, now);
    let mut last = (0, 0);
    for flow in 0..streams {
        last = open(&mut stack, flow, now);
    }
    let (ours, theirs) = last;
    let mut request = segment(streams - 1, ours, theirs, TcpFlags::ACK, b"request");
    let steps = stack.counters().steps;
    let info = measure(|| {
        stack.handle_packet(&mut request, Offload::default(), now);
        let Output::Readable(id) = stack.poll_output(now) else { panic!("nothing to read") };
        assert_eq!(stack.read(id, |bytes| bytes.len()), 7);
        assert_eq!(stack.write(id, b"answer", now), 6);
        assert_eq!(drain(&mut stack, now), 1, "the answer acknowledges the request");
    });
    (stack.counters().steps - steps, info.count_total, info.bytes_total)
}

#[test]
fn a_waiting_connection_costs_little() {
    let now = Instant::now();
    let config = Config { max_waiting: 1000, ..Config::default() };
    let mut stack = Netstack::new(config, 1, now);
    let info = measure(|| {
        for flow in 0..50_000 {
            let mut syn = segment(flow, flow, 0, TcpFlags::SYN, &[]);
            stack.handle_packet(&mut syn, Offload::default(), now);
            drain(&mut stack, now);
        }
    });
    assert!(info.bytes_max < 2 << 20, "{info:?}");
}
