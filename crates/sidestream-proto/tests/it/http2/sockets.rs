//! WebSockets inside streams (RFC 8441) pass as they are sent, and their messages are told.

use insta::assert_snapshot;
use sidestream_flow::Peer;
use sidestream_proto::Input;
use sidestream_proto::http2::ErrorCode;

use super::{Talk, data, reset, settings};
use crate::websocket::peer::{Deflater, down, up};

const ASKS: [(&str, &str); 6] = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":path", "/chat"),
    (":authority", "a.test"),
    ("sec-websocket-version", "13"),
];

const DEFLATE: (&str, &str) = ("sec-websocket-extensions", "permessage-deflate");

/// A connection on which one stream asked for a WebSocket and got it.
fn opened(stream: u32, extensions: &[(&str, &str)]) -> Talk {
    let mut talk = Talk::new();
    talk.server(settings(&[(8, 1)]));
    open(&mut talk, stream, extensions);
    talk
}

fn open(talk: &mut Talk, stream: u32, extensions: &[(&str, &str)]) {
    let asks = talk.client.head(stream, &ASKS, false);
    talk.client(asks);
    let answer = [&[(":status", "200")], extensions].concat();
    let answer = talk.server.head(stream, &answer, false);
    talk.server(answer);
}

#[test]
fn messages_in_a_stream_are_told_as_over_http1() {
    let mut talk = opened(1, &[]);
    let hello = up(0x81, "hello");
    // Frames of HTTP/2 and of WebSocket have nothing to do with each other.
    talk.client(data(1, &hello[..3], false));
    talk.client(data(1, &hello[3..], false));
    talk.server(data(1, [down(0x01, "wel"), down(0x89, "?"), down(0x80, "come")].concat(), false));
    talk.client(data(1, [up(0x8a, "?"), up(0x82, b"\x00\xff")].concat(), false));
    talk.server(data(1, down(0x88, b"\x03\xe8bye"), true));
    talk.client(data(1, up(0x88, b"\x03\xe8"), true));
    assert_snapshot!(talk.play.take_events());
}

#[test]
fn compressed_messages_are_inflated_with_what_came_before_in_their_stream() {
    let mut talk = opened(1, &[DEFLATE]);
    open(&mut talk, 3, &[DEFLATE]);
    talk.play.take_events();
    let (mut one, mut other) = (Deflater::new(), Deflater::new());
    for text in ["so it goes and so it goes", "so it goes"] {
        talk.client(data(1, up(0xc1, one.message(text.as_bytes())), false));
        talk.client(data(3, up(0xc1, other.message(b"and so do I")), false));
    }
    assert_snapshot!(talk.play.take_events());
}

#[test]
fn a_server_that_refuses_a_websocket_answers_with_a_body() {
    let mut talk = Talk::new();
    let asks = talk.client.head(1, &ASKS, false);
    talk.client(asks);
    talk.answer(1, "403", false);
    talk.server(data(1, "no", true));
    talk.client(data(1, "", true));
    assert_snapshot!(talk.play.take_events());
}

#[test]
fn a_websocket_that_is_cut_shows_what_came_of_its_messages() {
    let mut talk = opened(1, &[]);
    open(&mut talk, 3, &[]);
    talk.play.take_events();
    talk.client(data(1, &up(0x81, "half a message")[..9], false));
    talk.server(data(3, down(0x01, "a fragment"), false));
    talk.client(reset(1, ErrorCode::CANCEL));
    talk.play.input(Input::Eof(Peer::Server(0)));
    talk.play.input(Input::Eof(Peer::Client));
    assert_snapshot!(talk.play.take_events());
}

#[test]
fn what_is_no_frame_is_told_as_bytes_and_its_siblings_go_on() {
    let mut talk = opened(1, &[]);
    open(&mut talk, 3, &[]);
    talk.play.take_events();
    talk.server(data(1, b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xffwhat", false));
    talk.server(data(1, "ever", false));
    talk.server(data(3, down(0x81, "fine"), false));
    assert_snapshot!(talk.play.take_events());
}

#[test]
fn many_websockets_that_never_end_a_message_are_held_up_to_a_limit() {
    let mut talk = opened(1, &[]);
    for stream in (3..201).step_by(2) {
        open(&mut talk, stream, &[]);
    }
    talk.play.take_events();
    let piece = vec![b'x'; 16 * 1024];
    for round in 0..64 {
        for stream in (1..201).step_by(2) {
            let opcode = if round == 0 { 0x01 } else { 0x00 };
            talk.server(data(stream, down(opcode, &piece), false));
        }
        let held: usize = talk.play.events().count();
        assert!(held < 1000, "{held} events");
        let told = talk.play.take_events();
        if told.contains("hold more than") {
            return;
        }
    }
    panic!("nothing was given up");
}
