//! Hosts that are passed as they are, or treated as bytes.

use sidestream_flow::{Peer, Transport};
use sidestream_proto::{Config, Event, HostPatterns, HostRules, HostsError, Input, PassRules};
use sidestream_record::{PassReason, Protocol};

use crate::play::{Ca, Play, config};
use crate::tls::{Cast, Stage};

fn one(pattern: &str) -> Vec<String> {
    vec![pattern.to_owned()]
}

fn ignore(pattern: &str) -> HostPatterns {
    HostPatterns { ignore: one(pattern), ..HostPatterns::default() }
}

fn allow(pattern: &str) -> HostPatterns {
    HostPatterns { allow: one(pattern), ..HostPatterns::default() }
}

fn ruled(patterns: &HostPatterns) -> Config {
    let hosts = HostRules::new(patterns).unwrap();
    Config { hosts, ..config(&Ca::new()) }
}

/// A flow in the clear to 192.0.2.1, of a client that may have looked up a name.
fn clear(patterns: &HostPatterns, port: u16, host: Option<&str>) -> Play {
    let (host, pass) = (host.map(str::to_owned), PassRules::default());
    let mut play = Play::ruled(ruled(patterns), Transport::Tcp, port, host, pass);
    play.open();
    play
}

/// A TLS flow of a client that asks for `a.test`.
fn secure(patterns: &HostPatterns, passed: bool) -> Stage {
    let mut cast = Cast::new();
    if passed {
        // It trusts the server itself.
        cast.client = cast.upstream.client_config();
    }
    cast.config.hosts = HostRules::new(patterns).unwrap();
    let mut stage = cast.meet();
    stage.settle();
    stage
}

fn passed(play: &Play) -> bool {
    let is_it = |event: &Event| match event {
        Event::Passed(passed) => matches!(passed.why, PassReason::Hosts { .. }),
        _ => false,
    };
    play.events().any(is_it)
}

fn recognized(play: &Play) -> Vec<Protocol> {
    let protocol = |event: &Event| match event {
        Event::Recognized(protocol) => Some(*protocol),
        _ => None,
    };
    play.events().filter_map(protocol).collect()
}

#[test]
fn tls_is_passed_by_the_name_that_it_asks_for_or_its_address() {
    for (patterns, passes) in [
        (ignore(r"^a\.test:443$"), true),
        (ignore("A.TEST"), true),
        (ignore(r"192\.0\.2\.1:443"), true),
        (ignore(r"^b\.test"), false),
        (ignore(":80$"), false),
        (allow(r"^b\.test"), true),
        (allow(r"^a\.test:"), false),
        (allow(r"^192\.0\.2\.1:"), false),
        (HostPatterns::default(), false),
    ] {
        let mut stage = secure(&patterns, passes);
        assert_eq!(passed(&stage.play), passes, "{patterns:?}");
        stage.say(Peer::Client, "\x01 anything");
        assert_eq!(stage.heard(Peer::Server(0)), "\x01 anything");
        let shown = stage.play.events().any(|event| matches!(event, Event::Data { .. }));
        assert_eq!(shown, !passes, "{patterns:?}");
    }
}

#[test]
fn what_is_in_the_clear_is_passed_by_its_host_too() {
    let get = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    for (patterns, port, host, passes) in [
        (ignore(r"^a\.test:80"), 80, None, true),
        (ignore(r"^b\.test"), 80, Some("b.test"), true),
        (ignore(r"^b\.test"), 80, None, false),
        (allow(r"^b\.test"), 80, None, true),
        (allow(r"^a\.test"), 80, None, false),
    ] {
        let mut play = clear(&patterns, port, host);
        play.client(get);
        assert_eq!(passed(&play), passes, "{patterns:?} {host:?}");
        assert_eq!(play.take_sent(Peer::Server(0)), get.as_bytes());
        assert_eq!(play.events().any(|event| matches!(event, Event::Request { .. })), !passes);
    }
    let mut play = clear(&ignore(":25$"), 25, None);
    play.server("220 mail.test ESMTP\r\n");
    assert!(passed(&play) && recognized(&play).is_empty());
    assert_eq!(play.take_sent(Peer::Client), b"220 mail.test ESMTP\r\n");
}

#[test]
fn a_tunnel_through_the_proxy_is_passed_by_where_it_leads() {
    for (patterns, passes) in [(ignore(r"^a\.test:25$"), true), (ignore(":8080$"), false)] {
        let mut play = Play::with(ruled(&patterns), Transport::Tcp, 8080, true);
        play.client("CONNECT a.test:25 HTTP/1.1\r\nHost: a.test:25\r\n\r\n");
        play.open();
        play.server("220 a.test ESMTP\r\n");
        assert_eq!(passed(&play), passes, "{patterns:?}");
    }
}

#[test]
fn tcp_that_is_not_to_be_looked_into_is_decrypted_and_raw() {
    let tcp = HostPatterns { tcp: one(r"^a\.test:443"), ..HostPatterns::default() };
    let mut cast = Cast::new();
    cast.config.hosts = HostRules::new(&tcp).unwrap();
    // What would be translated is not.
    cast.config.http.server = sidestream_proto::HttpChoice::Http1;
    cast.client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    cast.server.alpn_protocols = vec![b"h2".to_vec()];
    let mut stage = cast.meet();
    stage.settle();
    let get = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    stage.say(Peer::Client, get);
    assert_eq!(stage.heard(Peer::Server(0)), get);
    assert_eq!(stage.client.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(recognized(&stage.play), [Protocol::Tls, Protocol::Raw]);
    let data = |event: &Event| matches!(event, Event::Data { data, .. } if data == get);
    assert!(stage.play.events().any(data));

    let tcp = HostPatterns { tcp: one("192"), ..HostPatterns::default() };
    let mut play = clear(&tcp, 80, None);
    play.client(get);
    assert_eq!(recognized(&play), [Protocol::Raw]);
}

#[test]
fn datagrams_that_are_not_to_be_looked_into_are_no_dns() {
    let query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x04test\0\0\x01\0\x01";
    let udp = HostPatterns { udp: one(":53$"), ..HostPatterns::default() };
    let tcp = HostPatterns { tcp: one(":53$"), ..HostPatterns::default() };
    for (patterns, protocol) in [(udp, Protocol::Raw), (tcp, Protocol::Dns)] {
        let mut play = Play::with(ruled(&patterns), Transport::Udp, 53, false);
        play.open();
        play.client(query);
        assert_eq!(recognized(&play), [protocol]);
    }
    let mut play = Play::with(ruled(&ignore(":53$")), Transport::Udp, 53, false);
    play.open();
    play.client(query);
    play.input(Input::Eof(Peer::Client));
    assert!(passed(&play) && recognized(&play).is_empty());
}

#[test]
fn what_is_no_pattern_is_named() {
    let error = HostRules::new(&ignore("a(")).unwrap_err();
    assert_eq!(error.to_string(), "\"a(\" is no regular expression");
    let both = HostPatterns { allow: one("a"), ..ignore("b") };
    assert_eq!(HostRules::new(&both).unwrap_err(), HostsError::Both);
}
