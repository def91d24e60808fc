//! DNS messages: those of a real server and resolver, broken ones, streams of them.

use std::fmt::Write as _;
use std::net::IpAddr;

use insta::assert_snapshot;
use proptest::prelude::*;
use sidestream_proto::dns::tcp::FrameReader;
use sidestream_proto::dns::{Address, DecodeDnsError, addresses, decode, looks_like};
use sidestream_record::{DnsMessage, DnsRecord};

macro_rules! fixture {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../../../../fixtures/dns/", $name, ".bin")).as_slice())
    };
}

/// What `dig` and BIND said to each other on loopback.
const MESSAGES: [(&str, &[u8]); 12] = [
    fixture!("query-a"),
    fixture!("query-aaaa-without-edns"),
    fixture!("response-aaaa-by-cname"),
    fixture!("response-any-rare-types"),
    fixture!("response-chaos-txt"),
    fixture!("response-cname-chain"),
    fixture!("response-https"),
    fixture!("response-mx-signed"),
    fixture!("response-nsec3"),
    fixture!("response-nxdomain"),
    fixture!("response-srv-escaped-name"),
    fixture!("response-truncated"),
];
const STREAM_ANY: &[u8] = include_bytes!("../../../../fixtures/dns/stream-any.bin");
const STREAM_AXFR: &[u8] = include_bytes!("../../../../fixtures/dns/stream-axfr.bin");

#[test]
fn decodes_what_a_real_server_says() {
    let mut text = String::new();
    for (name, bytes) in MESSAGES {
        writeln!(text, "{name}").unwrap();
        write_message(&decode(bytes).unwrap(), &mut text);
    }
    assert_snapshot!(text);
}

#[test]
fn decodes_a_zone_transfer_off_a_stream() {
    let mut text = String::new();
    for stream in [STREAM_ANY, STREAM_AXFR] {
        let mut reader = FrameReader::new();
        reader.push(stream);
        while let Some(frame) = reader.poll_frame() {
            write_message(&decode(&frame).unwrap(), &mut text);
        }
        assert_eq!(reader.pending_bytes(), 0);
    }
    assert_snapshot!(text);
}

#[test]
fn cuts_a_stream_into_messages_however_it_arrives() {
    let expected = frames(&[STREAM_AXFR]);
    assert!(!expected.is_empty());
    for at in 0..STREAM_AXFR.len() {
        assert_eq!(frames(&[&STREAM_AXFR[..at], &STREAM_AXFR[at..]]), expected, "cut at {at}");
    }
    let two = [&[0, 1, b'a'][..], &[0, 0], &[0, 2, b'b', b'c'], &[0, 9]].concat();
    let bytes: Vec<&[u8]> = two.chunks(1).collect();
    assert_eq!(frames(&bytes), [b"a".to_vec(), vec![], b"bc".to_vec()]);
    let mut reader = FrameReader::new();
    reader.push(&two[..4]);
    assert_eq!(reader.poll_frame().unwrap(), "a");
    assert_eq!((reader.poll_frame(), reader.pending_bytes()), (None, 1));
}

#[test]
fn names_why_bytes_are_no_message() {
    use DecodeDnsError::*;
    #[track_caller]
    fn check(question: &[u8], expected: DecodeDnsError) {
        let bytes = [&header(0x0100, [1, 0, 0, 0])[..], question].concat();
        assert_eq!(decode(&bytes), Err(expected));
    }
    assert_eq!(decode(&[0; 11]), Err(Truncated { offset: 10 }));
    check(&[], Truncated { offset: 12 });
    check(&[3, b'a'], Truncated { offset: 13 });
    check(&[0, 0, 1, 0], Truncated { offset: 15 });
    check(&[0, 0, 1, 0, 1, 9], TrailingBytes { offset: 17, len: 18 });
    check(&[0x40], LabelType { offset: 12 });
    check(&[0x80], LabelType { offset: 12 });
    // At itself, at its own first label, ahead.
    check(&[0xc0, 12], Pointer { offset: 12 });
    check(&[1, b'a', 0xc0, 12], Pointer { offset: 14 });
    check(&[0xc0, 14, 0], Pointer { offset: 12 });
    check(&[0xc0], Truncated { offset: 13 });
    let long: Vec<u8> = [&[63][..], &[b'x'; 63]].concat().repeat(4);
    check(&[&long[..], &[0]].concat(), NameTooLong { offset: 12 + 3 * 64 });
}

#[test]
fn a_name_of_255_bytes_is_the_longest() {
    let label = |len: u8| [vec![len], vec![b'x'; usize::from(len)]].concat();
    let name = [label(63), label(63), label(63), label(61), vec![0]].concat();
    assert_eq!(name.len(), 255);
    let question = [&name[..], &[0, 1, 0, 1]].concat();
    let message = decode(&[&header(0, [1, 0, 0, 0])[..], &question].concat()).unwrap();
    assert_eq!(message.questions[0].name.len(), 253);
}

#[test]
fn a_response_cut_anywhere_is_an_error() {
    for (name, bytes) in MESSAGES {
        for len in 0..bytes.len() {
            let outcome = decode(&bytes[..len]);
            let truncated = matches!(outcome, Err(DecodeDnsError::Truncated { .. }));
            assert!(truncated, "{name} cut at {len}: {outcome:?}");
        }
    }
}

#[test]
fn writes_record_data() {
    #[track_caller]
    fn check(kind: u16, data: &[u8], expected: &str) {
        assert_eq!(record(kind, 1, data).data, expected);
    }
    check(1, &[192, 0, 2, 1], "192.0.2.1");
    check(28, &[&[0x20, 1, 0xd, 0xb8][..], &[0; 12]].concat(), "2001:db8::");
    check(2, &[0xc0, 12], "a.test");
    check(5, b"\x03a.b\x01\\\x02\x00\xff\x00", r"a\.b.\\.\000\255");
    check(16, b"\x00\x03a\"b\x02\xc3\xa9", r#""" "a\"b" "\195\169""#);
    check(33, &[0, 1, 0, 2, 0, 80, 0], "1 2 80 .");
    check(43, &[0, 1, 13, 2, 0xab], "1 13 2 AB");
    check(
        46,
        &[&[0, 1, 13, 2][..], &[0, 0, 0, 60], &[0xff; 4], &[0; 4], &[0, 9, 0, 1]].concat(),
        "A 13 2 60 21060207062815 19700101000000 9 . AQ==",
    );
    check(
        46,
        &[&[0, 1, 13, 2][..], &[0; 4], &951_782_400_u32.to_be_bytes(), &[0; 4], &[0, 9, 0, 1, 2]]
            .concat(),
        "A 13 2 0 20000229000000 19700101000000 9 . AQI=",
    );
    check(47, &[0, 0, 1, 0x40, 1, 1, 0x40], ". A CAA");
    check(50, &[1, 0, 0, 0, 0, 5, 0, 0x44, 0x32, 0x14, 0xc7, 0, 1, 2], "1 0 0 - 01234567 SOA");
    check(51, &[1, 0, 0, 2, 1, 0xaa], "1 0 2 AA");
    check(257, b"\x00\x05issueca.test", r#"0 issue "ca.test""#);
    check(
        65,
        b"\0\x01\0\0\x01\0\x07\x02h2\x03a,b\0\x02\0\0",
        r#"1 . alpn="h2,a\\,b" no-default-alpn"#,
    );
    check(64, b"\0\0\0\xff\xf0\0\0\xff\xf1\0\x02a\"", r#"0 . key65520 key65521="a\"""#);
}

#[test]
fn writes_as_bytes_what_is_unknown_or_not_as_its_type_has_it() {
    #[track_caller]
    fn check(kind: u16, class: u16, data: &[u8], name: [&str; 2], expected: &str) {
        let record = record(kind, class, data);
        assert_eq!(([&*record.kind, &*record.class], &*record.data), (name, expected));
    }
    check(65280, 1, &[1, 0xab], ["TYPE65280", "IN"], r"\# 2 01AB");
    check(10, 7, &[], ["NULL", "CLASS7"], r"\# 0");
    check(1, 1, &[192, 0, 2], ["A", "IN"], r"\# 3 C00002");
    check(1, 1, &[192, 0, 2, 1, 0], ["A", "IN"], r"\# 5 C000020100");
    check(5, 1, &[0xc0, 0xff], ["CNAME", "IN"], r"\# 2 C0FF");
    check(16, 1, &[], ["TXT", "IN"], r"\# 0");
    check(15, 1, &[0, 1, 3, b'a'], ["MX", "IN"], r"\# 4 00010361");
    check(65, 1, &[0, 1, 0, 0, 3, 0, 3, 1, 2, 3], ["HTTPS", "IN"], r"\# 10 00010000030003010203");
    // An update that deletes all of a kind.
    check(1, 255, &[], ["A", "ANY"], "");
}

#[test]
fn takes_over_what_edns_says() {
    let opt = [0, 0, 41, 4, 0xd0, 0x12, 0, 0x80, 0, 0, 0];
    let bytes = [&header(0x8183, [0, 0, 0, 1])[..], &opt].concat();
    let message = decode(&bytes).unwrap();
    let edns = message.edns.unwrap();
    assert_eq!((edns.version, edns.payload_bytes, edns.dnssec_ok), (0, 1232, true));
    assert_eq!((message.rcode, message.additionals.len()), (0x123, 0));
    let twice = [&header(0x8180, [0, 0, 0, 2])[..], &opt, &opt].concat();
    assert_eq!(decode(&twice), Err(DecodeDnsError::Edns { offset: 34 }));
}

#[test]
fn tells_dns_from_other_datagrams() {
    for (name, bytes) in MESSAGES {
        assert!(looks_like(bytes, 53), "{name}");
        assert!(!looks_like(bytes, 137), "{name}");
        assert!(!looks_like(&bytes[1..], 53), "{name}");
        // Version and class of a name server are asked for on its own port.
        assert_eq!(looks_like(bytes, 5300), !name.contains("chaos"), "{name}");
    }
    #[track_caller]
    fn check(flags: u16, counts: [u16; 4], rest: &[u8], expected: [bool; 2]) {
        let bytes = [&header(flags, counts)[..], rest].concat();
        assert_eq!([53, 5300].map(|port| looks_like(&bytes, port)), expected);
    }
    let a = [1, b'a', 0, 0, 1, 0, 1];
    check(0x0100, [1, 0, 0, 0], &a, [true, true]);
    check(0x0000, [0, 0, 0, 0], &[], [false, false]);
    check(0x8181, [0, 0, 0, 0], &[], [true, false]);
    check(0x0140, [1, 0, 0, 0], &a, [true, false]);
    check(0x2800, [1, 0, 0, 0], &a, [true, false]);
    check(0x0103, [1, 0, 0, 0], &a, [true, false]);
    check(0x0100, [1, 0, 0, 0], &[0, 0xff, 0, 0, 1], [true, false]);
    check(0x0100, [2, 0, 0, 0], &[a, a].concat(), [true, false]);
    check(
        0x0100,
        [1, 1, 0, 0],
        &[&a[..], &[0, 0, 16, 0, 1, 0, 0, 0, 0, 0, 1, 0]].concat(),
        [true, false],
    );
    // Others that share ports with it: an RTP packet, STUN, a QUIC Initial.
    let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[0; 12]].concat();
    let rtp = [&[0x80, 0, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4][..], &[0xff; 160]].concat();
    let quic = [&[0xc3, 0, 0, 0, 1, 8][..], &[0; 1194]].concat();
    for bytes in [stun, rtp, quic] {
        assert_eq!([53, 5300].map(|port| looks_like(&bytes, port)), [false, false]);
    }
}

#[test]
fn follows_aliases_from_the_name_asked_for() {
    let message = decode(MESSAGES[5].1).unwrap();
    let found: Vec<_> = addresses(&message).collect();
    let expected = |ip: &str| Address { name: "www.plain.test", ip: ip.parse().unwrap(), ttl: 30 };
    let mut ips: Vec<IpAddr> = found.iter().map(|address| address.ip).collect();
    ips.sort();
    assert_eq!(ips, [expected("192.0.2.80").ip, expected("192.0.2.81").ip]);
    assert!(found.iter().all(|address| *address == expected(&address.ip.to_string())));
}

#[test]
fn gives_no_address_that_the_name_asked_for_does_not_have() {
    #[track_caller]
    fn check(change: impl Fn(&mut DnsMessage), expected: &[(&str, &str, u32)]) {
        let mut message = decode(MESSAGES[2].1).unwrap();
        change(&mut message);
        let found: Vec<_> = addresses(&message)
            .map(|address| (address.name.to_owned(), address.ip.to_string(), address.ttl))
            .collect();
        let found: Vec<_> = found.iter().map(|(name, ip, ttl)| (&**name, &**ip, *ttl)).collect();
        assert_eq!(found, expected);
    }
    check(|_| {}, &[("www.plain.test", "2001:db8::80", 20)]);
    check(|message| message.response = false, &[]);
    check(|message| message.rcode = 3, &[]);
    check(|message| message.answers.retain(|record| record.kind != "CNAME"), &[]);
    check(|message| message.answers[0].ttl = 7, &[("www.plain.test", "2001:db8::80", 7)]);
    check(|message| message.questions.clear(), &[("node.cdn.plain.test", "2001:db8::80", 20)]);
    // Names differ only in case, as with a resolver that tests its server so.
    check(
        |message| message.questions[0].name = "WWW.Plain.test".into(),
        &[("WWW.Plain.test", "2001:db8::80", 20)],
    );
    check(|message| message.answers[2].data = r"\# 1 00".into(), &[]);
    // A circle of aliases ends.
    check(|message| message.answers[1].data = "www.plain.test".into(), &[]);
}

proptest! {
    #[test]
    fn reads_back_the_names_that_were_written(
        labels in prop::collection::vec("[a-z0-9-]{1,20}", 1..8),
        kind in 1..=65_535_u16,
        ttl: u32,
        ip: [u8; 4],
    ) {
        let name = labels.join(".");
        let bytes = [
            &header(0x8180, [1, 1, 0, 0])[..],
            &wire_name(&labels), &kind.to_be_bytes(), &[0, 1],
            // The answer's name is the question's.
            &[0xc0, 12, 0, 1, 0, 1], &ttl.to_be_bytes(), &[0, 4], &ip,
        ].concat();
        let message = decode(&bytes).unwrap();
        prop_assert_eq!(&message.questions[0].name, &name);
        let found: Vec<_> = addresses(&message).collect();
        prop_assert_eq!(found, [Address { name: &name, ip: ip.into(), ttl }]);
    }

    #[test]
    fn never_panics(
        which in 0..MESSAGES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        port in prop::sample::select(vec![53, 137, 5353, 9999]),
    ) {
        let mut bytes = MESSAGES[which].1.to_vec();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let decoded = decode(&bytes);
        if looks_like(&bytes, port) {
            prop_assert!(decoded.is_ok());
        }
        if let Ok(message) = decoded {
            prop_assert!(addresses(&message).count() <= message.answers.len());
        }
    }

    #[test]
    fn record_data_of_any_bytes_are_written(kind in 0..300_u16, data in prop::collection::vec(any::<u8>(), 0..80)) {
        let record = record(kind, 1, &data);
        prop_assert!(!record.data.is_empty());
        prop_assert!(record.data.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }
}

fn header(flags: u16, counts: [u16; 4]) -> Vec<u8> {
    [0x1234, flags].iter().chain(&counts).flat_map(|number| number.to_be_bytes()).collect()
}

fn wire_name(labels: &[String]) -> Vec<u8> {
    let label = |label: &String| [&[label.len() as u8][..], label.as_bytes()].concat();
    labels.iter().flat_map(label).chain([0]).collect()
}

/// Decodes a response to a question for `a.test`, whose name stands at byte 12, with one record.
fn record(kind: u16, class: u16, data: &[u8]) -> DnsRecord {
    let len = data.len() as u16;
    let bytes = [
        &header(0x8180, [1, 0, 1, 0])[..],
        b"\x01a\x04test\x00\x00\x01\x00\x01\x00",
        &kind.to_be_bytes(),
        &class.to_be_bytes(),
        &[0; 4],
        &len.to_be_bytes(),
        data,
    ]
    .concat();
    decode(&bytes).unwrap().authorities.remove(0)
}

fn frames(segments: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut reader = FrameReader::new();
    let mut frames = Vec::new();
    for segment in segments {
        reader.push(segment);
        frames.extend(std::iter::from_fn(|| reader.poll_frame()).map(|frame| frame.to_vec()));
    }
    frames
}

fn write_message(message: &DnsMessage, to: &mut String) {
    let flags = [
        (message.response, "response"),
        (message.authoritative, "aa"),
        (message.truncated, "tc"),
        (message.recursion_desired, "rd"),
        (message.recursion_available, "ra"),
        (message.authentic_data, "ad"),
        (message.checking_disabled, "cd"),
    ];
    let flags: Vec<_> = flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
    let flags = flags.join(" ");
    writeln!(to, "  opcode {}, rcode {}, flags {flags}", message.opcode, message.rcode).unwrap();
    for question in &message.questions {
        writeln!(to, "  ? {} {} {}", question.name, question.class, question.kind).unwrap();
    }
    let sections =
        [('=', &message.answers), ('@', &message.authorities), ('+', &message.additionals)];
    for (sign, records) in sections {
        for DnsRecord { name, kind, class, ttl, data, .. } in records {
            writeln!(to, "  {sign} {name} {ttl} {class} {kind} {data}").unwrap();
        }
    }
    if let Some(edns) = message.edns {
        writeln!(to, "  {edns:?}").unwrap();
    }
}
