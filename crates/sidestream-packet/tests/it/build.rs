//! What is built, as one line each.

use insta::assert_snapshot;
use sidestream_packet::build::{self, BuildError, Echo, TcpHeader};
use sidestream_packet::{Checksum, IcmpMessage, Packet, TcpFlags, Transport, Unreachable};

use crate::hand::{addr, end, tcp, tcp_with, udp};

/// Parses what `answer` appends for a packet.
fn answer(
    bytes: &[u8],
    answer: impl FnOnce(&mut Vec<u8>, &Packet<'_>) -> Result<(), BuildError>,
) -> String {
    let packet = Packet::parse(bytes, Checksum::Complete).unwrap();
    let mut out = b"kept".to_vec();
    match answer(&mut out, &packet) {
        Ok(()) => {
            let bytes = out.strip_prefix(b"kept").unwrap();
            Packet::parse(bytes, Checksum::Complete).unwrap().to_string()
        }
        Err(error) => {
            assert_eq!(out, b"kept", "nothing is appended");
            error.to_string()
        }
    }
}

fn both(make: impl Fn(bool) -> String) -> String {
    [true, false].map(make).join("\n")
}

#[test]
fn segments_show_their_flags_and_options() {
    let options = &[2, 4, 5, 0xb4, 4, 2, 1, 3, 3, 7, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 1, 0];
    let fields = TcpHeader {
        sequence: 7,
        flags: TcpFlags::SYN | TcpFlags::ECE | TcpFlags::CWR,
        window: 64_240,
        options,
        ..TcpHeader::default()
    };
    assert_snapshot!(both(|v4| answer(&tcp_with(v4, &fields, b""), |out, it| {
        out.extend_from_slice(it.bytes());
        Ok(())
    })), @r"
    192.0.2.1:4000 > 192.0.2.2:443: tcp [SWE] seq 7 win 64240 <mss 1460, sack ok, scale 7, ts 1 2> len 0
    [2001:db8::1]:4000 > [2001:db8::2]:443: tcp [SWE] seq 7 win 64240 <mss 1460, sack ok, scale 7, ts 1 2> len 0
    ");
}

#[test]
fn a_segment_without_connection_is_answered_by_the_reset_of_the_standard() {
    let reset = |flags, payload: &[u8]| answer(&tcp(true, flags, payload), build::reset);
    let lines = [
        reset(TcpFlags::SYN, b""),
        reset(TcpFlags::SYN, b"early"),
        reset(TcpFlags::ACK, b"data"),
        reset(TcpFlags::FIN | TcpFlags::ACK, b""),
        reset(TcpFlags::SYN | TcpFlags::ACK, b""),
        reset(TcpFlags::RST, b""),
        answer(&udp(true, b""), build::reset),
        answer(&tcp(false, TcpFlags::SYN, b""), build::reset),
    ];
    assert_snapshot!(lines.join("\n"), @r"
    192.0.2.2:443 > 192.0.2.1:4000: tcp [R.] seq 0 ack 1001 win 0 len 0
    192.0.2.2:443 > 192.0.2.1:4000: tcp [R.] seq 0 ack 1006 win 0 len 0
    192.0.2.2:443 > 192.0.2.1:4000: tcp [R] seq 7 win 0 len 0
    192.0.2.2:443 > 192.0.2.1:4000: tcp [R] seq 7 win 0 len 0
    192.0.2.2:443 > 192.0.2.1:4000: tcp [R] seq 7 win 0 len 0
    that packet must not be answered so
    that packet must not be answered so
    [2001:db8::2]:443 > [2001:db8::1]:4000: tcp [R.] seq 0 ack 1001 win 0 len 0
    ");
}

#[test]
fn an_echo_comes_back_with_what_it_brought() {
    let ask = |v4: bool, to: u8| {
        let mut bytes = Vec::new();
        build::echo(&mut bytes, addr(v4, 1), addr(v4, to), Echo::Request, (9, 3), b"ping").unwrap();
        bytes
    };
    assert_snapshot!(both(|v4| answer(&ask(v4, 2), build::echo_reply)), @r"
    192.0.2.2 > 192.0.2.1: echo reply id 9 seq 3 len 4
    2001:db8::2 > 2001:db8::1: echo reply id 9 seq 3 len 4
    ");
    let reply = |out: &mut Vec<u8>, it: &Packet<'_>| {
        build::echo(out, it.source(), it.destination(), Echo::Reply, (9, 3), b"")
    };
    let mut bytes = Vec::new();
    reply(&mut bytes, &Packet::parse(&ask(true, 2), Checksum::Complete).unwrap()).unwrap();
    assert_eq!(answer(&bytes, build::echo_reply), "that packet must not be answered so");
}

#[test]
fn an_error_quotes_the_packet_it_is_about() {
    let reasons = [
        Unreachable::Host,
        Unreachable::Network,
        Unreachable::Other(5),
        Unreachable::Port,
        Unreachable::Prohibited,
        Unreachable::Protocol,
    ];
    let lines = both(|v4| {
        let refused = udp(v4, b"question");
        let mut lines = reasons.map(|reason| {
            answer(&refused, |out, it| build::unreachable(out, it, reason, it.destination()))
        });
        lines.sort();
        let mut lines = lines.to_vec();
        lines.push(answer(&refused, |out, it| build::packet_too_big(out, it, 1400, addr(v4, 9))));
        lines.push(answer(&refused, |out, it| build::time_exceeded(out, it, addr(v4, 9))));
        lines.join("\n")
    });
    assert_snapshot!(lines, @r"
    192.0.2.2 > 192.0.2.1: host unreachable (udp 192.0.2.1:4000 > 192.0.2.2:53)
    192.0.2.2 > 192.0.2.1: network unreachable (udp 192.0.2.1:4000 > 192.0.2.2:53)
    192.0.2.2 > 192.0.2.1: port unreachable (udp 192.0.2.1:4000 > 192.0.2.2:53)
    192.0.2.2 > 192.0.2.1: protocol unreachable (udp 192.0.2.1:4000 > 192.0.2.2:53)
    192.0.2.2 > 192.0.2.1: unreachable code 5 (udp 192.0.2.1:4000 > 192.0.2.2:53)
    192.0.2.2 > 192.0.2.1: unreachable: prohibited (udp 192.0.2.1:4000 > 192.0.2.2:53)
    192.0.2.9 > 192.0.2.1: packet too big mtu 1400 (udp 192.0.2.1:4000 > 192.0.2.2:53)
    192.0.2.9 > 192.0.2.1: time exceeded code 0 (udp 192.0.2.1:4000 > 192.0.2.2:53)
    2001:db8::2 > 2001:db8::1: host unreachable (udp [2001:db8::1]:4000 > [2001:db8::2]:53)
    2001:db8::2 > 2001:db8::1: network unreachable (udp [2001:db8::1]:4000 > [2001:db8::2]:53)
    2001:db8::2 > 2001:db8::1: port unreachable (udp [2001:db8::1]:4000 > [2001:db8::2]:53)
    2001:db8::2 > 2001:db8::1: protocol unreachable (udp [2001:db8::1]:4000 > [2001:db8::2]:53)
    2001:db8::2 > 2001:db8::1: unreachable code 5 (udp [2001:db8::1]:4000 > [2001:db8::2]:53)
    2001:db8::2 > 2001:db8::1: unreachable: prohibited (udp [2001:db8::1]:4000 > [2001:db8::2]:53)
    2001:db8::9 > 2001:db8::1: packet too big mtu 1400 (udp [2001:db8::1]:4000 > [2001:db8::2]:53)
    2001:db8::9 > 2001:db8::1: time exceeded code 0 (udp [2001:db8::1]:4000 > [2001:db8::2]:53)
    ");
}

#[test]
fn an_error_is_no_longer_than_every_link_takes() {
    for (v4, longest) in [(true, 576), (false, 1280)] {
        let bytes = udp(v4, &[7; 4000]);
        let packet = Packet::parse(&bytes, Checksum::Complete).unwrap();
        let mut out = Vec::new();
        build::packet_too_big(&mut out, &packet, 1400, packet.destination()).unwrap();
        assert_eq!(out.len(), longest);
        let error = Packet::parse(&out, Checksum::Complete).unwrap();
        let Transport::Icmp(IcmpMessage::PacketTooBig { mtu, quote }) = error.transport() else {
            panic!("{error}")
        };
        assert_eq!((mtu, quote.unwrap().key()), (1400, packet.key()));
    }
}

#[test]
fn a_quote_may_end_anywhere() {
    for v4 in [true, false] {
        let bytes = tcp(v4, TcpFlags::ACK, b"data");
        let packet = Packet::parse(&bytes, Checksum::Complete).unwrap();
        let mut error = Vec::new();
        build::unreachable(&mut error, &packet, Unreachable::Host, packet.destination()).unwrap();
        let front = error.len() - bytes.len();
        for quoted in 0..bytes.len() {
            let mut cut = error[..front + quoted].to_vec();
            let len = u16::try_from(cut.len() - if v4 { 0 } else { 40 }).unwrap().to_be_bytes();
            cut[if v4 { 2..4 } else { 4..6 }].copy_from_slice(&len);
            crate::hand::seal(&mut cut);
            let error = Packet::parse(&cut, Checksum::Verified).unwrap();
            let Transport::Icmp(IcmpMessage::Unreachable { quote, .. }) = error.transport() else {
                panic!("{error}")
            };
            let header = if v4 { 20 } else { 40 };
            assert_eq!(quote.is_some(), quoted >= header, "{quoted} bytes");
            let key = quote.and_then(|quote| quote.key());
            assert_eq!(key, packet.key().filter(|_| quoted >= header + 4), "{quoted} bytes");
        }
    }
}

#[test]
fn nothing_answers_an_error_a_later_fragment_or_what_went_to_many() {
    let refuse = |out: &mut Vec<u8>, it: &Packet<'_>| {
        build::unreachable(out, it, Unreachable::Port, addr(it.source().is_ipv4(), 2))
    };
    for v4 in [true, false] {
        let bytes = udp(v4, &[7; 3000]);
        let packet = Packet::parse(&bytes, Checksum::Complete).unwrap();
        let mut error = Vec::new();
        refuse(&mut error, &packet).unwrap();
        assert_eq!(answer(&error, refuse), BuildError::Forbidden.to_string());

        let mut fragments = Vec::new();
        build::fragment(&packet, 1500, 9, |bytes| fragments.push(bytes.to_vec())).unwrap();
        let answers: Vec<_> = fragments.iter().map(|it| answer(it, refuse)).collect();
        assert!(answers[0].contains("port unreachable"), "{answers:?}");
        assert_eq!(answers[1..], vec![BuildError::Forbidden.to_string(); answers.len() - 1]);

        let mut many = udp(v4, b"");
        many[if v4 { 16 } else { 24 }] = if v4 { 239 } else { 255 };
        crate::hand::seal(&mut many);
        assert_eq!(answer(&many, refuse), BuildError::Forbidden.to_string());
    }
}

#[test]
fn what_cannot_be_built_is_refused() {
    let (v4, v6) = (end(true, 1, 1), end(false, 1, 1));
    let mut out = Vec::new();
    assert_eq!(build::udp(&mut out, v4, v6, b""), Err(BuildError::Family));
    assert_eq!(build::udp(&mut out, v6, v6, &[0; 65_528]), Err(BuildError::TooLong));
    assert_eq!(build::udp(&mut out, v4, v4, &[0; 65_508]), Err(BuildError::TooLong));
    for options in [&[1; 44][..], &[1; 3]] {
        let fields = TcpHeader { options, ..TcpHeader::default() };
        assert_eq!(build::tcp(&mut out, v4, v4, &fields, b""), Err(BuildError::TooLong));
    }
    assert_eq!(out, b"");
}
