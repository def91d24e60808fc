//! The messages of SOCKS, byte by byte.

use std::net::SocketAddr;
use std::sync::Arc;

use proptest::prelude::*;
use sidestream_explicit::socks::{
    Address, Command, Credentials, DatagramError, DecodeError, Handshake, HandshakeError, Host,
    Refused, Reply, Request, Step, Version, decode_datagram, encode_header,
};

/// Feeds what a client sends, as much at a time as is wanted; returns what it is told meanwhile,
/// what comes of it, and what is left for the server.
fn play<'a>(auth: Option<&str>, mut sent: &'a [u8]) -> (Vec<u8>, Played, &'a [u8]) {
    let mut handshake = Handshake::new(auth.map(|text| Arc::new(text.parse().unwrap())));
    let mut told = Vec::new();
    loop {
        let Some((now, later)) = sent.split_at_checked(handshake.wants()) else {
            return (told, Played::Waits, sent);
        };
        sent = later;
        match handshake.handle(now) {
            Ok(Step::Judge { .. }) => unreachable!("no file of users is asked"),
            Ok(Step::More) => {}
            Ok(Step::Say(words)) => told.extend(words),
            Ok(Step::Serve(request)) => return (told, Played::Serve(request), sent),
            Err(Refused { error, say }) => {
                told.extend(say);
                return (told, Played::Refused(error), sent);
            }
        }
    }
}

#[derive(Debug, PartialEq)]
enum Played {
    Refused(HandshakeError),
    Serve(Request),
    Waits,
}

#[track_caller]
fn check(auth: Option<&str>, sent: &[u8], told: &[u8], expected: Played) {
    let (said, played, _rest) = play(auth, sent);
    assert_eq!((&said[..], played), (told, expected));
}

fn serve(version: Version, command: Command, address: &str) -> Played {
    let (host, port) = address.rsplit_once(':').unwrap();
    let host = host.trim_matches(['[', ']']);
    let host = host.parse().map_or_else(|_| Host::Name(host.into()), Host::Ip);
    Played::Serve(Request {
        version,
        command,
        address: Address { host, port: port.parse().unwrap() },
    })
}

#[test]
fn requests_of_version_5_are_read() {
    let connect = |address: &str| serve(Version::V5, Command::Connect, address);
    check(
        None,
        b"\x05\x01\x00\x05\x01\x00\x01\x7f\0\0\x01\x01\xbb",
        b"\x05\0",
        connect("127.0.0.1:443"),
    );
    check(
        None,
        b"\x05\x02\x02\x00\x05\x01\x00\x03\x0bexample.com\x00\x50",
        b"\x05\0",
        connect("example.com:80"),
    );
    check(
        None,
        b"\x05\x01\x00\x05\x01\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50",
        b"\x05\0",
        connect("[::1]:80"),
    );
    // A name that is an address in writing needs no look-up.
    check(None, b"\x05\x01\0\x05\x01\0\x03\x03::1\0\x50", b"\x05\0", connect("[::1]:80"));
    let associate = serve(Version::V5, Command::Associate, "0.0.0.0:0");
    check(None, b"\x05\x01\x00\x05\x03\x00\x01\0\0\0\0\0\0", b"\x05\0", associate);
}

#[test]
fn what_comes_behind_the_request_is_left_to_the_server() {
    let (_, played, rest) = play(None, b"\x05\x01\0\x05\x01\0\x01\x01\x02\x03\x04\0\x50GET /");
    assert_eq!(played, serve(Version::V5, Command::Connect, "1.2.3.4:80"));
    assert_eq!(rest, b"GET /");
    let (_, played, rest) = play(None, b"\x04\x01\0\x50\x01\x02\x03\x04me\0GET /");
    assert_eq!(played, serve(Version::V4, Command::Connect, "1.2.3.4:80"));
    assert_eq!(rest, b"GET /");
}

#[test]
fn requests_of_versions_4_and_4a_are_read() {
    let connect = |address: &str| serve(Version::V4, Command::Connect, address);
    check(None, b"\x04\x01\x00\x50\x01\x02\x03\x04\0", b"", connect("1.2.3.4:80"));
    check(None, b"\x04\x01\x00\x50\0\0\0\x07me\0a.test\0", b"", connect("a.test:80"));
    check(None, b"\x04\x01\x00\x50\0\0\0\x07me\0a.test", b"", Played::Waits);
    let rejected = b"\0\x5b\0\0\0\0\0\0";
    let refused = Played::Refused(HandshakeError::Command { command: 2 });
    check(None, b"\x04\x02\x00\x50\x01\x02\x03\x04\0", rejected, refused);
    let nameless = Played::Refused(HandshakeError::Address(DecodeError::Name));
    check(None, b"\x04\x01\x00\x50\0\0\0\x07me\0\0", rejected, nameless);
    let long = [&b"\x04\x01\x00\x50\x01\x02\x03\x04"[..], &[b'a'; 300]].concat();
    check(None, &long, rejected, Played::Refused(HandshakeError::TooLong));
    // It has no passwords.
    let refused = Played::Refused(HandshakeError::Method);
    check(Some("a:b"), b"\x04\x01\x00\x50\x01\x02\x03\x04\0", rejected, refused);
}

#[test]
fn what_is_not_offered_is_refused_with_its_code() {
    let refused = |error| Played::Refused(error);
    check(
        None,
        b"\x05\x01\x00\x05\x02\x00\x01\x7f\0\0\x01\x01\xbb",
        b"\x05\0\x05\x07\0\x01\0\0\0\0\0\0",
        refused(HandshakeError::Command { command: 2 }),
    );
    check(
        None,
        b"\x05\x01\x00\x05\x01\x00\x02\x7f",
        b"\x05\0\x05\x08\0\x01\0\0\0\0\0\0",
        refused(HandshakeError::Address(DecodeError::AddressType { kind: 2 })),
    );
    check(
        None,
        b"\x05\x01\x00\x05\x01\x00\x03\x00\0\x50",
        b"\x05\0\x05\x01\0\x01\0\0\0\0\0\0",
        refused(HandshakeError::Address(DecodeError::Name)),
    );
    check(None, b"\x05\x01\x02", b"\x05\xff", refused(HandshakeError::Method));
    check(None, b"\x05\x00", b"\x05\xff", refused(HandshakeError::Method));
    check(None, b"GET / HTTP/1.1\r\n", b"", refused(HandshakeError::Version { version: b'G' }));
}

#[test]
fn only_who_knows_the_password_is_served() {
    let asked = b"\x05\x01\x00\x01\x7f\0\0\x01\x01\xbb";
    let with = |user: &[u8], password: &[u8]| {
        let lens = [user.len(), password.len()].map(|len| u8::try_from(len).unwrap());
        let login = [&[1, lens[0]], user, &[lens[1]], password].concat();
        [&b"\x05\x02\x00\x02"[..], &login, asked].concat()
    };
    let served = || serve(Version::V5, Command::Connect, "127.0.0.1:443");
    let wrong = || Played::Refused(HandshakeError::Login);
    check(Some("me:a:b"), &with(b"me", b"a:b"), b"\x05\x02\x01\0", served());
    for (user, password) in
        [(&b"me"[..], &b"a:"[..]), (b"me", b"a:bc"), (b"m", b"a:b"), (b"", b""), (b"me", b"A:b")]
    {
        let (told, played, _) = play(Some("me:a:b"), &with(user, password));
        assert_eq!((&told[..], played), (&b"\x05\x02\x01\x01"[..], wrong()));
    }
    check(Some("me:a"), b"\x05\x01\x00", b"\x05\xff", Played::Refused(HandshakeError::Method));
}

#[test]
fn credentials_are_read_and_never_printed() {
    let credentials: Credentials = "me:secret:er".parse().unwrap();
    assert_eq!(format!("{credentials:?}"), "Credentials([redacted])");
    for wrong in ["", "me", ":secret", "me:", &format!("me:{}", "a".repeat(256))] {
        assert!(wrong.parse::<Credentials>().is_err(), "{wrong}");
    }
}

#[test]
fn replies_are_as_the_version_has_them() {
    let bound: SocketAddr = "192.0.2.1:4660".parse().unwrap();
    let v6: SocketAddr = "[2001:db8::1]:4660".parse().unwrap();
    assert_eq!(Reply::Succeeded.encode(Version::V5, bound), b"\x05\0\0\x01\xc0\0\x02\x01\x12\x34");
    assert_eq!(
        Reply::Refused.encode(Version::V5, v6),
        b"\x05\x05\0\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x12\x34"
    );
    assert_eq!(Reply::Succeeded.encode(Version::V4, bound), b"\0\x5a\x12\x34\xc0\0\x02\x01");
    assert_eq!(Reply::TimedOut.encode(Version::V4, v6), b"\0\x5b\x12\x34\0\0\0\0");
}

#[test]
fn datagrams_say_where_they_go() {
    let (server, payload) = decode_datagram(b"\0\0\0\x01\xc0\0\x02\x01\0\x35query").unwrap();
    assert_eq!((server.to_string(), payload), ("192.0.2.1:53".into(), &b"query"[..]));
    assert_eq!(encode_header(&server), b"\0\0\0\x01\xc0\0\x02\x01\0\x35");
    let refused = |bytes: &[u8]| decode_datagram(bytes).unwrap_err();
    assert_eq!(refused(b"\0\0\x01\x01\xc0\0\x02\x01\0\x35"), DatagramError::Fragment);
    assert_eq!(refused(b"\0\0"), DatagramError::Header);
    assert_eq!(refused(b"\0\x01\0\x01\xc0\0\x02\x01\0\x35"), DatagramError::Header);
    assert_eq!(refused(b"\0\0\0"), DatagramError::Address(DecodeError::Truncated));
    assert_eq!(refused(b"\0\0\0\x01\xc0\0\x02"), DatagramError::Address(DecodeError::Truncated));
    assert_eq!(refused(b"\0\0\0\x03\x02a \0\x35"), DatagramError::Address(DecodeError::Name));
}

fn address() -> impl Strategy<Value = Address> {
    let host = prop_oneof![
        any::<std::net::IpAddr>().prop_map(Host::Ip),
        "[a-z][a-z0-9.-]{0,254}".prop_map(|name| Host::Name(name.into())),
    ];
    (host, any::<u16>()).prop_map(|(host, port)| Address { host, port })
}

proptest! {
    #[test]
    fn addresses_come_back_as_they_were(address in address(), rest: Vec<u8>) {
        let mut bytes = Vec::new();
        address.encode(&mut bytes);
        bytes.extend_from_slice(&rest);
        let (decoded, left) = Address::decode(&bytes).unwrap();
        // A name may be an address in writing, such as `::`; none begins with a letter.
        prop_assert_eq!((decoded, left), (address, &rest[..]));
    }

    #[test]
    fn any_bytes_come_to_an_end(bytes: Vec<u8>, auth: bool) {
        for start in [&b""[..], b"\x05\x01\x00", b"\x05\x01\x02\x01", b"\x04\x01"] {
            let sent = [start, &bytes].concat();
            let (told, played, rest) = play(auth.then_some("a:b"), &sent);
            prop_assert!(told.len() <= 14 && rest.len() <= sent.len());
            prop_assert!(played != Played::Waits || rest.len() < 257);
        }
        _ = decode_datagram(&bytes);
    }
}
