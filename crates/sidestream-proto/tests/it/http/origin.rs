//! A client that speaks to its server and does not know of us.

use insta::assert_snapshot;
use sidestream_flow::Peer;
use sidestream_proto::Input;
use sidestream_record::Point;

use crate::play::{Play, refused};

#[test]
fn a_request_and_its_response_pass_as_sent() {
    let mut play = Play::new();
    play.open();
    play.client("GET /a HTTP/1.1\r\nhost:  a.test \r\nX-B: 1\r\nx-b: 2\r\n\r\n");
    play.server("HTTP/1.1 200 Fine\r\nContent-Length: 5\r\n\r\nhello");
    play.input(Input::Eof(Peer::Client));
    play.input(Input::Eof(Peer::Server(0)));
    assert_snapshot!(play);
}

#[test]
fn a_response_may_come_byte_by_byte() {
    let mut play = Play::opened();
    play.client("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    play.take_sent(Peer::Client);
    let response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n005;x=y\r\nhello\r\n0\r\nT: v\r\n\r\n";
    for byte in response.as_bytes() {
        play.server([*byte]);
    }
    assert_eq!(String::from_utf8(play.take_sent(Peer::Client)).unwrap(), response);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut play = Play::opened();
    play.client("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    play.server("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    assert_snapshot!(play);
}

#[test]
fn interim_responses_pass_before_the_final_one() {
    let mut play = Play::opened();
    play.client("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    play.server("HTTP/1.1 100 Continue\r\n\r\n");
    play.client("ok");
    play.server("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    assert_snapshot!(play);
}

#[test]
fn a_response_without_a_length_ends_with_its_connection() {
    let mut play = Play::opened();
    play.client("GET / HTTP/1.0\r\n\r\n");
    play.server("HTTP/1.0 200 OK\r\n\r\npart");
    play.input(Input::Eof(Peer::Server(0)));
    play.input(Input::Eof(Peer::Client));
    assert_snapshot!(play);
}

#[test]
fn a_truncated_response_is_truncated_for_the_client_too() {
    let mut play = Play::opened();
    play.client("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    play.server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfour");
    play.input(Input::Eof(Peer::Server(0)));
    assert_snapshot!(play);
}

#[test]
fn a_reset_is_passed_on_as_one() {
    let mut play = Play::opened();
    play.client("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    play.skip();
    play.input(Input::Reset(Peer::Server(0)));
    assert_snapshot!(play);
}

#[test]
fn a_refused_server_refuses_the_client() {
    let mut play = Play::new();
    play.input(refused(0));
    assert_snapshot!(play);
}

#[test]
fn half_a_request_is_passed_on_and_marked() {
    let mut play = Play::opened();
    play.client("GET / HTTP/1.1\r\nHos");
    play.input(Input::Eof(Peer::Client));
    play.server("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    play.input(Input::Eof(Peer::Server(0)));
    assert_snapshot!(play);
}

#[test]
fn a_client_that_goes_away_within_its_body_leaves_it_cut_short() {
    let mut play = Play::opened();
    play.client("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfour");
    play.skip();
    play.input(Input::Eof(Peer::Client));
    play.input(Input::Eof(Peer::Server(0)));
    assert_snapshot!(play);
}

#[test]
fn a_request_that_servers_read_differently_is_refused() {
    let mut play = Play::opened();
    play.client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n");
    assert_snapshot!(play);
    assert!(play.take_sent(Peer::Server(0)).is_empty());
}

#[test]
fn a_response_that_cannot_be_read_is_passed_as_it_is() {
    let mut play = Play::opened();
    play.client("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    play.skip();
    play.server("garbage\r\n\r\nmore");
    play.client("whatever");
    play.input(Input::Eof(Peer::Server(0)));
    assert_snapshot!(play);
}

#[test]
fn after_an_upgrade_bytes_are_raw() {
    let mut play = Play::opened();
    play.client("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nearly");
    play.server("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhi");
    play.client("more");
    assert_snapshot!(play);
}

#[test]
fn an_upgrade_that_is_declined_leaves_http() {
    let mut play = Play::opened();
    play.client("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
    play.server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    play.skip();
    play.client("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_snapshot!(play);
}

#[test]
fn a_connect_through_us_to_another_proxy_opens_a_tunnel() {
    let mut play = Play::opened();
    play.client("CONNECT b.test:80 HTTP/1.1\r\nHost: b.test:80\r\n\r\n");
    play.server("HTTP/1.1 200 Connected\r\n\r\n");
    play.skip();
    play.client("GET /inside HTTP/1.1\r\nHost: b.test\r\n\r\n");
    assert_snapshot!(play);
}

#[test]
fn an_exchange_is_held_until_it_is_resumed() {
    let mut play = Play::holding(&[Point::Request, Point::Response]);
    play.client("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    play.resume(1);
    play.server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    play.resume(7);
    play.resume(1);
    assert_snapshot!(play);
}

#[test]
fn a_held_client_is_not_read_without_bound() {
    let mut play = Play::holding(&[Point::Request]);
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
    play.client(head);
    assert!(play.conn.wants(Peer::Client));
    play.client(vec![b'x'; 64 * 1024]);
    assert!(!play.conn.wants(Peer::Client));
    play.resume(1);
    assert!(play.conn.wants(Peer::Client));
    assert_eq!(play.take_sent(Peer::Server(0)).len(), head.len() + 64 * 1024);
}

#[test]
fn stopping_lets_what_is_under_way_end() {
    let mut play = Play::opened();
    play.client("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    play.input(Input::Stop);
    play.server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_snapshot!(play);
}

#[test]
fn an_idle_connection_that_the_server_closes_is_closed_for_the_client() {
    let mut play = Play::opened();
    play.client("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    play.server("HTTP/1.1 204 No Content\r\n\r\n");
    play.skip();
    play.input(Input::Eof(Peer::Server(0)));
    play.input(Input::Eof(Peer::Client));
    assert_snapshot!(play);
}

#[test]
fn an_early_response_does_not_end_the_request() {
    let mut play = Play::opened();
    play.client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n");
    play.server("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    play.client("body");
    assert_snapshot!(play);
}
