//! Frames that advise: they pass as sent, and are told.

use bytes::Bytes;
use insta::assert_snapshot;
use sidestream_flow::Peer;
use sidestream_proto::Input;
use sidestream_proto::http2::{ErrorCode, Flags, FrameHead, Kind, MAX_ADVICE_BYTES, parse_advice};
use sidestream_record::Advice;

use super::{Talk, frame};

/// ALTSVC and ORIGIN have their texts behind two bytes of length.
fn sized(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
}

fn altsvc(stream: u32, origin: &str, value: &str) -> Vec<u8> {
    let payload = [&sized(origin)[..], value.as_bytes()].concat();
    frame(Kind::ALTSVC, Flags::default(), stream, &payload)
}

fn origin(origins: &[&str]) -> Vec<u8> {
    let payload: Vec<u8> = origins.iter().flat_map(|origin| sized(origin)).collect();
    frame(Kind::ORIGIN, Flags::default(), 0, &payload)
}

fn priority_update(stream: u32, value: &str) -> Vec<u8> {
    let payload = [&stream.to_be_bytes()[..], value.as_bytes()].concat();
    frame(Kind::PRIORITY_UPDATE, Flags::default(), 0, &payload)
}

#[test]
fn advice_is_told_where_it_belongs() {
    let mut talk = Talk::new();
    talk.server(origin(&["https://a.test", "https://b.test:8443"]));
    talk.server(altsvc(0, "https://a.test", "h3=\":443\"; ma=60"));
    talk.client(priority_update(1, "u=5, i"));
    talk.get(1, "/early");
    talk.client(priority_update(1, "u=0"));
    talk.server(altsvc(1, "", "clear"));
    talk.answer(1, "200", true);
    // The exchange is over, and another one is never begun.
    talk.client(priority_update(1, "u=7"));
    talk.client(priority_update(9, "u=1"));
    talk.play.input(Input::Eof(Peer::Server(0)));
    talk.play.input(Input::Eof(Peer::Client));
    assert_snapshot!(talk.play.take_events(), @r#"
    advice of the server: ORIGIN https://a.test, https://b.test:8443
    advice of the server: ALTSVC https://a.test: h3=":443"; ma=60
    request 1 GET http://a.test/early 5 fields
    advice 1 of the client: PRIORITY_UPDATE stream 1: u=5, i
    ended 1 Request
    advice 1 of the client: PRIORITY_UPDATE stream 1: u=0
    advice 1 of the server: ALTSVC clear
    response 1 200 2 fields
    ended 1 Response
    over 1
    advice of the client: PRIORITY_UPDATE stream 1: u=7
    advice of the client: PRIORITY_UPDATE stream 9: u=1
    closed, 141 received, 125 sent
    "#);
}

#[test]
fn advice_that_cannot_be_read_passes_and_is_named() {
    let mut talk = Talk::new();
    talk.get(1, "/");
    talk.play.take_events();
    talk.server(altsvc(0, "", "h2=\":443\""));
    talk.server(altsvc(1, "https://a.test", "h2=\":443\""));
    talk.server(frame(Kind::ALTSVC, Flags::default(), 0, b"\0\x09short"));
    talk.client(altsvc(0, "https://a.test", "h2=\":443\""));
    talk.server(frame(Kind::ORIGIN, Flags::default(), 0, b"\0\x02a"));
    talk.server(frame(Kind::ORIGIN, Flags(4), 0, b""));
    talk.server(frame(Kind::ORIGIN, Flags::default(), 1, b""));
    talk.client(origin(&["https://a.test"]));
    talk.client(frame(Kind::PRIORITY_UPDATE, Flags::default(), 0, b"\0\0\0"));
    talk.client(frame(Kind::PRIORITY_UPDATE, Flags::default(), 1, b"\0\0\0\x01"));
    talk.client(priority_update(0, "u=1"));
    talk.client(priority_update(1, "u=\u{e9}"));
    talk.server(priority_update(1, "u=1"));
    talk.server(frame(Kind::ORIGIN, Flags::default(), 0, &vec![0; MAX_ADVICE_BYTES as usize + 1]));
    talk.answer(1, "200", true);
    assert_snapshot!(talk.play.take_events(), @r"
    defect by the server: HTTP/2: an ALTSVC on the connection without an origin
    defect by the server: HTTP/2: an ALTSVC in a stream with an origin
    defect by the server: HTTP/2: an ALTSVC shorter than its origin
    defect by the client: HTTP/2: an ALTSVC of the client's
    defect by the server: HTTP/2: an ORIGIN cut short
    defect by the server: HTTP/2: an ORIGIN with flags
    defect by the server: HTTP/2: an ORIGIN in a stream
    defect by the client: HTTP/2: an ORIGIN of the client's
    defect by the client: HTTP/2: a PRIORITY_UPDATE shorter than its stream
    defect by the client: HTTP/2: a PRIORITY_UPDATE in a stream
    defect by the client: HTTP/2: a PRIORITY_UPDATE of the connection
    defect by the client: HTTP/2: a PRIORITY_UPDATE that is not ASCII
    defect by the server: HTTP/2: a PRIORITY_UPDATE of the server's
    defect by the server: HTTP/2: a frame of advice that is too long to be read
    response 1 200 2 fields
    ended 1 Response
    over 1
    ");
}

#[test]
fn what_is_told_of_advice_is_bounded() {
    let mut talk = Talk::new();
    talk.get(1, "/");
    talk.play.take_events();
    for n in 0..300 {
        talk.client(priority_update(1, &n.to_string()));
        talk.client(priority_update(3 + 2 * n, "u=1"));
        talk.server(origin(&["https://a.test"]));
        talk.server(altsvc(0, "", ""));
    }
    let told = talk.play.take_events();
    let count = |what: &str| told.lines().filter(|line| line.contains(what)).count();
    // Of the stream, of the connection; of the connection what did not wait for a stream.
    assert_eq!(count("PRIORITY_UPDATE stream 1:"), 15, "{told}");
    assert_eq!(count(" of the server: ORIGIN"), 99 - count("PRIORITY_UPDATE stream 2"), "{told}");
    assert_eq!(count("more advice than is told"), 2, "{told}");
    assert_eq!(count("without an origin"), 15, "{told}");
    assert_eq!(count("more malformed advice than is told"), 1, "{told}");
}

#[test]
fn the_codec_has_no_text_beyond_the_frame() {
    let parse = |kind, from_client, stream, payload: &'static [u8]| {
        let head = FrameHead::new(kind, Flags::default(), stream, payload.len());
        parse_advice(head, from_client, Bytes::from_static(payload)).map_err(|wrong| wrong.code)
    };
    let none: Vec<Bytes> = Vec::new();
    assert_eq!(parse(Kind::ORIGIN, false, 0, b""), Ok(Advice::Origins(none)));
    assert_eq!(parse(Kind::ORIGIN, false, 0, b"\0"), Err(ErrorCode::FRAME_SIZE_ERROR));
    assert_eq!(parse(Kind::ALTSVC, false, 1, b""), Err(ErrorCode::FRAME_SIZE_ERROR));
    let advice = Advice::Alternative { origin: None, value: Bytes::new() };
    assert_eq!(parse(Kind::ALTSVC, false, 1, b"\0\0"), Ok(advice));
    // The highest bit is reserved.
    let advice = Advice::Priority { stream: 1, value: Bytes::new() };
    assert_eq!(parse(Kind::PRIORITY_UPDATE, true, 0, b"\x80\0\0\x01"), Ok(advice));
    assert_eq!(parse(Kind::PING, true, 0, b""), Err(ErrorCode::PROTOCOL_ERROR));
}
