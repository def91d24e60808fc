//! A client that speaks to a proxy.

use insta::assert_snapshot;
use sidestream_flow::Peer;
use sidestream_proto::Input;

use crate::play::{Play, refused};

fn opened(play: &mut Play, server: u32) {
    play.input(Input::Opened { server, addr: ([192, 0, 2, 1], 80).into() });
}

#[test]
fn an_absolute_target_is_sent_in_origin_form_and_nothing_else_is_changed() {
    let mut play = Play::proxy();
    play.client("GET http://a.test/x?y HTTP/1.1\r\nHOST: a.test\r\nProxy-Connection: keep-alive\r\nx:  y \r\n\r\n");
    opened(&mut play, 0);
    play.server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_snapshot!(play);
}

#[test]
fn a_connection_is_used_again_for_the_same_server_and_not_for_another() {
    let mut play = Play::proxy();
    play.client("GET http://a.test/1 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    opened(&mut play, 0);
    play.server("HTTP/1.1 204 No Content\r\n\r\n");
    play.client("GET http://A.test:80/2 HTTP/1.1\r\nHost: a.test\r\n\r\nGET http://b.test HTTP/1.1\r\nHost: b.test\r\n\r\n");
    play.skip();
    play.server("HTTP/1.1 204 No Content\r\n\r\n");
    opened(&mut play, 1);
    play.data(Peer::Server(1), "HTTP/1.1 204 No Content\r\n\r\n");
    assert_snapshot!(play);
}

#[test]
fn a_tunnel_is_whatever_is_spoken_in_it() {
    let mut play = Play::proxy();
    play.client("CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: x\r\n\r\n");
    opened(&mut play, 0);
    play.client("GET /inside HTTP/1.1\r\nHost: a.test\r\n\r\n");
    play.server("HTTP/1.1 204 No Content\r\n\r\n");
    assert_snapshot!(play);
}

#[test]
fn a_server_that_speaks_first_in_a_tunnel_is_passed_raw() {
    let mut play = Play::proxy();
    play.client("CONNECT a.test:22 HTTP/1.1\r\n\r\n");
    opened(&mut play, 0);
    play.skip();
    play.server("SSH-2.0-x\r\n");
    play.client("SSH-2.0-y\r\n");
    assert_snapshot!(play);
}

#[test]
fn an_unreachable_server_is_a_bad_gateway() {
    let mut play = Play::proxy();
    play.client("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n");
    play.input(refused(0));
    assert_snapshot!(play);
}

#[test]
fn a_server_that_goes_away_unanswered_is_a_bad_gateway() {
    let mut play = Play::proxy();
    play.client("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n");
    opened(&mut play, 0);
    play.skip();
    play.input(Input::Eof(Peer::Server(0)));
    assert_snapshot!(play);
}

#[test]
fn a_server_that_goes_away_within_its_answer_leaves_it_truncated() {
    let mut play = Play::proxy();
    play.client("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n");
    opened(&mut play, 0);
    play.server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour");
    play.skip();
    play.input(Input::Eof(Peer::Server(0)));
    assert_snapshot!(play);
}

#[test]
fn what_does_not_name_a_server_is_refused_with_a_reason() {
    let check = |request: &str| {
        let mut play = Play::proxy();
        play.client(request);
        let sent = String::from_utf8(play.take_sent(Peer::Client)).unwrap();
        assert!(play.done);
        sent.lines().last().unwrap_or_default().to_owned()
    };
    let answers = [
        check("GET /origin-form HTTP/1.1\r\nHost: a\r\n\r\n"),
        check("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        check("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"),
        check("GET http://a:x/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        check("CONNECT a HTTP/1.1\r\n\r\n"),
        check("\u{1}garbage\r\n\r\n"),
    ];
    assert_snapshot!(answers.join("\n"));
}

#[test]
fn a_client_that_stops_asking_still_gets_its_answer() {
    let mut play = Play::proxy();
    play.client("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n");
    opened(&mut play, 0);
    play.skip();
    play.input(Input::Eof(Peer::Client));
    play.server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_snapshot!(play);
}
