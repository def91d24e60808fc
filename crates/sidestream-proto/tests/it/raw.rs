//! What is not understood, and datagrams.

mod rest;

use insta::assert_snapshot;
use sidestream_flow::Peer;
use sidestream_proto::Input;

use crate::play::{Play, refused};

#[test]
fn a_server_that_speaks_first_is_passed_raw_at_once() {
    let mut play = Play::opened();
    play.server("220 mail.test ESMTP\r\n");
    play.client("EHLO x\r\n");
    play.input(Input::Eof(Peer::Client));
    play.server("221 bye\r\n");
    play.input(Input::Eof(Peer::Server(0)));
    assert_snapshot!(play);
}

#[test]
fn bytes_that_may_still_become_a_request_wait_a_moment() {
    let mut play = Play::opened();
    play.client("GET");
    play.expire();
    assert_snapshot!(play);
}

#[test]
fn a_connection_without_a_byte_is_passed_with_its_end() {
    let mut play = Play::opened();
    play.input(Input::Eof(Peer::Client));
    play.input(Input::Eof(Peer::Server(0)));
    assert_snapshot!(play);
}

const QUERY: &[u8] =
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x04test\x00\x00\x01\x00\x01";
const ANSWER: &[u8] = b"\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x01a\x04test\x00\x00\x01\x00\x01\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x07";

#[test]
fn dns_datagrams_are_paired_and_passed_as_sent() {
    let mut play = Play::udp(53);
    play.client(QUERY);
    play.open();
    play.client(QUERY);
    play.server(ANSWER);
    assert_eq!(play.take_sent(Peer::Server(0)), [QUERY, QUERY].concat());
    assert_eq!(play.take_sent(Peer::Client), ANSWER);
    play.expire();
    assert_snapshot!(play);
}

#[test]
fn a_query_without_an_answer_is_told_when_the_flow_falls_silent() {
    let mut play = Play::udp(53);
    play.open();
    play.client(QUERY);
    play.skip();
    play.expire();
    assert_snapshot!(play);
}

#[test]
fn other_datagrams_stay_whole_also_empty_ones() {
    let mut play = Play::udp(9999);
    play.open();
    play.client("one");
    play.client("");
    play.server("two");
    assert_snapshot!(play);
}

#[test]
fn a_datagram_that_nobody_takes_is_refused() {
    let mut play = Play::udp(9999);
    play.client("one");
    play.input(refused(0));
    assert_snapshot!(play);
}

#[test]
fn dns_over_tcp_is_decoded_and_passed() {
    let mut play = Play::with(
        crate::play::config(&crate::play::Ca::new()),
        sidestream_flow::Transport::Tcp,
        53,
        false,
    );
    play.open();
    let framed = |message: &[u8]| [&(message.len() as u16).to_be_bytes()[..], message].concat();
    let (query, answer) = (framed(QUERY), framed(ANSWER));
    play.client(&query[..5]);
    play.client(&query[5..]);
    play.server(&answer);
    assert_eq!(play.take_sent(Peer::Server(0)), query);
    assert_eq!(play.take_sent(Peer::Client), answer);
    play.skip();
    play.input(Input::Eof(Peer::Client));
    play.input(Input::Eof(Peer::Server(0)));
    assert_snapshot!(play);
}
