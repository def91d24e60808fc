//! When servers are connected with, and for how many flows.

use insta::assert_snapshot;
use sidestream_flow::{FlowId, Peer, Transport};
use sidestream_proto::{Config, Connections, Input, Kept, Output};
use sidestream_record::DialFailure;

use crate::play::{Ca, Play, config};

const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn play(lazy: bool, shared: bool, named: bool) -> Play {
    let config = Config { connections: Connections { lazy, shared }, ..config(&Ca::new()) };
    Play::with(config, Transport::Tcp, 80, named)
}

fn lazy() -> Play {
    play(true, false, false)
}

fn shared() -> Play {
    play(false, true, false)
}

/// Takes the connection that a flow left.
fn take_kept(play: &mut Play) -> Option<Box<Kept>> {
    play.outputs.extract_if(.., |it| matches!(it, Output::Keep { .. })).find_map(|it| match it {
        Output::Keep { kept, .. } => Some(kept),
        _ => None,
    })
}

/// A flow with one exchange, whose client then goes.
fn left(request: &str, response: &str) -> (Play, Option<Box<Kept>>) {
    let mut play = shared();
    play.open();
    play.client(request);
    play.server(response);
    play.input(Input::Eof(Peer::Client));
    let kept = take_kept(&mut play);
    (play, kept)
}

#[test]
fn a_lazy_server_is_opened_for_a_request() {
    let mut play = lazy();
    play.client(GET);
    play.open();
    play.server(OK);
    play.input(Input::Eof(Peer::Client));
    assert_snapshot!(play);
}

#[test]
fn a_lazy_server_that_is_not_there_is_told_by_a_502() {
    let mut play = lazy();
    play.client(GET);
    play.input(Input::OpenFailed { server: 0, failure: DialFailure::Refused });
    assert_snapshot!(play);
}

#[test]
fn a_lazy_server_that_speaks_first_is_opened_soon() {
    let mut play = lazy();
    play.expire();
    play.open();
    play.server("220 a.test ESMTP\r\n");
    assert_snapshot!(play);
}

#[test]
fn a_lazy_server_is_opened_for_what_is_no_http() {
    let mut play = lazy();
    play.client(b"\x00\x01binary");
    assert!(!play.conn.wants(Peer::Client), "what comes has nowhere to go");
    play.open();
    assert!(play.conn.wants(Peer::Client));
    play.server(b"\x02");
    play.input(Input::Eof(Peer::Client));
    assert_snapshot!(play);
}

#[test]
fn a_client_that_ends_before_its_lazy_server_is_opened_ends_it_too() {
    let mut play = lazy();
    play.client(b"\x00\x01binary");
    play.input(Input::Eof(Peer::Client));
    play.open();
    assert_snapshot!(play);
}

#[test]
fn a_lazy_server_is_opened_for_http2() {
    let mut play = lazy();
    play.client(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00");
    play.open();
    assert_snapshot!(play);
}

#[test]
fn a_client_that_says_nothing_has_no_lazy_server_opened() {
    let mut play = lazy();
    play.input(Input::Eof(Peer::Client));
    assert_snapshot!(play);
}

#[test]
fn a_tunnel_is_granted_before_its_lazy_server_is_opened() {
    let mut play = play(true, false, true);
    play.client("CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n");
    play.client(GET);
    assert_snapshot!(play);
}

#[test]
fn a_connection_that_is_left_serves_another_flow() {
    let (first, kept) = left(GET, OK);
    assert_snapshot!("left", first);

    let mut second = shared();
    second.input(Input::Spare { server: 0 });
    second.client(GET);
    second.input(Input::Reused { server: 0, kept: kept.unwrap(), by: FlowId(1) });
    second.server(OK);
    second.input(Input::Eof(Peer::Client));
    assert!(take_kept(&mut second).is_some());
    assert_snapshot!("reused", second);
}

/// A flow that goes on with a connection that another one left.
fn reusing(request: &str) -> Play {
    let (_, kept) = left(GET, OK);
    let mut play = shared();
    play.input(Input::Spare { server: 0 });
    play.skip();
    play.client(request);
    play.input(Input::Reused { server: 0, kept: kept.unwrap(), by: FlowId(1) });
    play
}

#[test]
fn a_request_is_sent_again_that_crossed_the_end_of_a_connection_that_was_left() {
    let mut play = reusing(GET);
    play.input(Input::Eof(Peer::Server(0)));
    play.input(Input::Opened { server: 1, addr: ([192, 0, 2, 1], 80).into() });
    play.data(Peer::Server(1), OK);
    play.client(GET);
    play.input(Input::Reset(Peer::Server(1)));
    assert_snapshot!(play);
}

#[test]
fn a_request_that_may_have_been_acted_on_is_not_sent_again() {
    let mut play = reusing("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n");
    play.input(Input::Eof(Peer::Server(0)));
    assert_snapshot!("post", play);
    let mut play = reusing(GET);
    play.server("HTTP/1.1 ");
    play.input(Input::Eof(Peer::Server(0)));
    assert_snapshot!("answering", play);
}

#[test]
fn a_request_that_cannot_be_sent_again_is_answered_by_a_502() {
    let mut play = reusing(GET);
    play.input(Input::Reset(Peer::Server(0)));
    play.input(Input::OpenFailed { server: 1, failure: DialFailure::Refused });
    assert_snapshot!(play);
}

#[test]
fn a_connection_is_made_where_the_spare_one_does_not_do() {
    let mut play = shared();
    play.input(Input::Spare { server: 0 });
    play.client(b"\x00\x01binary");
    play.open();
    assert_snapshot!(play);
}

#[test]
fn a_proxy_leaves_and_reuses_the_servers_that_requests_name() {
    let mut play = play(false, true, true);
    play.client("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n");
    play.open();
    play.server(OK);
    play.input(Input::Eof(Peer::Client));
    assert_snapshot!(play);
}

#[track_caller]
fn check_left(request: &str, response: &str, expected: bool) {
    let (play, kept) = left(request, response);
    assert_eq!(kept.is_some(), expected, "{play}");
}

#[test]
fn what_is_bound_to_a_client_or_not_over_is_left_to_nobody() {
    let get = |field: &str| format!("GET / HTTP/1.1\r\nHost: a.test\r\n{field}\r\n\r\n");
    let ok = |field: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{field}\r\n\r\n");
    check_left(GET, OK, true);
    check_left(&get("Authorization: Basic bWU6"), OK, true);
    check_left(&get("Authorization: NTLM TlRM"), OK, false);
    check_left(&get("Authorization: negotiate YII"), OK, false);
    check_left(GET, &ok("WWW-Authenticate: Negotiate"), false);
    check_left(GET, &ok("WWW-Authenticate: Basic realm=a"), true);
    check_left(&get("Connection: close"), OK, false);
    check_left(GET, &ok("Connection: close"), false);
    check_left("GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false);
    check_left(GET, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nless", false);
    check_left(GET, &format!("{OK}HTTP"), false);
    check_left(&format!("{GET}GET"), OK, false);
    check_left(GET, "", false);
    check_left(&get("X-Odd:  a "), &ok("X-Odd:  a "), true);
    // Others may read it otherwise.
    check_left(&get("X-Folded: a\r\n b"), OK, false);
    check_left(GET, &ok("X-Folded: a\r\n b"), false);
    let post =
        |body| format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    check_left(&post("2\r\nhi\r\n0\r\n\r\n"), OK, true);
    check_left(&post("2 \r\nhi\r\n0\r\n\r\n"), OK, false);
}

#[test]
fn what_a_server_says_on_a_connection_that_was_left_makes_it_useless() {
    let (_, kept) = left(GET, OK);
    assert!(!kept.unwrap().feed("HTTP/1.1 408 Timeout\r\n\r\n".into()));
}
