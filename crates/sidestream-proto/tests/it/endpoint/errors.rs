//! What a peer must not send, and the error that it is (RFC 9113 §5, §6).

use insta::assert_snapshot;
use sidestream_proto::http2::{ErrorCode, Kind, PREFACE};

use crate::endpoint::wire::{
    ACK, END, GET, Host, PADDED, WHOLE, block, data, fields, frame, get, head, post, reset,
    settings, window,
};

/// What an end point that answers does with these frames.
fn check(frames: &[Vec<u8>]) -> String {
    let mut host = Host::server();
    host.feed(frames.concat());
    host.outcome()
}

/// What an end point that asked on stream 1, and by HEAD on stream 3, does with these frames.
fn check_client(frames: &[Vec<u8>]) -> String {
    let mut host = Host::client();
    let end = host.end.open(&fields(&GET), true);
    assert_eq!(end, Some(1));
    let mut ask = fields(&GET);
    ask.0[0].value = "HEAD".into();
    host.end.open(&ask, true);
    host.end.take_wire();
    host.feed(frames.concat());
    host.outcome()
}

#[test]
fn a_frame_where_it_must_not_be_is_an_error_of_its_stream_or_of_the_connection() {
    let cases: &[(&str, &[Vec<u8>])] = &[
        ("DATA on the connection", &[data(0, 0, "x")]),
        ("DATA on an idle stream", &[data(1, 0, "x")]),
        ("DATA on a half-closed stream", &[get(1), data(1, END, "x")]),
        ("DATA after our reset", &[post(1, &[]), window(1, 0), data(1, END, "x")]),
        ("DATA after its reset", &[post(1, &[]), reset(1, ErrorCode::CANCEL), data(1, 0, "x")]),
        ("HEADERS on the connection", &[head(0, END, &GET)]),
        ("HEADERS on an even stream", &[get(2)]),
        ("HEADERS on a lower stream", &[get(5), get(3)]),
        ("HEADERS twice", &[get(1), get(1)]),
        ("HEADERS after our reset", &[post(1, &[]), window(1, 0), get(1)]),
        ("HEADERS after its reset", &[post(1, &[]), reset(1, ErrorCode::CANCEL), get(1)]),
        ("HEADERS of 4 bytes with a priority", &[frame(Kind::HEADERS, 0x25, 1, [0; 4])]),
        ("CONTINUATION alone", &[frame(Kind::CONTINUATION, WHOLE, 1, block(&GET))]),
        (
            "CONTINUATION of another stream",
            &[
                frame(Kind::HEADERS, END, 1, &block(&GET)[..2]),
                frame(Kind::CONTINUATION, WHOLE, 3, &block(&GET)[2..]),
            ],
        ),
        (
            "a block that is interrupted",
            &[frame(Kind::HEADERS, END, 1, &block(&GET)[..2]), frame(Kind::PING, 0, 0, [0; 8])],
        ),
        (
            "a block that is interrupted by an unknown frame",
            &[frame(Kind::HEADERS, END, 1, &block(&GET)[..2]), frame(Kind(99), 0, 0, [0; 8])],
        ),
        ("a block that cannot be decoded", &[frame(Kind::HEADERS, WHOLE | END, 1, [0xff; 9])]),
        ("PRIORITY on an idle stream", &[frame(Kind::PRIORITY, 0, 7, [0; 5])]),
        ("PRIORITY of 4 bytes", &[frame(Kind::PRIORITY, 0, 7, [0; 4])]),
        ("PRIORITY on the connection", &[frame(Kind::PRIORITY, 0, 0, [0; 5])]),
        ("RST_STREAM on an idle stream", &[reset(1, ErrorCode::CANCEL)]),
        ("RST_STREAM of 3 bytes", &[get(1), frame(Kind::RST_STREAM, 0, 1, [0; 3])]),
        ("RST_STREAM twice", &[get(1), reset(1, ErrorCode::CANCEL), reset(1, ErrorCode::CANCEL)]),
        ("SETTINGS on a stream", &[frame(Kind::SETTINGS, 0, 1, [])]),
        ("SETTINGS of 5 bytes", &[frame(Kind::SETTINGS, 0, 0, [0; 5])]),
        ("SETTINGS ack of 6 bytes", &[frame(Kind::SETTINGS, ACK, 0, [0; 6])]),
        ("SETTINGS with a push of 2", &[settings(&[(2, 2)])]),
        ("SETTINGS with a window of 2^31", &[settings(&[(4, 1 << 31)])]),
        ("SETTINGS with frames of 16,383", &[settings(&[(5, 16_383)])]),
        ("SETTINGS that are not known", &[settings(&[(0xfa, 7)])]),
        ("PUSH_PROMISE", &[get(1), frame(Kind::PUSH_PROMISE, WHOLE, 1, [0, 0, 0, 2])]),
        ("PING", &[frame(Kind::PING, 0, 0, [7; 8])]),
        ("PING of 7 bytes", &[frame(Kind::PING, 0, 0, [7; 7])]),
        ("PING on a stream", &[get(1), frame(Kind::PING, 0, 1, [7; 8])]),
        ("GOAWAY of 7 bytes", &[frame(Kind::GOAWAY, 0, 0, [0; 7])]),
        ("GOAWAY on a stream", &[frame(Kind::GOAWAY, 0, 1, [0; 8])]),
        ("WINDOW_UPDATE on an idle stream", &[window(1, 1)]),
        (
            "WINDOW_UPDATE on a stream that is over",
            &[get(1), reset(1, ErrorCode::CANCEL), window(1, 1)],
        ),
        ("WINDOW_UPDATE of nothing", &[get(1), window(1, 0)]),
        ("WINDOW_UPDATE of nothing for all", &[window(0, 0)]),
        ("WINDOW_UPDATE of 3 bytes", &[frame(Kind::WINDOW_UPDATE, 0, 0, [0; 3])]),
        ("WINDOW_UPDATE beyond 2^31-1", &[get(1), window(1, 0x7fff_ffff)]),
        ("WINDOW_UPDATE beyond 2^31-1 for all", &[window(0, 0x7fff_ffff)]),
        (
            "SETTINGS that move a window beyond 2^31-1",
            &[get(1), window(1, 0x7000_0000), settings(&[(4, 0x7fff_ffff)])],
        ),
        ("an unknown frame", &[frame(Kind(99), 0xff, 5, [0; 100])]),
        ("an unknown frame of 16,385 bytes", &[frame(Kind(99), 0, 0, vec![0; 16_385])]),
        ("DATA of 16,385 bytes", &[post(1, &[]), data(1, 0, vec![0; 16_385])]),
        ("HEADERS of 16,385 bytes", &[frame(Kind::HEADERS, WHOLE, 1, vec![0; 16_385])]),
        ("DATA with padding", &[post(1, &[]), data(1, PADDED | END, "\u{2}x\0\0")]),
        ("DATA with padding alone", &[post(1, &[]), data(1, PADDED, "\u{1}\0")]),
        ("DATA with too much padding", &[post(1, &[]), data(1, PADDED, "\u{2}x")]),
        ("DATA with padding and no length of it", &[post(1, &[]), data(1, PADDED, "")]),
        ("DATA of nothing", &[post(1, &[]), data(1, END, "")]),
    ];
    let mut table = String::new();
    for (what, frames) in cases {
        table.push_str(&format!("{what}:\n  {}\n", check(frames).replace('\n', "\n  ")));
    }
    assert_snapshot!(table);
}

#[test]
fn what_does_not_begin_as_http2_is_refused() {
    let check = |bytes: &[u8]| {
        let mut host = Host::new(sidestream_proto::endpoint::Endpoint::server(Default::default()));
        host.sent();
        host.feed(bytes.to_vec());
        host.outcome()
    };
    assert_snapshot!(check(b"GET / HTTP/1.1\r\n"), @r"
    closed, PROTOCOL_ERROR: no preface of HTTP/2
    < goaway 0 PROTOCOL_ERROR
    ");
    assert_snapshot!(check(&[&PREFACE[..], &get(1)].concat()), @r"
    closed, PROTOCOL_ERROR: something before the first SETTINGS
    < goaway 0 PROTOCOL_ERROR
    ");
    assert_snapshot!(check(&[&PREFACE[..], &frame(Kind::SETTINGS, ACK, 0, [])].concat()), @r"
    closed, PROTOCOL_ERROR: something before the first SETTINGS
    < goaway 0 PROTOCOL_ERROR
    ");
}

#[test]
fn a_server_must_not_do_what_only_a_client_may() {
    let ok = [(":status", "200")];
    let cases: &[(&str, &[Vec<u8>])] = &[
        ("HEADERS on a stream of its own", &[head(2, END, &ok)]),
        ("HEADERS on a stream that we did not begin", &[head(5, END, &ok)]),
        ("PUSH_PROMISE", &[frame(Kind::PUSH_PROMISE, WHOLE, 1, [0, 0, 0, 2])]),
        ("SETTINGS that want pushes", &[settings(&[(2, 1)])]),
        ("DATA before the head", &[data(1, 0, "x")]),
        ("an interim response that ends", &[head(1, END, &[(":status", "103")])]),
        (
            "an interim and a final response",
            &[head(1, 0, &[(":status", "103")]), head(1, 0, &ok), data(1, END, "x")],
        ),
        (
            "a response to HEAD with a length",
            &[head(3, END, &[(":status", "200"), ("content-length", "5")])],
        ),
        ("a response to HEAD with content", &[head(3, 0, &ok), data(3, END, "x")]),
        ("a 204 with content", &[head(1, 0, &[(":status", "204")]), data(1, END, "x")]),
        ("a 304 with a length", &[head(1, END, &[(":status", "304"), ("content-length", "5")])]),
        (
            "a response that is too short",
            &[head(1, 0, &[(":status", "200"), ("content-length", "5")]), data(1, END, "four")],
        ),
        (
            "a response that is too long",
            &[head(1, 0, &[(":status", "200"), ("content-length", "5")]), data(1, 0, "sixsix")],
        ),
        ("a reset after the response", &[head(1, END, &ok), reset(1, ErrorCode::NO_ERROR)]),
        ("a reset", &[reset(1, ErrorCode::REFUSED_STREAM)]),
        (
            "GOAWAY after the first",
            &[frame(Kind::GOAWAY, 0, 0, [0, 0, 0, 1, 0, 0, 0, 0]), head(1, END, &ok)],
        ),
    ];
    let mut table = String::new();
    for (what, frames) in cases {
        let outcome = check_client(frames).replace('\n', "\n  ");
        table.push_str(&format!("{what}:\n  {outcome}\n"));
    }
    assert_snapshot!(table);
}
