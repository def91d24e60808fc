//! Connections pass as they are sent, and every exchange is told.

use insta::assert_snapshot;
use sidestream_flow::{Peer, Transport};
use sidestream_proto::http2::{ErrorCode, Flags, Kind, PREFACE};
use sidestream_proto::{HttpChoice, Input};

use super::{Speaker, Talk, data, frame, go_away, reset, settings};
use crate::play::{Ca, Play, config};

const PRIORITY: &[u8] = &[0x80, 0, 0, 0, 200];

#[test]
fn two_streams_are_answered_in_any_order() {
    let mut talk = Talk::new();
    talk.get(1, "/slow");
    talk.get(3, "/fast?q=1");
    talk.answer(3, "200", false);
    talk.server(data(3, "fa", false));
    talk.answer(1, "404", true);
    talk.server(data(3, "st", true));
    assert_snapshot!(talk.play.take_events());
}

#[test]
fn a_request_with_a_body_and_trailers_on_both_sides() {
    let mut talk = Talk::new();
    let post = [(":method", "POST"), (":scheme", "http"), (":path", "/up"), (":authority", "a:81")];
    let head = talk.client.head(1, &post, false);
    talk.client(head);
    talk.client(data(1, "one ", false));
    talk.client(data(1, "two", false));
    let trailers = talk.client.head(1, &[("x-sum", "7")], true);
    talk.client(trailers);
    let hints = talk.server.head(1, &[(":status", "103"), ("link", "</a.css>")], false);
    talk.server(hints);
    talk.answer(1, "200", false);
    talk.server(data(1, "done", false));
    let trailers = talk.server.head(1, &[("grpc-status", "0")], true);
    talk.server(trailers);
    assert_snapshot!(talk.play.take_events());
}

#[test]
fn padding_priority_and_continuations_are_no_content() {
    let mut talk = Talk::new();
    let get = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a.test")];
    let block = talk.client.block(&get);
    let (first, rest) = block.split_at(block.len() / 2);
    let (second, third) = rest.split_at(1);
    let payload = [&[2], PRIORITY, first, &[0, 0]].concat();
    let flags = Flags::PADDED.with(Flags::PRIORITY, true).with(Flags::END_STREAM, true);
    talk.client(frame(Kind::HEADERS, flags, 1, &payload));
    talk.client(frame(Kind::CONTINUATION, Flags::default(), 1, second));
    talk.client(frame(Kind::CONTINUATION, Flags::END_HEADERS, 1, third));
    talk.answer(1, "200", false);
    let padded = Flags::PADDED.with(Flags::END_STREAM, true);
    talk.server(frame(Kind::DATA, Flags::PADDED, 1, b"\x03abc\0\0\0"));
    talk.server(frame(Kind::DATA, padded, 1, b"\x00d"));
    assert_snapshot!(talk.play.take_events());
}

#[test]
fn what_is_not_about_exchanges_passes_untold() {
    let mut talk = Talk::new();
    talk.client(frame(Kind::PING, Flags::default(), 0, b"are you?"));
    talk.server(frame(Kind::PING, Flags::ACK, 0, b"are you?"));
    talk.server(frame(Kind::SETTINGS, Flags::ACK, 0, b""));
    talk.client(frame(Kind::PRIORITY, Flags::default(), 3, PRIORITY));
    talk.client(frame(Kind::WINDOW_UPDATE, Flags::default(), 0, &[0, 1, 0, 0]));
    talk.client(frame(Kind(0x20), Flags(0xff), 0, b"unknown"));
    talk.server(frame(Kind(0xb), Flags::default(), 1, b"unknown"));
    assert_eq!(talk.play.take_events(), "");
}

#[test]
fn a_reset_stream_ends_and_its_siblings_go_on() {
    let mut talk = Talk::new();
    talk.get(1, "/a");
    talk.get(3, "/b");
    talk.get(5, "/c");
    talk.client(reset(1, ErrorCode::CANCEL));
    talk.server(reset(3, ErrorCode::REFUSED_STREAM));
    // On its way while the reset was, too.
    talk.answer(1, "200", false);
    talk.server(data(1, "late", true));
    talk.answer(5, "200", true);
    assert_snapshot!(talk.play.take_events());
}

#[test]
fn a_server_that_needs_no_more_of_a_request_answers_well() {
    let mut talk = Talk::new();
    let post = [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a")];
    let head = talk.client.head(1, &post, false);
    talk.client(head);
    talk.answer(1, "413", true);
    talk.server(reset(1, ErrorCode::NO_ERROR));
    assert_snapshot!(talk.play.take_events());
}

#[test]
fn streams_beyond_a_goaway_were_not_taken() {
    let mut talk = Talk::new();
    talk.get(1, "/taken");
    talk.get(3, "/not");
    talk.server(go_away(1, ErrorCode::ENHANCE_YOUR_CALM));
    talk.answer(1, "200", true);
    talk.play.input(Input::Eof(Peer::Server(0)));
    talk.play.input(Input::Eof(Peer::Client));
    assert_snapshot!(talk.play.take_events());
}

#[test]
fn a_stream_that_is_begun_after_a_goaway_was_not_taken_either() {
    let mut talk = Talk::new();
    talk.get(1, "/taken");
    // As a server that stops gracefully says it (RFC 9113 §6.8).
    talk.server(go_away(0x7fff_ffff, ErrorCode::NO_ERROR));
    talk.get(3, "/on-its-way");
    talk.server(go_away(3, ErrorCode::NO_ERROR));
    talk.get(5, "/too-late");
    talk.answer(3, "200", true);
    talk.answer(1, "200", true);
    assert_snapshot!(talk.play.take_events());
}

#[test]
fn a_pushed_response_is_an_exchange_of_its_own() {
    let mut talk = Talk::new();
    talk.get(1, "/");
    let pushed = [(":method", "GET"), (":scheme", "http"), (":path", "/x"), (":authority", "a")];
    let payload = [&2u32.to_be_bytes()[..], &talk.server.block(&pushed)].concat();
    talk.server(frame(Kind::PUSH_PROMISE, Flags::END_HEADERS, 1, &payload));
    talk.answer(1, "200", true);
    talk.answer(2, "200", true);
    assert_snapshot!(talk.play.take_events());
}

#[test]
fn a_push_that_is_not_wanted_is_an_exchange_that_ends_by_the_clients_reset() {
    let mut talk = Talk::new();
    talk.get(1, "/");
    let pushed = [(":method", "GET"), (":scheme", "http"), (":path", "/x"), (":authority", "a")];
    for promised in [2_u32, 4] {
        let payload = [&promised.to_be_bytes()[..], &talk.server.block(&pushed)].concat();
        talk.server(frame(Kind::PUSH_PROMISE, Flags::END_HEADERS, 1, &payload));
    }
    talk.client(reset(2, ErrorCode::REFUSED_STREAM));
    // Its response was on its way.
    talk.answer(2, "200", true);
    talk.server(reset(4, ErrorCode::INTERNAL_ERROR));
    talk.answer(1, "200", true);
    assert_snapshot!(talk.play.take_events(), @r"
    request 1 GET http://a.test/ 5 fields
    ended 1 Request
    request 2 GET http://a/x 4 fields
    ended 2 Request
    request 3 GET http://a/x 4 fields
    ended 3 Request
    over 2: stream reset by the client: REFUSED_STREAM
    over 3: stream reset by the server: INTERNAL_ERROR
    response 1 200 2 fields
    ended 1 Response
    over 1
    ");
}

#[test]
fn a_connection_that_breaks_off_cuts_its_streams_short() {
    let mut talk = Talk::new();
    talk.get(1, "/a");
    talk.get(3, "/b");
    talk.answer(3, "200", false);
    talk.play.input(Input::Eof(Peer::Server(0)));
    talk.play.input(Input::Eof(Peer::Client));
    assert_snapshot!(talk.play.take_events());
}

#[test]
fn a_tunnel_in_a_stream_carries_its_bytes() {
    let mut talk = Talk::new();
    let connect = [
        (":method", "CONNECT"),
        (":protocol", "connect-ip"),
        (":scheme", "https"),
        (":path", "/vpn"),
        (":authority", "a.test"),
    ];
    let head = talk.client.head(1, &connect, false);
    talk.client(head);
    talk.answer(1, "200", false);
    talk.client(data(1, "ping", false));
    talk.server(data(1, "pong", true));
    talk.client(data(1, "", true));
    assert_snapshot!(talk.play.take_events());
}

#[test]
fn a_larger_table_may_be_used_once_it_was_announced() {
    let mut talk = Talk::new();
    talk.server(settings(&[(1, 65_536)]));
    talk.client.0.resize(65_536);
    let value = "v".repeat(10_000);
    for stream in [1, 3] {
        let head = [(":method", "GET"), (":path", "/"), (":scheme", "http"), ("x-long", &*value)];
        let wire = talk.client.head(stream, &head, true);
        talk.client(wire);
    }
    let told = talk.play.take_events();
    assert!(!told.contains("defect"), "{told}");
    assert_eq!(told.matches("request ").count(), 2, "{told}");
}

#[test]
fn the_preface_may_come_byte_by_byte() {
    let mut play = Play::opened();
    let mut client = Speaker::new();
    let wire = [&PREFACE[..], &settings(&[]), &client.get(1, "/")].concat();
    for byte in &wire {
        play.quiet_input(Input::Data(Peer::Client, vec![*byte].into()));
    }
    assert_eq!(play.take_sent(Peer::Server(0)), wire);
    assert_snapshot!(play.take_events());
}

#[test]
fn what_cannot_be_read_passes_raw_from_there() {
    let mut talk = Talk::new();
    talk.get(1, "/");
    talk.client(frame(Kind::HEADERS, Flags::END_HEADERS, 3, b"\xff\xff\xff\xff\xff\xff\xff"));
    talk.client(b"anything");
    talk.server(go_away(1, ErrorCode::COMPRESSION_ERROR));
    assert_snapshot!(talk.play.take_events());
}

#[test]
fn a_user_who_stops_lets_open_streams_end() {
    let mut talk = Talk::new();
    talk.get(1, "/");
    talk.answer(1, "200", false);
    // The server is within a frame, so nothing of ours can stand there yet.
    let body = data(1, "0123456789", true);
    talk.server(&body[..12]);
    talk.play.quiet_input(Input::Stop);
    assert!(talk.play.take_sent(Peer::Client).is_empty());
    talk.play.quiet_input(Input::Data(Peer::Server(0), body[12..].to_vec().into()));
    let sent = [&body[12..], &go_away(0x7fff_ffff, ErrorCode::NO_ERROR)].concat();
    assert_eq!(talk.play.take_sent(Peer::Client), sent);
    assert!(talk.play.done);
    assert_snapshot!(talk.play.take_events());
}

#[test]
fn a_server_may_greet_before_its_client_has_spoken() {
    let mut play = Play::opened();
    let mut client = Speaker::new();
    play.quiet_input(Input::Data(Peer::Server(0), settings(&[(3, 7)]).into()));
    assert!(play.take_sent(Peer::Client).is_empty());
    let wire = [&PREFACE[..], &settings(&[]), &client.get(1, "/")].concat();
    play.quiet_input(Input::Data(Peer::Client, wire.clone().into()));
    assert_eq!(play.take_sent(Peer::Server(0)), wire);
    assert_eq!(play.take_sent(Peer::Client), settings(&[(3, 7)]));
    assert_snapshot!(play.take_events());
}

#[test]
fn a_server_that_greets_is_spoken_to_in_the_version_that_the_user_wants() {
    let mut config = config(&Ca::new());
    config.http.server = HttpChoice::Http2;
    let mut play = Play::with(config, Transport::Tcp, 80, false);
    play.open();
    play.quiet_input(Input::Data(Peer::Server(0), settings(&[(3, 7)]).into()));
    play.quiet_input(Input::Data(Peer::Client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n".into()));
    assert!(play.take_sent(Peer::Server(0)).starts_with(PREFACE));
    assert!(play.take_events().contains("request 1 GET http://a/"));
}

#[test]
fn what_only_looks_like_a_greeting_passes_after_a_moment() {
    let mut play = Play::opened();
    let greeting = settings(&[(3, 7)]);
    play.quiet_input(Input::Data(Peer::Server(0), greeting.clone().into()));
    play.expire();
    assert_eq!(play.take_sent(Peer::Client), greeting);
}

#[test]
fn an_upgraded_connection_answers_the_request_that_asked_for_it() {
    let mut play = Play::opened();
    play.client(
        "GET /a HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\n\
         Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    );
    play.server("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    let (mut client, mut server) = (Speaker::new(), Speaker::new());
    let asked = [&PREFACE[..], &settings(&[]), &client.get(3, "/b")].concat();
    play.quiet_input(Input::Data(Peer::Client, asked.into()));
    let answers = [
        settings(&[]),
        server.answer(1, "200", false),
        data(1, "a", true),
        server.answer(3, "204", true),
    ];
    play.quiet_input(Input::Data(Peer::Server(0), answers.concat().into()));
    assert_snapshot!(play.take_events());
}
