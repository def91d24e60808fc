//! Clients that take us for their server.

use insta::assert_snapshot;
use sidestream_flow::{Peer, Transport};
use sidestream_proto::{Config, Reverse, Speaks};

use crate::play::{Ca, Play, config};

fn stand_in(reverse: Reverse) -> Play {
    let config = Config { reverse: Some(reverse.into()), ..config(&Ca::new()) };
    let mut play = Play::with(config, Transport::Tcp, 8080, false);
    play.open();
    play
}

fn server(speaks: Speaks) -> Reverse {
    let (host, port) = ("a.test".into(), 80);
    Reverse { host, port, secure: false, speaks, keeps_host: false }
}

#[test]
fn a_request_gets_the_servers_name_and_is_else_as_it_came() {
    let mut play = stand_in(server(Speaks::Http));
    play.client("GET /x HTTP/1.1\r\nx:  y \r\nHOST:  localhost:8080\r\n\r\n");
    play.server("HTTP/1.1 204 No Content\r\n\r\n");
    assert_snapshot!(play);
}

#[test]
fn a_name_that_is_kept_or_the_same_changes_nothing() {
    let request = "GET /x HTTP/1.1\r\nHost: localhost:8080\r\n\r\n";
    let mut play = stand_in(Reverse { keeps_host: true, ..server(Speaks::Http) });
    play.client(request);
    assert_eq!(play.take_sent(Peer::Server(0)), request.as_bytes());
    let request = "GET /x HTTP/1.1\r\nHost: A.test\r\n\r\n";
    let mut play = stand_in(server(Speaks::Http));
    play.client(request);
    assert_eq!(play.take_sent(Peer::Server(0)), request.as_bytes());
}

#[test]
fn bytes_of_a_server_of_bytes_are_never_looked_at() {
    let mut play = stand_in(server(Speaks::Raw));
    let said = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n\x16\x03\x01\x00";
    play.client(said);
    assert_eq!(play.take_sent(Peer::Server(0)), said);
    let told = play.take_events();
    assert!(told.contains("recognized raw") && !told.contains("request"), "{told}");
}

#[test]
fn a_client_that_stalls_before_its_servers_handshake_is_bounded() {
    let mut play = stand_in(Reverse { secure: true, ..server(Speaks::Http) });
    play.client("POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n");
    assert!(play.conn.wants(Peer::Client));
    play.client(vec![b'x'; 64 * 1024]);
    assert!(!play.conn.wants(Peer::Client));
    play.expire();
    assert!(play.done, "{play}");
}
