//! Packets are whole, and hold what was sent in its order.

use std::io;
use std::net::SocketAddr;

use insta::assert_snapshot;
use proptest::collection::vec;
use proptest::prelude::*;
use sidestream_packet::{Checksum, Packet, TcpFlags, Transport};
use sidestream_pcapng::{Connection, Datagrams, End};

const V4: [&str; 2] = ["10.0.0.2:4000", "192.0.2.1:80"];

fn ends(texts: [&str; 2]) -> [SocketAddr; 2] {
    texts.map(|text| text.parse().unwrap())
}

/// What comes of that, with who sends it.
fn made(
    mut connection: Connection,
    work: impl FnOnce(&mut Connection, &mut dyn FnMut(End, &[u8]) -> io::Result<()>) -> io::Result<()>,
) -> Vec<(End, Vec<u8>)> {
    let mut packets = Vec::new();
    work(&mut connection, &mut |from, bytes: &[u8]| {
        packets.push((from, bytes.to_vec()));
        Ok(())
    })
    .unwrap();
    packets
}

fn lines(packets: &[(End, Vec<u8>)]) -> String {
    let parse = |bytes| Packet::parse(bytes, Checksum::Complete).unwrap().to_string();
    packets.iter().map(|(_, bytes)| parse(bytes) + "\n").collect()
}

#[test]
fn a_connection_is_opened_spoken_on_and_ended() {
    let packets = made(Connection::new(ends(V4), [100, u32::MAX - 2]), |connection, each| {
        connection.open(each)?;
        connection.send(End::Opener, b"question", each)?;
        connection.send(End::Accepter, b"answer", each)?;
        connection.send(End::Accepter, b"", each)?;
        connection.end(End::Opener, each)?;
        connection.end(End::Opener, each)?;
        connection.send(End::Opener, b"late", each)?;
        connection.send(End::Accepter, b"more", each)?;
        connection.end(End::Accepter, each)?;
        connection.reset(End::Accepter, each)?;
        assert!(connection.is_over());
        Ok(())
    });
    assert_snapshot!(lines(&packets), @"
    10.0.0.2:4000 > 192.0.2.1:80: tcp [S] seq 100 win 65535 <mss 1460, scale 14> len 0
    192.0.2.1:80 > 10.0.0.2:4000: tcp [S.] seq 4294967293 ack 101 win 65535 <mss 1460, scale 14> len 0
    10.0.0.2:4000 > 192.0.2.1:80: tcp [.] seq 101 ack 4294967294 win 65535 len 0
    10.0.0.2:4000 > 192.0.2.1:80: tcp [P.] seq 101 ack 4294967294 win 65535 len 8
    192.0.2.1:80 > 10.0.0.2:4000: tcp [.] seq 4294967294 ack 109 win 65535 len 0
    192.0.2.1:80 > 10.0.0.2:4000: tcp [P.] seq 4294967294 ack 109 win 65535 len 6
    10.0.0.2:4000 > 192.0.2.1:80: tcp [.] seq 109 ack 4 win 65535 len 0
    10.0.0.2:4000 > 192.0.2.1:80: tcp [F.] seq 109 ack 4 win 65535 len 0
    192.0.2.1:80 > 10.0.0.2:4000: tcp [.] seq 4 ack 110 win 65535 len 0
    192.0.2.1:80 > 10.0.0.2:4000: tcp [P.] seq 4 ack 110 win 65535 len 4
    10.0.0.2:4000 > 192.0.2.1:80: tcp [.] seq 110 ack 8 win 65535 len 0
    192.0.2.1:80 > 10.0.0.2:4000: tcp [F.] seq 8 ack 110 win 65535 len 0
    10.0.0.2:4000 > 192.0.2.1:80: tcp [.] seq 110 ack 9 win 65535 len 0
    ");
}

#[test]
fn a_connection_is_refused_broken_off_or_has_gaps() {
    let v6 = ["[2001:db8::2]:4000", "[2001:db8::1]:80"];
    let refused = made(Connection::new(ends(v6), [1, 1]), |connection, each| {
        connection.refuse(each)?;
        assert!(connection.is_over());
        Ok(())
    });
    assert_snapshot!(lines(&refused), @"
    [2001:db8::2]:4000 > [2001:db8::1]:80: tcp [S] seq 1 win 65535 <mss 1460, scale 14> len 0
    [2001:db8::1]:80 > [2001:db8::2]:4000: tcp [R.] seq 0 ack 2 win 65535 len 0
    ");
    let broken = made(
        Connection::new(ends(["10.0.0.2:1", "[2001:db8::1]:80"]), [1, 1]),
        |connection, each| {
            connection.open(each)?;
            connection.skip(End::Opener, 1000);
            connection.send(End::Opener, b"after a gap", each)?;
            connection.reset(End::Accepter, each)?;
            connection.send(End::Opener, b"late", each)?;
            connection.end(End::Opener, each)
        },
    );
    assert_snapshot!(lines(&broken), @"
    [64:ff9b::a00:2]:1 > [2001:db8::1]:80: tcp [S] seq 1 win 65535 <mss 1460, scale 14> len 0
    [2001:db8::1]:80 > [64:ff9b::a00:2]:1: tcp [S.] seq 1 ack 2 win 65535 <mss 1460, scale 14> len 0
    [64:ff9b::a00:2]:1 > [2001:db8::1]:80: tcp [.] seq 2 ack 2 win 65535 len 0
    [64:ff9b::a00:2]:1 > [2001:db8::1]:80: tcp [P.] seq 1002 ack 2 win 65535 len 11
    [2001:db8::1]:80 > [64:ff9b::a00:2]:1: tcp [.] seq 2 ack 1013 win 65535 len 0
    [2001:db8::1]:80 > [64:ff9b::a00:2]:1: tcp [R.] seq 2 ack 1013 win 65535 len 0
    ");
}

#[test]
fn a_datagram_is_a_packet() {
    let mut datagrams = Datagrams::new(ends(V4));
    let mut packets = Vec::new();
    let mut each = |from, bytes: &[u8]| {
        packets.push((from, bytes.to_vec()));
        Ok(())
    };
    datagrams.send(End::Opener, b"question", &mut each).unwrap();
    datagrams.send(End::Accepter, b"", &mut each).unwrap();
    let error = datagrams.send(End::Opener, &[0; 65_536], &mut each).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert_snapshot!(lines(&packets), @"
    10.0.0.2:4000 > 192.0.2.1:80: udp len 8
    192.0.2.1:80 > 10.0.0.2:4000: udp len 0
    ");
}

proptest! {
    #[test]
    fn what_was_sent_comes_out_in_order(
        v6 in any::<bool>(),
        numbers in any::<[u32; 2]>(),
        pieces in vec((any::<bool>(), 0..150_000_usize), 0..6),
    ) {
        let ends = ends(if v6 { ["[::1]:1", "[::2]:2"] } else { V4 });
        let data = |index: usize, len| vec![index as u8; len];
        let packets = made(Connection::new(ends, numbers), |connection, each| {
            connection.open(each)?;
            for (index, (opener, len)) in pieces.iter().enumerate() {
                let from = if *opener { End::Opener } else { End::Accepter };
                connection.send(from, &data(index, *len), each)?;
            }
            connection.end(End::Opener, each)?;
            connection.end(End::Accepter, each)
        });
        let mut next = numbers;
        let mut said = [Vec::new(), Vec::new()];
        for (from, bytes) in &packets {
            let packet = Packet::parse(bytes, Checksum::Complete).unwrap();
            let (me, other) = if *from == End::Opener { (0, 1) } else { (1, 0) };
            prop_assert_eq!((packet.source(), packet.destination()), (ends[me].ip(), ends[other].ip()));
            let Transport::Tcp(segment) = packet.transport() else { panic!("{packet}") };
            prop_assert_eq!(segment.sequence(), next[me]);
            if segment.flags().contains(TcpFlags::ACK) {
                prop_assert_eq!(segment.acknowledgment(), next[other]);
            }
            next[me] = next[me].wrapping_add(segment.sequence_len());
            said[me].extend_from_slice(segment.payload());
        }
        for (me, opener) in [(0, true), (1, false)] {
            let sent = pieces.iter().enumerate().filter(|(_, (of, _))| *of == opener);
            let sent: Vec<u8> = sent.flat_map(|(index, (_, len))| data(index, *len)).collect();
            prop_assert_eq!(&said[me], &sent);
        }
    }
}
