//! What is told from first bytes, how soon, and from which it is not.

mod flows;
mod near;

use proptest::prelude::*;
use sidestream_flow::Peer;
use sidestream_proto::detect::{Greetings, Sign, of_client, of_datagram};
use sidestream_record::Protocol;

/// A query for `a.test`, behind its length.
const QUERY: &[u8] = b"\0\x18\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x04test\0\0\x01\0\x01";

/// Shows these sides to each other in turn, and returns what is told, and when.
#[track_caller]
fn check(said: &[(Peer, &str)], expected: Option<Protocol>) {
    let whole = greeted(said, usize::MAX);
    assert_eq!(whole, expected, "{said:?}");
    assert_eq!(greeted(said, 1), expected, "{said:?}, byte by byte");
}

fn greeted(said: &[(Peer, &str)], size: usize) -> Option<Protocol> {
    let mut greetings = Greetings::default();
    let mut told = None;
    for (from, bytes) in said {
        for piece in bytes.as_bytes().chunks(size.min(bytes.len().max(1))) {
            let found = greetings.see(*from, piece);
            assert!(found.is_none() || told.is_none(), "told once");
            told = told.or(found);
        }
    }
    told
}

fn says(greeting: &'static str) -> Vec<(Peer, &'static str)> {
    vec![(Peer::Server(0), greeting)]
}

fn answered(greeting: &'static str, command: &'static str) -> Vec<(Peer, &'static str)> {
    vec![(Peer::Server(0), greeting), (Peer::Client, command)]
}

#[test]
fn servers_that_greet_are_told_by_their_greeting() {
    use Protocol::{Ftp, Imap, Pop3, Smtp, Ssh};
    check(&says("220 mail.test ESMTP Postfix (Debian)\r\n"), Some(Smtp));
    check(&says("220 mx.test Service ready; esmtp\r\n"), Some(Smtp));
    check(&says("220-mail.test ESMTP Exim 4.96\r\n220-no spam\r\n220 please\r\n"), Some(Smtp));
    check(&says("220 ftp.test ESMTP\r\n"), Some(Smtp));
    check(&says("220 lmtp.test LMTP ready\n"), Some(Smtp));
    check(&says("220 (vsFTPd 3.0.3)\r\n"), Some(Ftp));
    check(&says("220 ProFTPD Server (Debian) [::ffff:192.0.2.1]\r\n"), Some(Ftp));
    check(&says("220---------- Welcome to Pure-FTPd [TLS] ----------\r\n"), Some(Ftp));
    check(&says("220 files.test FTP server ready.\r\n"), Some(Ftp));
    check(&answered("220 a.test ready\r\n", "EHLO b.test\r\n"), Some(Smtp));
    check(&answered("220 a.test ready\r\n", "helo b.test\r\n"), Some(Smtp));
    check(&answered("220 a.test ready\r\n", "USER me\r\n"), Some(Ftp));
    check(&answered("220 FileZilla Server 1.8\r\n", "AUTH TLS\r\n"), Some(Ftp));
    check(&says("* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n"), Some(Imap));
    check(&says("* ok hello\r\n"), Some(Imap));
    check(&says("* PREAUTH hello\r\n"), Some(Imap));
    check(&says("+OK Dovecot ready. <1.2@a.test>\r\n"), Some(Pop3));
    check(&says("+OK\r\n"), Some(Pop3));
    check(&says("SSH-2.0-OpenSSH_9.2p1 Debian\r\n"), Some(Ssh));
    check(&[(Peer::Client, "SSH-2.0-x\r\n"), (Peer::Server(0), "SSH-2.0-y\r\n")], Some(Ssh));
    check(&[(Peer::Client, "x"), (Peer::Server(0), "SSH-2.0-y\r\n")], Some(Ssh));
}

#[test]
fn what_only_looks_like_a_greeting_is_not_told() {
    for said in [
        "220",
        "220 a.test ready\r\n",
        "220-a.test ready\r\n",
        "2200 ESMTP\r\n",
        "220_ESMTP\r\n",
        "221 ESMTP bye\r\n",
        "421 a.test too many connections\r\n",
        "220 smtp\r\n",
        "220 a.test swiftly\r\n",
        "+OKAY\r\n",
        "+O",
        "-ERR max number of clients reached\r\n",
        "* OK",
        "* OKAY ready\r\n",
        "* LIST x\r\n",
        "*3\r\n",
        "SSH-",
        "SSH-2.0-",
        "SSH-2.0-\r\n",
        "SSH-3.0-x\r\n",
        "RFB 003.008\n",
        "@RSYNCD: 31.0\n",
        "NOTICE AUTH :*** Looking up your hostname\r\n",
        "J\0\0\0\x0a8.0.36\0",
    ] {
        check(&says(said), None);
    }
    for (greeting, command) in [
        ("220 a.test ready\r\n", "QUIT\r\n"),
        ("220 a.test ready\r\n", "EHLOX a\r\n"),
        ("220 a.test ready\r\n", "\x16\x03\x01"),
        ("HTTP/1.1 400 Bad Request\r\n", "EHLO a\r\n"),
    ] {
        check(&answered(greeting, command), None);
    }
    // The answers of Redis, and of whoever was asked first.
    check(&[(Peer::Client, "PING\r\n"), (Peer::Server(0), "+OK\r\n")], None);
    check(&[(Peer::Client, "a1 LOGIN\r\n"), (Peer::Server(0), "* OK x\r\n")], None);
}

#[test]
fn a_client_of_ssh_or_dns_is_told_by_the_first_bytes_that_suffice() {
    for (said, protocol, port) in [
        (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], Protocol::Ssh, 22),
        (QUERY, Protocol::Dns, 9953),
        (QUERY, Protocol::Dns, 53),
    ] {
        let enough = (1..=said.len()).find(|n| of_client(&said[..*n], port) != Sign::NeedMore);
        assert_eq!(enough, Some(if protocol == Protocol::Ssh { 9 } else { 14 }));
        for n in enough.unwrap()..=said.len() {
            assert_eq!(of_client(&said[..n], port), Sign::Is(protocol));
        }
    }
}

#[test]
fn a_transfer_or_an_update_is_dns_on_its_own_port_alone() {
    let mut notify = QUERY.to_vec();
    notify[4] = 0x24;
    let mut incremental = QUERY.to_vec();
    incremental[11] = 1;
    for said in [notify, incremental] {
        assert_eq!(of_client(&said, 53), Sign::Is(Protocol::Dns));
        assert_eq!(of_client(&said, 9953), Sign::No);
    }
}

/// Says at which byte it is clear that a client speaks nothing that is known.
#[track_caller]
fn is_none_after(said: &[u8], bytes: usize) {
    let clear = (1..=said.len()).find(|n| of_client(&said[..*n], 9999) != Sign::NeedMore);
    assert_eq!(clear, Some(bytes), "{}", said.escape_ascii());
    assert_eq!(of_client(&said[..bytes], 9999), Sign::No);
}

#[test]
fn other_protocols_are_not_kept_waiting() {
    is_none_after(b"GET / HTTP/1.1\r\n", 1);
    is_none_after(b"SSH-1.5-x\r\n", 5);
    is_none_after(b"SELECT", 2);
    is_none_after(b"\x16\x03\x01\x02\0\x01", 1);
    // PostgreSQL, MQTT, Kafka, Modbus, LDAP, NetBIOS, RDP.
    is_none_after(b"\0\0\0\x08\x04\xd2\x16\x2f", 2);
    is_none_after(b"\x10\x1a\0\x04MQTT\x05", 2);
    is_none_after(b"\0\0\0\x2f\0\x12\0\x03", 2);
    is_none_after(b"\0\x01\0\0\0\x06\x01\x03", 2);
    is_none_after(b"\0\x2a\0\0\0\x06\x01\x03\0\0", 6);
    is_none_after(b"\x30\x0c\x02\x01\x01\x60", 1);
    is_none_after(b"\x81\0\0\x44", 1);
    is_none_after(b"\x03\0\0\x13\x0e\xe0", 5);
}

proptest! {
    #[test]
    fn random_bytes_show_nothing(
        client in prop::collection::vec(any::<u8>(), 1..400),
        server in prop::collection::vec(any::<u8>(), 1..400),
        datagram in prop::collection::vec(any::<u8>(), 0..1400),
        port in any::<u16>(),
    ) {
        prop_assert_eq!(of_datagram(&datagram), None);
        prop_assert!(!matches!(of_client(&client, port), Sign::Is(_)));
        let mut greetings = Greetings::default();
        prop_assert_eq!(greetings.see(Peer::Server(0), &server), None);
        prop_assert_eq!(greetings.see(Peer::Client, &client), None);
    }

    #[test]
    fn cuts_and_what_follows_change_nothing(
        said in prop::collection::vec((any::<bool>(), words()), 0..6),
        size in 1..9_usize,
    ) {
        let said: Vec<_> = said
            .iter()
            .map(|(client, text)| (if *client { Peer::Client } else { Peer::Server(0) }, *text))
            .collect();
        prop_assert_eq!(greeted(&said, size), greeted(&said, 1));
    }

    #[test]
    fn a_client_that_was_told_stays_told(
        bytes in prop::collection::vec(any::<u8>(), 0..30),
        more in prop::collection::vec(any::<u8>(), 0..30),
        port in prop_oneof![Just(53_u16), any::<u16>()],
    ) {
        let sign = of_client(&bytes, port);
        if sign != Sign::NeedMore {
            prop_assert_eq!(of_client(&[bytes, more].concat(), port), sign);
        }
    }
}

fn words() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "220",
        " ",
        "-",
        "a.test ",
        "ESMTP",
        "FTP",
        "\r\n",
        "EHLO a\r\n",
        "USER a\r\n",
        "+OK",
        "* OK ",
        "SSH-2.0-",
        "x",
    ])
}
