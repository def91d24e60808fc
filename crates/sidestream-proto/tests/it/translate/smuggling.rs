//! Requests of HTTP/2 that would be others, or several, in HTTP/1.

use std::fmt::Write as _;

use bytes::Bytes;
use insta::assert_snapshot;
use sidestream_flow::Peer;

use crate::endpoint::wire::{GET, fields};
use crate::translate::down::Down;
use crate::translate::stage;

type List = Vec<(&'static str, &'static str)>;

fn post(more: &[(&'static str, &'static str)]) -> List {
    [&[(":method", "POST")], &GET[1..], more].concat()
}

fn get(at: usize, field: (&'static str, &'static str)) -> List {
    let mut list = GET.to_vec();
    list[at] = field;
    list
}

/// Each class of request that says something else once it is written as HTTP/1, and its body.
fn classes() -> Vec<(&'static str, List, &'static str)> {
    let chunk = "0\r\n\r\nGET /two HTTP/1.1\r\n\r\n";
    vec![
        ("length too small", post(&[("content-length", "3")]), "abcGET /two HTTP/1.1\r\n\r\n"),
        ("length too large", post(&[("content-length", "30")]), "abc"),
        ("length twice", post(&[("content-length", "3"), ("content-length", "4")]), "abc"),
        ("length in a list", post(&[("content-length", "3, 3")]), "abc"),
        ("length with a sign", post(&[("content-length", "+3")]), "abc"),
        ("length with a line end", post(&[("content-length", "3\r\nx: y")]), "abc"),
        ("length disguised", post(&[("content_length", "1")]), "abc"),
        ("chunked", post(&[("transfer-encoding", "chunked")]), chunk),
        ("chunked, capitals", post(&[("Transfer-Encoding", "chunked")]), chunk),
        ("chunked, trailing space", post(&[("transfer-encoding ", "chunked")]), chunk),
        ("chunked, by a colon", post(&[("transfer-encoding:", "chunked")]), chunk),
        ("chunked, in a value", post(&[("x", "y\r\ntransfer-encoding: chunked")]), chunk),
        ("chunked, behind a line feed", post(&[("x", "y\ntransfer-encoding: chunked")]), chunk),
        ("chunked, behind a return", post(&[("x", "y\rtransfer-encoding: chunked")]), chunk),
        ("chunked, in a name", post(&[("x: y\r\ntransfer-encoding", "chunked")]), chunk),
        ("chunked content", post(&[]), chunk),
        ("connection names the length", post(&[("connection", "content-length")]), "abc"),
        ("upgrade", post(&[("upgrade", "websocket"), ("connection", "upgrade")]), "abc"),
        ("a NUL in a value", post(&[("x", "y\0z")]), "abc"),
        ("a space in a name", post(&[("x y", "z")]), "abc"),
        ("an empty name", post(&[("", "z")]), "abc"),
        ("two hosts", post(&[("host", "b.test")]), "abc"),
        ("method with a line", get(0, (":method", "GET / HTTP/1.1\r\nx: y\r\n\r\nGET")), ""),
        ("method with a space", get(0, (":method", "GET /two")), ""),
        ("path with a line", get(3, (":path", "/ HTTP/1.1\r\nx: y\r\n\r\nGET /two")), ""),
        ("path with a version", get(3, (":path", "/ HTTP/1.1")), ""),
        ("path without a slash", get(3, (":path", "two")), ""),
        ("path that is empty", get(3, (":path", "")), ""),
        ("authority with a line", get(2, (":authority", "a.test\r\nx: y")), ""),
        ("authority with a path", get(2, (":authority", "a.test/two")), ""),
        ("scheme with a line", get(1, (":scheme", "https\r\nx: y")), ""),
    ]
}

#[test]
fn every_request_of_http2_is_one_request_of_http1_or_none() {
    let mut text = String::new();
    for (name, list, body) in classes() {
        let mut down = Down::new(stage::down());
        let stream = down.client.open(&fields(&list), body.is_empty()).unwrap();
        if !body.is_empty() {
            down.client.send_data(stream, Bytes::from_static(body.as_bytes()), true);
        }
        let heard = down.settle().join(", ");
        let sent = down.stage.text(Peer::Server(0));
        let sent = if sent.is_empty() { "nothing sent on".into() } else { format!("{sent:?}") };
        writeln!(text, "{name:28} {heard:30} {sent}").unwrap();
    }
    assert_snapshot!(text);
}
