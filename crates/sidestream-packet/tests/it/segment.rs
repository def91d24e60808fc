//! A packet that stands for several is cut into those.

use insta::assert_snapshot;
use proptest::prelude::*;
use sidestream_packet::build::TcpHeader;
use sidestream_packet::{Checksum, Defect, Offload, Packet, TcpFlags, Transport, segment};

use crate::arbitrary;
use crate::hand::{make_partial, tcp, tcp_with, udp};

/// The packets that a packet stands for, all verified.
fn cut(bytes: &[u8], checksum: Checksum, size: u16) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let offload = Offload { checksum, segment_size: Some(size) };
    let count = segment(bytes, offload, |packet| packets.push(packet.to_vec())).unwrap();
    assert_eq!(count, packets.len());
    packets
}

fn lines(packets: &[Vec<u8>]) -> String {
    let line = |bytes: &Vec<u8>| {
        let packet = Packet::parse(bytes, Checksum::Complete).unwrap();
        let id = if bytes[0] >> 4 == 4 { format!(" id {}", bytes[5]) } else { String::new() };
        format!("{packet}{id}\n")
    };
    packets.iter().map(line).collect()
}

#[test]
fn fin_and_push_are_of_the_last_segment_and_the_reduced_window_of_the_first() {
    let flags = TcpFlags::ACK | TcpFlags::PSH | TcpFlags::FIN | TcpFlags::CWR;
    let fields = TcpHeader {
        sequence: u32::MAX - 1000,
        acknowledgment: 7,
        flags,
        window: 64,
        options: &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2],
    };
    let packets = [true, false].map(|v4| {
        let mut bytes = tcp_with(v4, &fields, &[7; 2500]);
        let partial = make_partial(&mut bytes);
        lines(&cut(&bytes, partial, 1000))
    });
    assert_snapshot!(packets.concat(), @r"
    192.0.2.1:4000 > 192.0.2.2:443: tcp [W.] seq 4294966295 ack 7 win 64 <ts 1 2> len 1000 id 0
    192.0.2.1:4000 > 192.0.2.2:443: tcp [.] seq 4294967295 ack 7 win 64 <ts 1 2> len 1000 id 1
    192.0.2.1:4000 > 192.0.2.2:443: tcp [FP.] seq 999 ack 7 win 64 <ts 1 2> len 500 id 2
    [2001:db8::1]:4000 > [2001:db8::2]:443: tcp [W.] seq 4294966295 ack 7 win 64 <ts 1 2> len 1000
    [2001:db8::1]:4000 > [2001:db8::2]:443: tcp [.] seq 4294967295 ack 7 win 64 <ts 1 2> len 1000
    [2001:db8::1]:4000 > [2001:db8::2]:443: tcp [FP.] seq 999 ack 7 win 64 <ts 1 2> len 500
    ");
}

#[test]
fn datagrams_are_cut_into_datagrams() {
    let packets = [true, false].map(|v4| lines(&cut(&udp(v4, &[7; 25]), Checksum::Complete, 10)));
    assert_snapshot!(packets.concat(), @r"
    192.0.2.1:4000 > 192.0.2.2:53: udp len 10 id 0
    192.0.2.1:4000 > 192.0.2.2:53: udp len 10 id 1
    192.0.2.1:4000 > 192.0.2.2:53: udp len 5 id 2
    [2001:db8::1]:4000 > [2001:db8::2]:53: udp len 10
    [2001:db8::1]:4000 > [2001:db8::2]:53: udp len 10
    [2001:db8::1]:4000 > [2001:db8::2]:53: udp len 5
    ");
}

#[test]
fn a_packet_that_stands_for_itself_comes_out_alone_and_complete() {
    let whole = tcp(true, TcpFlags::ACK, b"hello");
    let mut bytes = whole.clone();
    let partial = make_partial(&mut bytes);
    let expected = [whole];
    assert_eq!(cut(&bytes, partial, 5), expected);
    assert_eq!(cut(&bytes, Checksum::Verified, 5), expected, "vouched for");
    assert_eq!(cut(&expected[0], Checksum::Complete, 5), expected);
}

#[test]
fn what_cannot_stand_for_several_is_refused() {
    let check = |bytes: &[u8], size: u16| {
        let offload = Offload { checksum: Checksum::Complete, segment_size: Some(size) };
        let cut = segment(bytes, offload, |_| unreachable!("nothing comes out"));
        assert_eq!(cut, Err(Defect::BadOffload));
    };
    check(&tcp(true, TcpFlags::ACK, b"hello"), 0);
    check(&tcp(true, TcpFlags::SYN, b"hello"), 2);
    check(&tcp(true, TcpFlags::RST, b"hello"), 2);
    let mut echo = udp(true, b"hello");
    echo[9] = 47;
    crate::hand::seal(&mut echo);
    check(&echo, 2);
}

proptest! {
    #[test]
    fn segments_carry_the_payload_in_order_and_fit(
        packet in prop_oneof![arbitrary::tcp(), arbitrary::udp()],
        size in 1u16..2000,
    ) {
        let mut bytes = packet.clone();
        let partial = make_partial(&mut bytes);
        let offload = Offload { checksum: partial, segment_size: Some(size) };
        let mut payload = Vec::new();
        let mut next = None;
        let result = segment(&bytes, offload, |bytes| {
            let packet = Packet::parse(bytes, Checksum::Complete).unwrap();
            let part = match packet.transport() {
                Transport::Tcp(tcp) => {
                    assert_eq!(next.unwrap_or_else(|| tcp.sequence()), tcp.sequence());
                    next = Some(tcp.sequence().wrapping_add(tcp.sequence_len()));
                    tcp.payload()
                }
                Transport::Udp(udp) => udp.payload(),
                other => panic!("{other:?}"),
            };
            payload.extend_from_slice(part);
        });
        let whole = Packet::parse(&packet, Checksum::Complete).unwrap();
        match whole.transport() {
            Transport::Tcp(tcp) if result.is_ok() => prop_assert_eq!(tcp.payload(), payload),
            Transport::Tcp(tcp) => {
                prop_assert!(tcp.flags().intersects(TcpFlags::SYN | TcpFlags::RST));
            }
            Transport::Udp(udp) => prop_assert_eq!(udp.payload(), payload),
            other => prop_assert!(false, "{other:?}"),
        }
    }
}
