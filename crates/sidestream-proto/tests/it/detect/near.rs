//! Datagrams that begin DTLS or QUIC, and those that nearly do.

use sidestream_proto::detect::of_datagram;
use sidestream_record::Protocol;

/// A ClientHello of DTLS 1.2: a record, a message, and as much of it as is looked at.
fn client_hello() -> Vec<u8> {
    let mut hello = vec![22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 66];
    hello.extend([1, 0, 0, 54, 0, 0, 0, 0, 0, 0, 0, 54, 0xfe, 0xfd]);
    hello.resize(13 + 66, 7);
    hello
}

/// A client's first packet of QUIC version 1.
fn initial() -> Vec<u8> {
    let mut packet = vec![0xc3, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0];
    let left = 1200 - packet.len() - 2;
    packet.extend((0x4000 | left as u16).to_be_bytes());
    packet.resize(1200, 7);
    packet
}

/// Changes one byte at a time, and returns at which places each other value makes it nothing.
fn telling(datagram: &[u8], places: usize) -> Vec<usize> {
    let changed = |at: usize, value: u8| {
        let mut datagram = datagram.to_vec();
        datagram[at] = value;
        of_datagram(&datagram)
    };
    let tells = |at: &usize| {
        let others = (0..=u8::MAX).filter(|value| *value != datagram[*at]);
        others.filter(|value| changed(*at, *value).is_some()).count() <= 16
    };
    (0..places).filter(tells).collect()
}

#[test]
fn a_client_hello_of_dtls_is_told() {
    let hello = client_hello();
    assert_eq!(of_datagram(&hello), Some(Protocol::Dtls));
    assert_eq!(of_datagram(&[&hello[..], b"another record"].concat()), Some(Protocol::Dtls));
    for len in 0..hello.len() {
        assert_eq!(of_datagram(&hello[..len]), None, "{len} bytes");
    }
    // All but the record's number, and the low bytes of lengths that others bound.
    let told = [0, 1, 2, 3, 4, 11, 12, 13, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26];
    let telling = telling(&hello, 27);
    assert!(told.iter().all(|at| telling.contains(at)), "{telling:?}");
}

#[test]
fn a_first_packet_of_quic_is_told() {
    let packet = initial();
    assert_eq!(of_datagram(&packet), Some(Protocol::Quic));
    let mut second = packet.clone();
    second[0] = 0xd3;
    second[1..5].copy_from_slice(&0x6b33_43cf_u32.to_be_bytes());
    assert_eq!(of_datagram(&second), Some(Protocol::Quic));
    for len in 0..packet.len() {
        assert_eq!(of_datagram(&packet[..len]), None, "{len} bytes");
    }
    let telling = telling(&packet, 6);
    assert_eq!(telling, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn what_follows_the_first_packets_is_not() {
    // A handshake packet, one with a short header, an alert and a second flight of DTLS.
    let with = |mut datagram: Vec<u8>, at: usize, value: u8| {
        datagram[at] = value;
        of_datagram(&datagram)
    };
    assert_eq!(with(initial(), 0, 0xe3), None);
    assert_eq!(with(initial(), 0, 0x43), None);
    assert_eq!(with(client_hello(), 0, 21), None);
    assert_eq!(with(client_hello(), 4, 1), None);
    assert_eq!(with(client_hello(), 13, 2), None);
}
