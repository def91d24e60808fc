//! Clients that have to say who they are before they are served as a proxy's.

use std::sync::Arc;

use insta::assert_snapshot;
use sidestream_flow::{Peer, Transport};
use sidestream_proto::{Config, Input, Output, ProxyAuth};

use crate::play::{Ca, Play, config};

/// A client of a proxy that lets `me:secret` in.
fn guarded() -> Play {
    let auth = ProxyAuth::new(|user, password| user == b"me" && password == b"secret");
    let config = Config { proxy_auth: Some(Arc::new(auth)), ..config(&Ca::new()) };
    Play::with(config, Transport::Tcp, 8080, true)
}

#[test]
fn who_gives_the_password_is_served_and_it_is_told_to_nobody() {
    let mut play = guarded();
    play.client(
        "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nproxy-authorization: basic bWU6c2VjcmV0\r\n\r\n",
    );
    play.open();
    let told = play.take_events();
    assert!(told.contains("request 1 GET http://a.test/"), "{told}");
    let sent = play.take_sent(Peer::Server(0));
    assert_eq!(sent, b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
}

#[test]
fn who_gives_no_password_is_asked_for_it() {
    let mut play = guarded();
    play.client("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n");
    assert_eq!(
        String::from_utf8(play.take_sent(Peer::Client)).unwrap().split("\r\n\r\n").next(),
        Some(
            "HTTP/1.1 407 Proxy Authentication Required\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Content-Length: 80\r\n\
             Proxy-Authenticate: Basic realm=\"sidestream\", charset=\"UTF-8\"\r\n\
             Connection: close"
        )
    );
    assert_snapshot!(play.take_events());
}

/// Returns whether a request with these fields reaches its server.
fn is_served(fields: &str) -> bool {
    let mut play = guarded();
    play.client(format!("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n"));
    if play.done {
        let sent = play.take_sent(Peer::Client);
        assert!(sent.starts_with(b"HTTP/1.1 407 "), "{}", String::from_utf8_lossy(&sent));
    }
    !play.done
}

#[test]
fn what_is_nearly_right_is_wrong() {
    let field = |value: &str| format!("Proxy-Authorization: {value}\r\n");
    assert!(is_served(&field("Basic bWU6c2VjcmV0")));
    for wrong in
        ["Basic bWU6c2VjcmV", "Basic bWU=", "Bearer bWU6c2VjcmV0", "Basic", "", "Basic bWU6"]
    {
        assert!(!is_served(&field(wrong)), "{wrong}");
    }
    assert!(!is_served("Authorization: Basic bWU6c2VjcmV0\r\n"));
    let twice = field("Basic bWU6c2VjcmV0").repeat(2);
    assert!(!is_served(&twice), "of two, nobody knows which one counts");
}

#[test]
fn each_request_of_a_connection_says_it() {
    let mut play = guarded();
    let field = "Proxy-Authorization: Basic bWU6c2VjcmV0\r\n";
    play.client(format!("GET http://a.test/1 HTTP/1.1\r\nHost: a.test\r\n{field}\r\n"));
    play.open();
    play.server("HTTP/1.1 204 No Content\r\n\r\n");
    play.take_sent(Peer::Server(0));
    play.client("GET http://a.test/2 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert!(play.take_sent(Peer::Server(0)).is_empty());
    assert!(play.done, "{play}");
}

/// Asks a proxy whose judge takes its time, and answers as it would.
fn judged_slowly(field: &str, admitted: bool) -> Play {
    let auth =
        ProxyAuth::slow(|user, password| async move { user == b"me" && password == b"secret" });
    let config = Config { proxy_auth: Some(Arc::new(auth)), ..config(&Ca::new()) };
    let mut play = Play::with(config, Transport::Tcp, 8080, true);
    play.client(format!("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n{field}\r\n"));
    play.client("GET http://a.test/2 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let login = play.outputs.iter().find_map(|output| match output {
        Output::Authenticate(login) => Some(login.exchange),
        _ => None,
    });
    assert!(!play.done && play.take_sent(Peer::Client).is_empty(), "it waits: {play}");
    play.input(Input::Authenticated(login.unwrap(), admitted));
    play
}

#[test]
fn a_request_waits_for_a_judge_that_takes_its_time() {
    let mut play = judged_slowly("Proxy-Authorization: Basic bWU6c2VjcmV0\r\n", true);
    play.open();
    assert_eq!(play.take_sent(Peer::Server(0)), b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let mut play = judged_slowly("Proxy-Authorization: Basic bWU6d3Jvbmc=\r\n", false);
    assert!(play.take_sent(Peer::Client).starts_with(b"HTTP/1.1 407 "));
    assert!(play.done && play.take_sent(Peer::Server(0)).is_empty());
}
