//! A client whose every segment a test writes by hand, in numbers that begin at zero both ways.

use std::time::{Duration, Instant};

use sidestream_netstack::{Config, Netstack, Output, StreamId};
use sidestream_packet::{Checksum, Offload, Packet, TcpFlags, TcpOption, Transport, build};

pub(crate) struct Hand {
    pub(crate) stack: Netstack,
    pub(crate) id: StreamId,
    pub(crate) now: Instant,
    /// The first numbers of what the client gets, and of what it sends.
    pub(crate) first: (u32, u32),
    /// What the client has sent, of its own.
    pub(crate) has_sent: u32,
    window: u16,
}

const CLIENT: &str = "10.0.0.2:4000";
const SERVER: &str = "192.0.2.1:80";
/// Segments of 1,000 bytes, windows shifted by seven bits, selective acknowledgments.
const OPTIONS: [u8; 12] = [2, 4, 0x03, 0xe8, 1, 3, 3, 7, 1, 1, 4, 2];
/// How long the client takes to answer the handshake.
pub(crate) const ROUND_TRIP: Duration = Duration::from_millis(10);

impl Hand {
    /// Opens a connection with a client that knows all options, or none but the segment size.
    pub(crate) fn open(config: Config, knows_options: bool) -> Self {
        let mut now = Instant::now();
        let mut stack = Netstack::new(config, 1, now);
        let options = if knows_options { &OPTIONS[..] } else { &OPTIONS[..4] };
        let mut syn = segment(99, 0, TcpFlags::SYN, 60_000, options, 0);
        stack.handle_packet(&mut syn, Offload::default(), now);
        let Output::Syn { id, .. } = stack.poll_output(now) else { panic!("no syn") };
        stack.accept(id, now);
        let Output::Packet { bytes, .. } = stack.poll_output(now) else { panic!("no answer") };
        let packet = Packet::parse(bytes, Checksum::Complete).unwrap();
        let Transport::Tcp(tcp) = packet.transport() else { panic!("no tcp") };
        let first = (tcp.sequence().wrapping_add(1), 100);
        now += ROUND_TRIP;
        let window = if knows_options { 1000 } else { 60_000 };
        let mut hand = Self { stack, id, now, first, has_sent: 0, window };
        hand.acknowledge(0, &[]);
        assert_eq!(hand.sent(), [""; 0]);
        hand
    }

    /// The server sends that much.
    pub(crate) fn write(&mut self, len: usize) {
        assert_eq!(self.stack.write(self.id, &vec![7; len], self.now), len);
    }

    /// The server sends as much as there is room for; answers how much that was.
    pub(crate) fn fill(&mut self) -> u32 {
        let len = self.stack.write(self.id, &[7; 1 << 20], self.now);
        u32::try_from(len).unwrap()
    }

    /// The client acknowledges what comes before a number, and blocks that came out of order.
    pub(crate) fn acknowledge(&mut self, number: u32, blocks: &[(u32, u32)]) {
        let mut options = Vec::new();
        if !blocks.is_empty() {
            options.extend([1, 1, 5, u8::try_from(2 + 8 * blocks.len()).unwrap()]);
            for (from, to) in blocks {
                options.extend(self.first.0.wrapping_add(*from).to_be_bytes());
                options.extend(self.first.0.wrapping_add(*to).to_be_bytes());
            }
        }
        let number = self.first.0.wrapping_add(number);
        let at = self.first.1.wrapping_add(self.has_sent);
        let mut bytes = segment(at, number, TcpFlags::ACK, self.window, &options, 0);
        self.stack.handle_packet(&mut bytes, Offload::default(), self.now);
    }

    /// The client sends a range.
    pub(crate) fn send(&mut self, from: u32, to: u32) {
        let at = self.first.1.wrapping_add(from);
        let len = (to - from) as usize;
        let mut bytes = segment(at, self.first.0, TcpFlags::ACK, self.window, &[], len);
        self.stack.handle_packet(&mut bytes, Offload::default(), self.now);
    }

    /// The client sends a range; answers whether all before its end is acknowledged then.
    pub(crate) fn send_and_tell(&mut self, from: u32, to: u32) -> bool {
        self.send(from, to);
        self.sent().last().is_some_and(|line| *line == format!("ack {to}"))
    }

    /// Takes what the stack sends now, in short words.
    pub(crate) fn sent(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.stack.poll_output(self.now) {
                Output::Wait(_) => return lines,
                Output::Packet { bytes, .. } => {
                    let packet = Packet::parse(bytes, Checksum::Complete).unwrap();
                    lines.push(words(&packet, self.first));
                }
                _ => {}
            }
        }
    }

    /// Lets time pass, and takes what the stack sends meanwhile.
    pub(crate) fn pass(&mut self, time: Duration) -> Vec<String> {
        let (end, mut lines) = (self.now + time, Vec::new());
        loop {
            let wait = loop {
                match self.stack.poll_output(self.now) {
                    Output::Wait(at) => break at,
                    Output::Packet { bytes, .. } => {
                        let packet = Packet::parse(bytes, Checksum::Complete).unwrap();
                        lines.push(words(&packet, self.first));
                    }
                    _ => {}
                }
            };
            let Some(at) = wait.filter(|at| *at <= end) else { break };
            assert!(at > self.now || lines.len() < 10_000, "it turns in circles");
            self.now = at.max(self.now + Duration::from_micros(10));
            self.stack.handle_timeout(self.now);
        }
        self.now = end;
        lines
    }
}

fn words(packet: &Packet<'_>, first: (u32, u32)) -> String {
    let Transport::Tcp(tcp) = packet.transport() else { return packet.to_string() };
    let from = tcp.sequence().wrapping_sub(first.0);
    let to = from.wrapping_add(tcp.sequence_len());
    let mut words = if from == to {
        format!("ack {}", tcp.acknowledgment().wrapping_sub(first.1))
    } else {
        format!("{from}..{to}")
    };
    if tcp.flags().contains(TcpFlags::FIN) {
        words.push_str(" fin");
    }
    for option in tcp.options() {
        let TcpOption::Sack(data) = option else { continue };
        let (numbers, _) = data.as_chunks::<4>();
        for pair in numbers.chunks(2) {
            let [from, to] =
                [pair[0], pair[1]].map(|at| u32::from_be_bytes(at).wrapping_sub(first.1));
            words.push_str(&format!(" {from}..{to}"));
        }
    }
    words
}

fn segment(
    sequence: u32,
    acknowledgment: u32,
    flags: TcpFlags,
    window: u16,
    options: &[u8],
    len: usize,
) -> Vec<u8> {
    let header = build::TcpHeader { sequence, acknowledgment, flags, window, options };
    let (client, server) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
    let mut bytes = Vec::new();
    build::tcp(&mut bytes, client, server, &header, &vec![1; len]).unwrap();
    bytes
}
