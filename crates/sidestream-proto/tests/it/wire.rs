//! What goes over each leg, told as it is on the wire, where the user wants that.

use insta::assert_snapshot;
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use sidestream_flow::{Peer, Transport};
use sidestream_proto::{Config, Event, Input, Output, PassRules};
use sidestream_record::Wire;

use crate::play::{Ca, Play, config};
use crate::tls::{Cast, Stage};

/// Versions as configurations take them.
type Versions = &'static [&'static SupportedProtocolVersion];

const ONLY12: Versions = &[&TLS12];
const ONLY13: Versions = &[&TLS13];

fn wired(upstream: &Ca) -> Config {
    Config { wire: true, ..config(upstream) }
}

/// What was on the wire, a line for each piece, and for each end.
fn wire(play: &Play) -> String {
    let line = |wire: &Wire| {
        let way = if wire.sent { "to" } else { "from" };
        let what = if wire.ended { "end".into() } else { format!("{:?}", wire.data) };
        format!("{way} {}: {what}\n", wire.peer)
    };
    let wires = play.events().filter_map(|event| match event {
        Event::Wire(wire) => Some(line(wire)),
        _ => None,
    });
    wires.collect()
}

#[test]
fn all_that_goes_over_both_legs_is_told_in_its_order() {
    let mut play = Play::with(wired(&Ca::new()), Transport::Tcp, 80, false);
    play.open();
    play.client("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    play.server("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb");
    play.input(Input::Eof(Peer::Client));
    play.input(Input::Eof(Peer::Server(0)));
    assert!(play.done);
    assert_snapshot!(wire(&play), @r#"
    from client: b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
    to server: b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
    from server: b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"
    to client: b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
    to client: b"b"
    from client: end
    to server: end
    from server: end
    to client: end
    "#);
}

#[test]
fn datagrams_are_told_each_and_have_no_end() {
    let mut play = Play::with(wired(&Ca::new()), Transport::Udp, 9, false);
    play.open();
    play.client("one");
    play.client("");
    play.server("two");
    play.input(Input::Eof(Peer::Client));
    assert_snapshot!(wire(&play), @r#"
    from client: b"one"
    to server: b"one"
    from client: b""
    to server: b""
    from server: b"two"
    to client: b"two"
    "#);
}

#[test]
fn nothing_of_it_is_told_where_nobody_asked() {
    let mut stage = Cast::new().meet();
    stage.settle();
    stage.say(Peer::Client, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let is_of_wire = |event: &Event| matches!(event, Event::Wire(_) | Event::Secrets(_));
    assert!(!stage.play.events().any(is_of_wire));
}

/// A conversation that is not decrypted.
fn passed(wire: bool) -> Stage {
    let mut cast = Cast::new();
    cast.pass = PassRules { decrypt: false, ..PassRules::default() };
    cast.config.wire = wire;
    cast.client = cast.upstream.client_config();
    let mut stage = cast.meet();
    stage.settle();
    stage
}

#[test]
fn what_passes_is_not_left_to_be_spliced_where_it_is_told() {
    let spliced = |stage: &Stage| {
        stage.play.outputs.iter().any(|output| matches!(output, Output::Splice { .. }))
    };
    assert!(spliced(&passed(false)));
    let mut stage = passed(true);
    assert!(!spliced(&stage));
    stage.say(Peer::Client, "unseen");
    assert_eq!(stage.heard(Peer::Server(0)), "unseen");
    let mut went = [Vec::new(), Vec::new()];
    for event in stage.play.events() {
        match event {
            Event::Wire(wire) if (wire.peer == Peer::Client) != wire.sent => {
                went[usize::from(wire.sent)].extend_from_slice(&wire.data);
            }
            Event::Secrets(_) => panic!("nothing was agreed on with us"),
            _ => {}
        }
    }
    let [came, sent] = went;
    assert!(came.starts_with(b"\x16\x03") && came.len() > 300, "{}", came.len());
    assert_eq!(came, sent);
}

/// Returns whether a piece that begins with a record has one that is encrypted.
fn is_encrypted(mut records: &[u8]) -> bool {
    let mut encrypted = false;
    while let [kind, _, _, high, low, rest @ ..] = records {
        encrypted |= *kind == 0x17;
        records = &rest[usize::from(u16::from_be_bytes([*high, *low])).min(rest.len())..];
    }
    encrypted
}

#[test]
fn keys_are_told_before_what_needs_them() {
    let labels13 = [
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
    ];
    for (version, labels) in [(ONLY13, &labels13[..]), (ONLY12, &["CLIENT_RANDOM"])] {
        let mut cast = Cast::new();
        cast.config.wire = true;
        cast.server = cast.upstream.server_config_of("a.test", version);
        let mut stage = cast.meet();
        stage.settle();
        stage.say(Peer::Client, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        stage.say(Peer::Server(0), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        for peer in [Peer::Client, Peer::Server(0)] {
            let mut known = String::new();
            let mut encrypted = 0;
            for event in stage.play.events() {
                match event {
                    Event::Secrets(secrets) if secrets.peer == peer => {
                        known.push_str(&secrets.lines.0);
                        assert!(!format!("{secrets:?}").contains("RANDOM 0"), "{secrets:?}");
                    }
                    Event::Wire(wire) if wire.peer == peer && is_encrypted(&wire.data) => {
                        encrypted += 1;
                        for label in labels {
                            let line = known.lines().find(|line| line.starts_with(*label));
                            let words = line.expect(label).split(' ').count();
                            assert_eq!(words, 3, "{known}");
                        }
                    }
                    _ => {}
                }
            }
            assert!(encrypted >= 2, "{encrypted}");
        }
    }
}
