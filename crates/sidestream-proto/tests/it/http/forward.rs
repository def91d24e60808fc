//! Servers behind a proxy on the way that takes requests, and nothing else.

use insta::assert_snapshot;
use sidestream_flow::Redacted;
use sidestream_proto::Input;
use sidestream_record::{DialFailure, Forwards, ProxyFailure, Via};

use crate::play::Play;

fn failed(failure: ProxyFailure) -> DialFailure {
    DialFailure::Proxy { proxy: "http://proxy.test:3128".into(), failure }
}

/// Opens the server by way of a proxy that denied a tunnel to it.
fn open(play: &mut Play) {
    let forwards = Forwards {
        authorization: Some(Redacted("Basic c2VjcmV0".into())),
        unauthorized: failed(ProxyFailure::Unauthorized),
        refusal: Some(failed(ProxyFailure::Refused { reason: "403 Forbidden".into() })),
    };
    let via = Via { proxy: "http://proxy.test:3128".into(), forwards: Some(forwards) };
    play.input(Input::Via { server: 0, via });
    play.open();
}

#[test]
fn a_request_for_the_server_goes_in_absolute_form() {
    let mut play = Play::new();
    open(&mut play);
    play.client("GET /x?y HTTP/1.1\r\nHOST: a.test\r\nx:  y \r\n\r\n");
    play.server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_snapshot!(play);
}

#[test]
fn a_request_for_a_proxy_goes_as_it_came() {
    let mut play = Play::proxy();
    play.client(
        "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nProxy-Authorization: Basic b3Vycw==\r\n\r\n",
    );
    open(&mut play);
    play.server("HTTP/1.1 204 No Content\r\n\r\n");
    assert_snapshot!(play);
}

#[test]
fn a_password_that_the_proxy_asks_for_is_not_asked_of_the_client() {
    let mut play = Play::proxy();
    play.client("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n");
    open(&mut play);
    play.skip();
    play.server(
        "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n",
    );
    assert_snapshot!(play);
}

/// Has a client say that, and returns how the flow ends.
fn ends(said: &[u8]) -> String {
    let mut play = Play::new();
    open(&mut play);
    play.client(said);
    assert!(play.done, "{play}");
    assert!(play.take_sent(sidestream_flow::Peer::Server(0)).is_empty(), "{play}");
    play.take_events().lines().last().unwrap_or_default().to_owned()
}

#[test]
fn nothing_but_requests_is_given_to_the_proxy() {
    let ended = [
        ends(b"SSH-2.0-x\r\n"),
        ends(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ends(b"\x16\x03\x01\x02\x00\x01\x00"),
        ends(b"CONNECT b.test:443 HTTP/1.1\r\n\r\n"),
        ends(b"GET http://b.test/ HTTP/1.1\r\nHost: b.test\r\n\r\n"),
        ends(b"GET / HTTP/1.1\r\nHost: a.test\r\n broken\x00\r\n\r\n"),
    ];
    assert_snapshot!(ended.join("\n"));
}

#[test]
fn a_client_that_waits_for_its_server_is_told_at_last() {
    let mut play = Play::new();
    open(&mut play);
    play.skip();
    play.expire();
    assert_snapshot!(play);
}
