//! The ClientHello: real clients', broken ones, cut anyhow; and their JA4.

use std::fmt::Write as _;

use insta::assert_snapshot;
use proptest::prelude::*;
use sidestream_proto::tls::hello::{
    ClientHello, HelloError, HelloReader, MAX_HELLO_BYTES, Sniff, is_grease, sniff,
};
use sidestream_proto::tls::ja4::{Transport, ja4};

/// What real clients sent to a listener on loopback.
const CLIENTS: [(&str, &[u8]); 7] = [
    ("curl", include_bytes!("../../../../fixtures/tls/client-hello-curl.bin")),
    ("go", include_bytes!("../../../../fixtures/tls/client-hello-go.bin")),
    ("java", include_bytes!("../../../../fixtures/tls/client-hello-java.bin")),
    ("node", include_bytes!("../../../../fixtures/tls/client-hello-node.bin")),
    ("openssl-tls11", include_bytes!("../../../../fixtures/tls/client-hello-openssl-tls11.bin")),
    (
        "openssl-tls12-no-sni",
        include_bytes!("../../../../fixtures/tls/client-hello-openssl-tls12-no-sni.bin"),
    ),
    ("python", include_bytes!("../../../../fixtures/tls/client-hello-python.bin")),
];

#[test]
fn reads_what_real_clients_offer() {
    let mut text = String::new();
    for (client, bytes) in CLIENTS {
        let hello = read(bytes).unwrap().unwrap();
        writeln!(text, "{client}: {}", ja4(&hello, Transport::Tcp)).unwrap();
        write_hello(&hello, &mut text);
    }
    assert_snapshot!(text);
}

#[test]
fn reads_a_hello_however_it_is_cut() {
    for (client, bytes) in CLIENTS {
        let whole = read(bytes);
        for at in 0..bytes.len() {
            let mut reader = HelloReader::new();
            assert_eq!(reader.push(&bytes[..at]), Ok(None), "{client} cut at {at}");
            assert_eq!(reader.push(&bytes[at..]), whole, "{client} cut at {at}");
        }
        for fragment in [1, 2, 3, 4, 5, 100] {
            let records = records(&bytes[5..], fragment);
            assert_eq!(read(&records), whole, "{client} in records of {fragment}");
            assert_eq!(read_by(&records, 1), whole, "{client} in records of {fragment}");
        }
    }
}

#[test]
fn ignores_what_follows_the_hello() {
    let (_, bytes) = CLIENTS[0];
    let mut reader = HelloReader::new();
    let followed = [bytes, &[20, 3, 3, 0, 1, 1]].concat();
    assert_eq!(reader.push(&followed), read(bytes));
    assert_eq!(reader.push(b"more"), Ok(None));
}

#[test]
fn names_why_bytes_are_no_hello() {
    use HelloError::*;
    #[track_caller]
    fn check(bytes: &[u8], expected: HelloError) {
        let mut reader = HelloReader::new();
        assert_eq!(reader.push(bytes), Err(expected.clone()));
        assert_eq!(reader.push(b"again"), Err(expected.clone()));
        assert_eq!(read_by(bytes, 1), Err(expected));
    }
    check(b"GET / HTTP/1.1", NotHandshake { content_type: b'G' });
    check(&[0x80, 0x2e, 1, 0, 2], Sslv2);
    check(&[0x80, 0x2e, 4], NotHandshake { content_type: 0x80 });
    check(&[22, 254, 253], RecordVersion { major: 254 });
    check(&[22, 3, 1, 0, 0], EmptyRecord);
    check(&[22, 3, 1, 0x40, 1], RecordTooLong { len: 0x4001 });
    check(&[22, 3, 3, 0, 4, 2], NotClientHello { kind: 2 });
    check(&[22, 3, 1, 0, 1, 1, 21], NotHandshake { content_type: 21 });
    check(&[22, 3, 1, 0, 1, 1, 0x80], NotHandshake { content_type: 0x80 });
    check(&[22, 3, 1, 0, 4, 1, 1, 0, 0], TooLong);
    // One byte of hello in each record: the headers count as well.
    check(&records(&[&[1, 0, 0xff, 0][..], &[0; 0xff00]].concat(), 1), TooLong);
    check(&records(&[1, 0, 0, 0], 4), Malformed { field: "version" });
}

#[test]
fn names_the_field_that_cannot_be_decoded() {
    #[track_caller]
    fn check(id: u16, body: &[u8], field: &'static str) {
        assert_eq!(with_extensions(&[(id, body)]), Err(HelloError::Malformed { field }));
    }
    check(0, &[], "server name");
    check(0, &[0, 0], "server name");
    check(0, &[0, 3, 0, 0, 0], "server name");
    check(0, &[0, 8, 0, 0, 1, b'a', 0, 0, 1, b'b'], "server name");
    check(0, &[0, 4, 0, 0, 1, b'a', 0], "server name");
    check(10, &[0, 0], "supported groups");
    check(10, &[0, 3, 0, 29, 0], "supported groups");
    check(13, &[0, 2, 4, 3, 9], "signature algorithms");
    check(16, &[0, 0], "application protocols");
    check(16, &[0, 1, 0], "application protocols");
    check(42, &[1], "early data");
    check(43, &[1, 3], "supported versions");
    check(51, &[0, 4, 0, 29, 0, 0], "key shares");
    check(51, &[0, 5, 0, 29, 0, 2, 1], "key shares");
}

#[test]
fn names_the_part_that_is_cut_short() {
    let (_, bytes) = CLIENTS[0];
    let mut fields: Vec<_> = (4..bytes.len() - 5)
        .filter_map(|len| match decode_body(&bytes[9..5 + len]) {
            Err(HelloError::Malformed { field }) => Some(field),
            _ => None,
        })
        .collect();
    fields.dedup();
    let parts = "version random session id cipher suites compression methods extensions";
    assert_eq!(fields.join(" "), parts);
}

#[test]
fn takes_a_hello_without_extensions() {
    let hello = decode_body(&body(None)).unwrap();
    assert_eq!((hello.extensions.len(), hello.host()), (0, None));
    assert_eq!(with_extensions(&[]).unwrap(), hello);
}

#[test]
fn refuses_an_extension_that_comes_twice_and_keys_that_are_not_last() {
    let twice = with_extensions(&[(0xfafa, b""), (23, b""), (0xfafa, b"")]);
    assert_eq!(twice, Err(HelloError::DuplicateExtension { id: 0xfafa }));
    assert_eq!(with_extensions(&[(41, b"?"), (23, b"")]), Err(HelloError::PskNotLast));
    assert!(with_extensions(&[(23, b""), (41, b"?")]).unwrap().psk);
}

#[test]
fn keeps_the_name_as_sent_and_gives_it_for_looking_up() {
    #[track_caller]
    fn check(name: &[u8], sni: &str, host: Option<&str>) {
        let len = name.len() as u8;
        let body = [&[0, len + 3, 0, 0, len], name].concat();
        let hello = with_extensions(&[(0, &body)]).unwrap();
        assert_eq!((hello.sni.as_deref(), hello.host().as_deref()), (Some(sni), host));
    }
    check(b"Origin.TEST", "Origin.TEST", Some("origin.test"));
    check(b"origin.test.", "origin.test.", Some("origin.test"));
    check(b".", ".", None);
    check(b"a\xff\n", r"a\xff\n", Some(r"a\xff\n"));
    // A name of another type, of which nothing more is known.
    let hello = with_extensions(&[(0, &[0, 4, 7, 0, 1, b'x'])]).unwrap();
    assert_eq!(hello.sni, None);
}

#[test]
fn sniffs_tls_by_six_bytes_and_others_by_the_first_that_does_not_fit() {
    #[track_caller]
    fn check(bytes: &[u8], expected: Sniff) {
        assert_eq!(sniff(bytes), expected);
    }
    check(&[], Sniff::NeedMore);
    check(&[22], Sniff::NeedMore);
    check(&[22, 3, 1, 2, 0], Sniff::NeedMore);
    check(&[22, 3, 1, 2, 0, 1], Sniff::Tls);
    check(&[22, 3, 4, 0, 1, 1], Sniff::Tls);
    check(&[22, 3, 1, 2, 0, 2], Sniff::NotTls);
    check(&[22, 3, 1, 0, 0], Sniff::NotTls);
    check(&[22, 2], Sniff::NotTls);
    check(b"G", Sniff::NotTls);
    check(&[0x80], Sniff::NotTls);
}

/// Chrome's lists, of which the fingerprints are published, as it sends them: shuffled and with reserved values.
fn chrome(extensions: &[u16]) -> ClientHello {
    let mut hello = ClientHello::default();
    hello.legacy_version = 0x0303;
    hello.ciphers = vec![
        0x3a3a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
        0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
    ];
    hello.extensions = [&[0x1a1a], extensions, &[0xdada]].concat();
    hello.alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    hello.supported_versions = vec![0x6a6a, 0x0304, 0x0303];
    hello.signature_algorithms =
        vec![0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
    hello
}

#[test]
fn fingerprints_are_the_published_ones() {
    let with_padding = [
        0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012,
        0x002b, 0xff01, 0x000b, 0x000a, 0x0015,
    ];
    let expected = "t13d1516h2_8daaf6152771_e5627efa2ab1";
    assert_eq!(ja4(&chrome(&with_padding), Transport::Tcp), expected);
    let with_ech = with_padding.map(|id| if id == 0x0015 { 0xfe0d } else { id });
    let expected = "t13d1516h2_8daaf6152771_02713d6af862";
    assert_eq!(ja4(&chrome(&with_ech), Transport::Tcp), expected);
    // Go's own: only its lists of ciphers and extensions count, which are those of any program in Go.
    let go = ja4(&read(CLIENTS[1].1).unwrap().unwrap(), Transport::Tcp);
    assert_eq!(&go[10..], "_9dc949149365_97f8aa674fd9");
}

#[test]
fn fingerprints_begin_with_what_is_offered() {
    #[track_caller]
    fn check(change: impl Fn(&mut ClientHello), transport: Transport, expected: &str) {
        let mut hello = chrome(&[0, 16, 13, 43]);
        change(&mut hello);
        let text = ja4(&hello, transport);
        assert_eq!(text.split_once('_').unwrap().0, expected);
        assert_eq!(text.len(), 36);
    }
    use Transport::{Quic, Tcp};
    check(|_| {}, Tcp, "t13d1504h2");
    check(|_| {}, Quic, "q13d1504h2");
    check(|hello| hello.extensions = vec![], Tcp, "t13i1500h2");
    check(|hello| hello.ciphers = vec![1; 300], Tcp, "t13d9904h2");
    for (version, expected) in
        [(0x0303, "12"), (0x0302, "11"), (0x0301, "10"), (0x0300, "s3"), (2, "s2"), (9, "00")]
    {
        let change = |hello: &mut ClientHello| {
            hello.supported_versions = vec![0x2a2a];
            hello.legacy_version = version;
        };
        check(change, Tcp, &format!("t{expected}d1504h2"));
    }
    let protocols: [(&[u8], &str); 9] = [
        (b"http/1.1", "h1"),
        (b"h", "hh"),
        (b"\xab", "ab"),
        (b"\xab\xcd", "ad"),
        (b"0\xab", "3b"),
        (b"01\xab\xcd", "3d"),
        (b"0\xab\xcd1", "01"),
        (b" a", "21"),
        (b"\x0a\x0a", "00"),
    ];
    for (protocol, expected) in protocols {
        let change = |hello: &mut ClientHello| hello.alpn = vec![protocol.to_vec()];
        check(change, Tcp, &format!("t13d1504{expected}"));
    }
}

#[test]
fn fingerprints_have_zeros_for_empty_lists_and_no_mark_of_absent_algorithms() {
    assert_eq!(
        ja4(&ClientHello::default(), Transport::Tcp),
        "t00i000000_000000000000_000000000000"
    );
    let mut hello = chrome(&[0, 16]);
    hello.ciphers = vec![0x0a0a];
    assert_eq!(ja4(&hello, Transport::Tcp), "t13d0002h2_000000000000_000000000000");
    hello.extensions = vec![0x002b];
    hello.signature_algorithms.clear();
    // The hash of `002b` alone.
    assert_eq!(ja4(&hello, Transport::Tcp), "t13i0001h2_000000000000_b9a491fefe05");
}

#[test]
fn sixteen_values_are_reserved() {
    let reserved: Vec<_> = (0..=u16::MAX).filter(|value| is_grease(*value)).collect();
    assert_eq!((reserved.len(), reserved[0], reserved[15]), (16, 0x0a0a, 0xfafa));
}

proptest! {
    #[test]
    fn reads_back_what_a_client_offers(
        ciphers in prop::collection::vec(any::<u16>(), 1..50),
        groups in prop::collection::vec(any::<u16>(), 1..50),
        name in "[a-z]{1,60}(\\.[a-z]{1,60}){0,3}",
        fragment in 1..200_usize,
        segment in 1..200_usize,
    ) {
        let list = numbers(&groups);
        let host = [&[0][..], &prefixed(name.as_bytes())].concat();
        let extensions = extensions(&[(0, &prefixed(&host)), (10, &prefixed(&list))]);
        let bytes = message(&body_with(&ciphers, Some(&extensions)));
        let hello = read_by(&records(&bytes, fragment), segment).unwrap().unwrap();
        prop_assert_eq!(hello.ciphers, ciphers);
        prop_assert_eq!(hello.groups, groups);
        prop_assert_eq!(hello.sni, Some(name));
    }

    #[test]
    fn never_panics_and_does_not_depend_on_cuts(
        which in 0..CLIENTS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        segment in 1..100_usize,
    ) {
        let mut bytes = CLIENTS[which].1.to_vec();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let whole = read(&bytes);
        prop_assert_eq!(&read_by(&bytes, segment), &whole);
        if let Ok(Some(hello)) = whole {
            prop_assert_eq!(sniff(&bytes), Sniff::Tls);
            prop_assert_eq!(ja4(&hello, Transport::Tcp).len(), 36);
        }
    }

    #[test]
    fn what_is_sniffed_as_tls_begins_to_read_as_a_hello(
        mut bytes in prop::collection::vec(any::<u8>(), 0..12),
        fits in 0..7_usize,
    ) {
        let fits = fits.min(bytes.len());
        bytes[..fits].copy_from_slice(&[22, 3, 1, 0, 200, 1][..fits]);
        let begun = read(&bytes[..bytes.len().min(6)]);
        match sniff(&bytes) {
            Sniff::Tls => prop_assert!(begun.is_ok()),
            Sniff::NeedMore => prop_assert_eq!(begun, Ok(None)),
            // SSL 2.0 is named only at the third byte.
            Sniff::NotTls => prop_assert!(begun.is_err() || bytes[0] & 0x80 != 0),
        }
    }
}

fn read(bytes: &[u8]) -> Result<Option<ClientHello>, HelloError> {
    HelloReader::new().push(bytes)
}

/// Reads bytes in segments, up to the first that gives an answer.
fn read_by(bytes: &[u8], segment: usize) -> Result<Option<ClientHello>, HelloError> {
    let mut reader = HelloReader::new();
    let mut outcomes = bytes.chunks(segment).map(|segment| reader.push(segment));
    outcomes.find(|outcome| *outcome != Ok(None)).unwrap_or(Ok(None))
}

/// Puts a handshake message into records with fragments of one length.
fn records(message: &[u8], fragment: usize) -> Vec<u8> {
    let record = |part: &[u8]| [&[22, 3, 1][..], &prefixed(part)].concat();
    message.chunks(fragment).flat_map(record).collect()
}

fn message(body: &[u8]) -> Vec<u8> {
    [&[1, 0][..], &prefixed(body)].concat()
}

fn decode_body(body: &[u8]) -> Result<ClientHello, HelloError> {
    assert!(body.len() < MAX_HELLO_BYTES);
    ClientHello::decode(&message(body))
}

fn with_extensions(list: &[(u16, &[u8])]) -> Result<ClientHello, HelloError> {
    decode_body(&body(Some(&extensions(list))))
}

fn body(extensions: Option<&[u8]>) -> Vec<u8> {
    body_with(&[0x1301], extensions)
}

fn body_with(ciphers: &[u16], extensions: Option<&[u8]>) -> Vec<u8> {
    let mut body = [&[3, 3][..], &[7; 32], &[0], &prefixed(&numbers(ciphers)), &[1, 0]].concat();
    body.extend(extensions.map(prefixed).unwrap_or_default());
    body
}

fn extensions(list: &[(u16, &[u8])]) -> Vec<u8> {
    list.iter().flat_map(|(id, body)| [&id.to_be_bytes()[..], &prefixed(body)].concat()).collect()
}

fn numbers(list: &[u16]) -> Vec<u8> {
    list.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// Puts the length, in two bytes, in front.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).unwrap();
    [&len.to_be_bytes()[..], bytes].concat()
}

fn write_hello(hello: &ClientHello, to: &mut String) {
    let alpn: Vec<_> = hello.alpn.iter().map(|name| String::from_utf8_lossy(name)).collect();
    let lines = [
        format!("version {:04x}, session id of {}", hello.legacy_version, hello.session_id_len),
        format!("sni {:?}, host {:?}, alpn {alpn:?}", hello.sni, hello.host()),
        format!("ciphers {}", hex(&hello.ciphers)),
        format!("extensions {}", hex(&hello.extensions)),
        format!("versions {}", hex(&hello.supported_versions)),
        format!("groups {}, shares {}", hex(&hello.groups), hex(&hello.key_share_groups)),
        format!("algorithms {}", hex(&hello.signature_algorithms)),
        format!("ech {}, early data {}, psk {}", hello.ech, hello.early_data, hello.psk),
    ];
    for line in lines {
        writeln!(to, "  {line}").unwrap();
    }
}

fn hex(list: &[u16]) -> String {
    list.iter().map(|value| format!("{value:04x}")).collect::<Vec<_>>().join(" ")
}
