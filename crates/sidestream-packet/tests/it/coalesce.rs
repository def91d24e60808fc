//! Segments that came one by one are merged, and can be cut again.

use insta::assert_snapshot;
use proptest::collection::vec;
use proptest::prelude::*;
use sidestream_packet::build::{self, TcpHeader};
use sidestream_packet::{Checksum, Coalescer, Offload, Packet, TcpFlags, segment};

use crate::arbitrary;
use crate::hand::{end, seal, tcp, udp};

/// Gives packets to a coalescer, and tells what comes out as soon as it does.
#[derive(Default)]
struct Play {
    coalescer: Coalescer,
    out: Vec<(Vec<u8>, Offload)>,
    transcript: String,
}

impl Play {
    fn push(&mut self, bytes: &[u8]) {
        let packet = Packet::parse(bytes, Checksum::Complete).unwrap();
        self.transcript += &format!(">> {packet}\n");
        let before = self.out.len();
        self.coalescer.push(&packet, Offload::default(), |bytes, offload| {
            self.out.push((bytes.to_vec(), offload));
        });
        self.tell(before);
    }

    fn flush(&mut self) {
        let before = self.out.len();
        self.coalescer.flush(|bytes, offload| self.out.push((bytes.to_vec(), offload)));
        self.transcript += ">> flush\n";
        self.tell(before);
    }

    fn tell(&mut self, before: usize) {
        for (bytes, offload) in &self.out[before..] {
            let packet = Packet::parse(bytes, offload.checksum).unwrap();
            let size = offload.segment_size.map_or(String::new(), |size| format!(" of {size}"));
            self.transcript += &format!("   << {packet}{size}\n");
        }
    }

    /// The packets that those which came out stand for.
    fn segments(&self) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        for (bytes, offload) in &self.out {
            segment(bytes, *offload, |packet| packets.push(packet.to_vec())).unwrap();
        }
        packets
    }
}

fn data(port: u16, sequence: u32, flags: TcpFlags, len: usize) -> Vec<u8> {
    let fields = TcpHeader { sequence, flags, ..TcpHeader::default() };
    let mut bytes = Vec::new();
    build::tcp(&mut bytes, end(true, 1, port), end(true, 2, 80), &fields, &vec![7; len]).unwrap();
    bytes
}

#[test]
fn segments_merge_until_a_push() {
    let mut play = Play::default();
    play.push(&data(1, 0, TcpFlags::ACK, 100));
    play.push(&data(1, 100, TcpFlags::ACK, 100));
    play.push(&data(1, 200, TcpFlags::ACK | TcpFlags::PSH, 50));
    play.push(&data(1, 250, TcpFlags::ACK, 100));
    play.flush();
    assert_snapshot!(play.transcript, @r"
    >> 192.0.2.1:1 > 192.0.2.2:80: tcp [.] seq 0 ack 0 win 0 len 100
    >> 192.0.2.1:1 > 192.0.2.2:80: tcp [.] seq 100 ack 0 win 0 len 100
    >> 192.0.2.1:1 > 192.0.2.2:80: tcp [P.] seq 200 ack 0 win 0 len 50
       << 192.0.2.1:1 > 192.0.2.2:80: tcp [P.] seq 0 ack 0 win 0 len 250 of 100
    >> 192.0.2.1:1 > 192.0.2.2:80: tcp [.] seq 250 ack 0 win 0 len 100
    >> flush
       << 192.0.2.1:1 > 192.0.2.2:80: tcp [.] seq 250 ack 0 win 0 len 100
    ");
}

#[test]
fn a_short_segment_ends_and_a_long_or_late_one_begins_anew() {
    let mut play = Play::default();
    play.push(&data(1, 0, TcpFlags::ACK, 100));
    play.push(&data(1, 100, TcpFlags::ACK, 99));
    play.push(&data(1, 199, TcpFlags::ACK, 10));
    play.push(&data(1, 209, TcpFlags::ACK, 100));
    play.push(&data(1, 400, TcpFlags::ACK, 100));
    play.flush();
    assert_snapshot!(play.transcript, @r"
    >> 192.0.2.1:1 > 192.0.2.2:80: tcp [.] seq 0 ack 0 win 0 len 100
    >> 192.0.2.1:1 > 192.0.2.2:80: tcp [.] seq 100 ack 0 win 0 len 99
       << 192.0.2.1:1 > 192.0.2.2:80: tcp [.] seq 0 ack 0 win 0 len 199 of 100
    >> 192.0.2.1:1 > 192.0.2.2:80: tcp [.] seq 199 ack 0 win 0 len 10
    >> 192.0.2.1:1 > 192.0.2.2:80: tcp [.] seq 209 ack 0 win 0 len 100
       << 192.0.2.1:1 > 192.0.2.2:80: tcp [.] seq 199 ack 0 win 0 len 10
    >> 192.0.2.1:1 > 192.0.2.2:80: tcp [.] seq 400 ack 0 win 0 len 100
       << 192.0.2.1:1 > 192.0.2.2:80: tcp [.] seq 209 ack 0 win 0 len 100
    >> flush
       << 192.0.2.1:1 > 192.0.2.2:80: tcp [.] seq 400 ack 0 win 0 len 100
    ");
}

#[test]
fn flows_do_not_hold_each_other_up_and_keep_their_order() {
    let mut play = Play::default();
    play.push(&data(1, 0, TcpFlags::ACK, 100));
    play.push(&data(2, 0, TcpFlags::ACK, 100));
    play.push(&udp(true, b"between"));
    play.push(&data(1, 100, TcpFlags::ACK, 100));
    play.push(&data(2, 100, TcpFlags::ACK, 100));
    play.push(&data(2, 200, TcpFlags::ACK, 0));
    play.push(&data(1, 200, TcpFlags::RST | TcpFlags::ACK, 0));
    play.flush();
    assert_snapshot!(play.transcript, @r"
    >> 192.0.2.1:1 > 192.0.2.2:80: tcp [.] seq 0 ack 0 win 0 len 100
    >> 192.0.2.1:2 > 192.0.2.2:80: tcp [.] seq 0 ack 0 win 0 len 100
    >> 192.0.2.1:4000 > 192.0.2.2:53: udp len 7
       << 192.0.2.1:4000 > 192.0.2.2:53: udp len 7
    >> 192.0.2.1:1 > 192.0.2.2:80: tcp [.] seq 100 ack 0 win 0 len 100
    >> 192.0.2.1:2 > 192.0.2.2:80: tcp [.] seq 100 ack 0 win 0 len 100
    >> 192.0.2.1:2 > 192.0.2.2:80: tcp [.] seq 200 ack 0 win 0 len 0
       << 192.0.2.1:2 > 192.0.2.2:80: tcp [.] seq 0 ack 0 win 0 len 200 of 100
       << 192.0.2.1:2 > 192.0.2.2:80: tcp [.] seq 200 ack 0 win 0 len 0
    >> 192.0.2.1:1 > 192.0.2.2:80: tcp [R.] seq 200 ack 0 win 0 len 0
       << 192.0.2.1:1 > 192.0.2.2:80: tcp [.] seq 0 ack 0 win 0 len 200 of 100
       << 192.0.2.1:1 > 192.0.2.2:80: tcp [R.] seq 200 ack 0 win 0 len 0
    >> flush
    ");
}

#[test]
fn what_differs_in_any_header_does_not_merge() {
    let check = |what: &str, change: &dyn Fn(&mut Vec<u8>)| {
        for v4 in [true, false] {
            let first = tcp(v4, TcpFlags::ACK, &[7; 100]);
            let mut second = first.clone();
            let start = if v4 { 20 } else { 40 };
            second[start + 4..start + 8].copy_from_slice(&1100u32.to_be_bytes());
            if v4 {
                second[5] = 1;
            }
            change(&mut second);
            seal(&mut second);
            let mut play = Play::default();
            play.push(&first);
            play.push(&second);
            play.flush();
            assert_eq!(play.segments(), [first, second]);
            let merged = what.is_empty();
            assert_eq!(play.out.len(), if merged { 1 } else { 2 }, "{what} v4: {v4}");
        }
    };
    let transport = |it: &[u8]| if it[0] >> 4 == 4 { 20 } else { 40 };
    let tcp = |at: usize, bit: u8| {
        move |it: &mut Vec<u8>| {
            let start = transport(it);
            it[start + at] ^= bit;
        }
    };
    check("", &|_| {});
    check("source port", &tcp(1, 1));
    check("destination port", &tcp(3, 1));
    check("acknowledgment", &tcp(11, 1));
    check("echo of congestion", &tcp(13, 0x40));
    check("reduced window", &tcp(13, 0x80));
    check("accurate congestion", &tcp(12, 1));
    check("urgent", &tcp(13, 0x20));
    check("window", &tcp(15, 1));
    check("congestion", &|it| it[1] ^= if it[0] >> 4 == 4 { 2 } else { 0x20 });
    check("hop limit", &|it| {
        let at = if transport(it) == 20 { 8 } else { 7 };
        it[at] -= 1;
    });
    check("label or fragmentation", &|it| {
        if transport(it) == 20 { it[6] ^= 0x40 } else { it[3] = 1 }
    });
}

#[test]
fn a_packet_never_grows_beyond_what_its_length_can_say() {
    let mut play = Play::default();
    for index in 0..100 {
        play.push(&data(1, index * 1400, TcpFlags::ACK, 1400));
    }
    play.flush();
    let lens: Vec<_> = play.out.iter().map(|(bytes, _)| bytes.len()).collect();
    assert_eq!(lens, [64_440, 64_440, 11_240]);
}

#[test]
fn more_flows_than_it_gathers_at_once_still_come_out() {
    let mut play = Play::default();
    let packets: Vec<_> = (1..=20).map(|port| data(port, 0, TcpFlags::ACK, 100)).collect();
    packets.iter().for_each(|packet| play.push(packet));
    assert_eq!(play.out.len(), 12);
    play.flush();
    assert_eq!(play.segments(), packets);
}

proptest! {
    #[test]
    fn cutting_what_was_merged_gives_the_segments_back(
        v4: bool,
        sequence: u32,
        writes in vec((1usize..6000, any::<bool>()), 1..10),
        size in 100usize..1460,
        options in arbitrary::options(),
    ) {
        let mut play = Play::default();
        let mut packets: Vec<Vec<u8>> = Vec::new();
        let mut sequence = sequence;
        for (len, push) in writes {
            let payload: Vec<u8> = (0..len).map(|at| at.to_le_bytes()[0]).collect();
            let chunks = payload.chunks(size);
            let count = chunks.len();
            for (index, chunk) in chunks.enumerate() {
                let mut flags = TcpFlags::ACK;
                if push && index + 1 == count {
                    flags = flags | TcpFlags::PSH;
                }
                let fields = TcpHeader { sequence, acknowledgment: 9, flags, window: 5, options };
                let mut bytes = Vec::new();
                let (client, server) = (end(v4, 1, 4000), end(v4, 2, 80));
                build::tcp(&mut bytes, client, server, &fields, chunk).unwrap();
                if v4 {
                    let id = u16::try_from(packets.len()).unwrap();
                    bytes[4..6].copy_from_slice(&id.to_be_bytes());
                    seal(&mut bytes);
                }
                play.push(&bytes);
                packets.push(bytes);
                sequence = sequence.wrapping_add(u32::try_from(chunk.len()).unwrap());
            }
        }
        play.flush();
        prop_assert!(play.out.len() <= packets.len());
        prop_assert_eq!(play.segments(), packets);
    }
}
