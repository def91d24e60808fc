//! Clients that have to say who they are before they reach the server that they take us for.

use std::sync::Arc;
use std::time::Instant;

use insta::assert_snapshot;
use sidestream_flow::{Peer, Transport};
use sidestream_proto::endpoint::{Endpoint, Event, Limits};
use sidestream_proto::{
    Config, HostPatterns, HostRules, Input, Output, ProxyAuth, Reverse, Speaks,
};
use sidestream_record::Fields;

use crate::play::{Ca, Play, config};

const RIGHT: &str = "Authorization: Basic bWU6c2VjcmV0\r\n";
const WRONG: &str = "Authorization: Basic bWU6d3Jvbmc=\r\n";

fn guarded(auth: ProxyAuth) -> Config {
    let reverse = Reverse {
        host: "a.test".into(),
        port: 80,
        secure: false,
        speaks: Speaks::Http,
        keeps_host: true,
    };
    let proxy_auth = Some(Arc::new(auth));
    Config { proxy_auth, reverse: Some(reverse.into()), ..config(&Ca::new()) }
}

fn quick() -> ProxyAuth {
    ProxyAuth::new(|user, password| user == b"me" && password == b"secret")
}

fn begin(config: Config) -> Play {
    let mut play = Play::with(config, Transport::Tcp, 8080, false);
    play.open();
    play
}

fn request(fields: &str) -> String {
    format!("GET /x HTTP/1.1\r\nHost: a.test\r\n{fields}X:  y\r\n\r\n")
}

#[test]
fn who_gives_the_password_reaches_the_server_which_is_not_told_of_it() {
    let mut play = begin(guarded(quick()));
    play.client(request(RIGHT));
    assert_eq!(play.take_sent(Peer::Server(0)), request("").as_bytes());
    play.server("HTTP/1.1 204 No Content\r\n\r\n");
    assert_snapshot!(play.take_events(), @r"
    connected 0 192.0.2.1:80
    recognized HTTP/1
    request 1 GET http://a.test/x 3 fields
    altered: fields removed: Authorization
    ended 1 Request
    response 1 204 0 fields
    ended 1 Response
    over 1
    ");
}

#[test]
fn who_gives_none_is_asked_for_it() {
    let mut play = begin(guarded(quick()));
    play.client(request(""));
    let sent = String::from_utf8(play.take_sent(Peer::Client)).unwrap();
    let (head, _body) = sent.split_once("\r\n\r\n").unwrap();
    assert_snapshot!(head, @r#"
    HTTP/1.1 401 Unauthorized
    Content-Type: text/plain; charset=utf-8
    Content-Length: 80
    WWW-Authenticate: Basic realm="sidestream", charset="UTF-8"
    Connection: close
    "#);
    assert!(play.done && play.take_sent(Peer::Server(0)).is_empty());
}

#[test]
fn what_is_for_a_proxy_or_nearly_right_is_wrong() {
    let twice = RIGHT.repeat(2);
    let other = RIGHT.replace("Basic", "Bearer");
    let proxy = RIGHT.replace("Auth", "Proxy-Auth");
    for fields in [WRONG, &twice, &other, &proxy] {
        let mut play = begin(guarded(quick()));
        play.client(request(fields));
        assert!(play.take_sent(Peer::Client).starts_with(b"HTTP/1.1 401 "), "{fields}");
        assert!(play.done && play.take_sent(Peer::Server(0)).is_empty(), "{fields}");
    }
}

#[test]
fn each_request_of_a_connection_says_it() {
    let mut play = begin(guarded(quick()));
    play.client(request(RIGHT));
    play.server("HTTP/1.1 204 No Content\r\n\r\n");
    play.take_sent(Peer::Server(0));
    play.take_sent(Peer::Client);
    play.client(request(""));
    assert!(play.take_sent(Peer::Server(0)).is_empty());
    assert!(play.done && play.take_sent(Peer::Client).starts_with(b"HTTP/1.1 401 "));
}

#[test]
fn a_request_waits_for_a_judge_that_takes_its_time() {
    for admitted in [true, false] {
        let judge = ProxyAuth::slow(|_user, _password| std::future::ready(false));
        let mut play = begin(guarded(judge));
        play.client(request(RIGHT));
        let asked = play.outputs.iter().find_map(|output| match output {
            Output::Authenticate(login) => Some(login.exchange),
            _ => None,
        });
        assert!(play.take_sent(Peer::Server(0)).is_empty() && !play.done);
        play.input(Input::Authenticated(asked.unwrap(), admitted));
        assert_eq!(play.take_sent(Peer::Server(0)).is_empty(), !admitted);
        assert_eq!(play.take_sent(Peer::Client).starts_with(b"HTTP/1.1 401 "), !admitted);
    }
}

/// Checks that nothing of this reaches the server, after a first request that does.
#[track_caller]
fn check_stopped(said: &[u8], answered: &str) {
    for first in [false, true] {
        let mut play = begin(guarded(quick()));
        if first {
            play.client(request(RIGHT));
            play.server("HTTP/1.1 204 No Content\r\n\r\n");
            play.take_sent(Peer::Server(0));
            play.take_sent(Peer::Client);
        }
        play.client(said);
        while !play.done {
            play.expire();
        }
        let sent = play.take_sent(Peer::Server(0));
        assert!(sent.is_empty(), "{}", String::from_utf8_lossy(&sent));
        let told = String::from_utf8(play.take_sent(Peer::Client)).unwrap();
        assert!(told.starts_with(answered), "{told}");
    }
}

#[test]
fn what_is_no_request_reaches_nobody() {
    check_stopped(b"GET /x\r\nHost: a.test\r\n\r\n", "HTTP/1.1 400 ");
    check_stopped(b"nonsense\r\n\r\n", "HTTP/1.1 400 ");
    check_stopped(b"\x00\x01\x02\x03\r\n\r\n", "HTTP/1.1 400 ");
    check_stopped(b"SSH-2.0-x\r\n", "");
}

#[test]
fn a_request_that_comes_slowly_is_waited_for() {
    let mut play = begin(guarded(quick()));
    play.client("GE");
    play.expire();
    assert!(play.take_sent(Peer::Server(0)).is_empty());
}

#[test]
fn what_follows_a_broken_body_reaches_nobody() {
    let mut play = begin(guarded(quick()));
    play.client(format!(
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n{RIGHT}\r\n"
    ));
    play.take_sent(Peer::Server(0));
    play.client("zz\r\nGET /stolen HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert!(play.done && play.take_sent(Peer::Server(0)).is_empty(), "{play}");
}

#[test]
fn what_follows_the_end_of_a_server_reaches_nobody() {
    let mut play = begin(guarded(quick()));
    play.input(Input::Eof(Peer::Server(0)));
    play.client(request(""));
    assert!(play.take_sent(Peer::Server(0)).is_empty(), "{play}");
    let mut play = begin(guarded(quick()));
    play.client(request(RIGHT));
    play.server("HTTP/1.1 200 OK\r\n\r\nall");
    play.take_sent(Peer::Server(0));
    play.input(Input::Eof(Peer::Server(0)));
    play.client(request(""));
    assert!(play.take_sent(Peer::Server(0)).is_empty(), "{play}");
}

#[test]
fn http2_is_not_upgraded_to() {
    let mut play = begin(guarded(quick()));
    let upgrade =
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n";
    play.client(request(&format!("{RIGHT}{upgrade}")));
    let sent = String::from_utf8(play.take_sent(Peer::Server(0))).unwrap();
    assert!(sent.starts_with("GET /x ") && !sent.contains("h2c"), "{sent}");
    play.server("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    play.client("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(play.take_sent(Peer::Server(0)).is_empty(), "{play}");
}

#[test]
fn a_websocket_is_open_to_who_gives_the_password() {
    let fields = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut play = begin(guarded(quick()));
    play.client(request(&format!("{RIGHT}{fields}")));
    play.take_sent(Peer::Server(0));
    play.server(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    );
    let frame = b"\x81\x82\x00\x00\x00\x00hi";
    play.client(frame);
    assert_eq!(play.take_sent(Peer::Server(0)), frame);
    let mut play = begin(guarded(quick()));
    play.client(request(fields));
    assert!(play.done && play.take_sent(Peer::Server(0)).is_empty());
}

#[test]
fn hosts_that_are_not_looked_into_are_none_here() {
    let any = || vec![".*".to_owned()];
    let tcp = HostPatterns { tcp: any(), ..HostPatterns::default() };
    let ignore = HostPatterns { ignore: any(), ..HostPatterns::default() };
    for patterns in [tcp, ignore] {
        let hosts = HostRules::new(&patterns).unwrap();
        let mut play = begin(Config { hosts, ..guarded(quick()) });
        play.client(request(""));
        assert!(play.done && play.take_sent(Peer::Server(0)).is_empty(), "{play}");
    }
}

/// Moves bytes between two ends of HTTP/2 and a machine until nobody has anything more to say.
fn settle(play: &mut Play, ends: &mut [(Peer, Endpoint); 2]) -> Vec<(Peer, Event)> {
    let (mut events, now) = (Vec::new(), Instant::now());
    loop {
        let mut moved = false;
        for (peer, end) in ends.iter_mut() {
            for wire in end.take_wire() {
                moved = true;
                play.quiet_input(Input::Data(*peer, wire));
            }
            let sent = play.take_sent(*peer);
            moved |= !sent.is_empty();
            end.feed(sent.into(), now);
            while let Some(event) = end.poll_event() {
                events.push((*peer, event));
            }
        }
        if !moved {
            return events;
        }
    }
}

/// Returns the paths, or the statuses, of the heads that came to a peer.
fn heads(events: &[(Peer, Event)], to: Peer, name: &str) -> Vec<String> {
    let of = |(peer, event): &(Peer, Event)| match event {
        Event::Head { fields, .. } if *peer == to => {
            assert!(fields.get("authorization").is_none());
            Some(String::from_utf8_lossy(fields.get(name)?).into_owned())
        }
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

#[test]
fn a_stream_waits_for_a_judge_and_its_siblings_do_not() {
    let judge = ProxyAuth::slow(|_user, _password| std::future::ready(false));
    let mut play = begin(guarded(judge));
    let limits = Limits::default();
    let server = Peer::Server(0);
    let mut ends = [(Peer::Client, Endpoint::client(limits)), (server, Endpoint::server(limits))];
    for (path, said) in [("/1", "Basic bWU6c2VjcmV0"), ("/2", "Basic bWU6c2VjcmV0"), ("/3", "")] {
        let mut fields = Fields::default();
        let head = [(":method", "POST"), (":scheme", "http"), (":authority", "a.test")];
        head.iter().for_each(|(name, value)| fields.push(*name, *value));
        fields.push(":path", path);
        fields.push("authorization", said);
        let stream = ends[0].1.open(&fields, false).unwrap();
        ends[0].1.send_data(stream, "body".into(), true);
    }
    let events = settle(&mut play, &mut ends);
    // What says nothing is answered at once.
    assert_eq!(heads(&events, Peer::Client, ":status"), ["401"]);
    assert!(heads(&events, server, ":path").is_empty());
    let asked = play.outputs.iter().filter_map(|output| match output {
        Output::Authenticate(login) => Some(login.exchange),
        _ => None,
    });
    let [first, second] = asked.collect::<Vec<_>>()[..] else { panic!("{play}") };
    play.input(Input::Authenticated(second, true));
    let events = settle(&mut play, &mut ends);
    assert_eq!(heads(&events, server, ":path"), ["/2"]);
    play.conn.resume(first, Instant::now());
    play.input(Input::Authenticated(first, false));
    let events = settle(&mut play, &mut ends);
    assert_eq!(heads(&events, Peer::Client, ":status"), ["401"]);
    assert!(heads(&events, server, ":path").is_empty());
}
