//! What the fields of a message must be like (RFC 9113 §8).

use insta::assert_snapshot;

use sidestream_proto::endpoint::{Endpoint, Limits};
use sidestream_proto::http2::{Kind, PREFACE};

use crate::endpoint::wire::{ACK, END, GET, Host, data, event, frame, head, post, settings};

type List<'a> = &'a [(&'a str, &'a str)];

/// What is made of a request with these fields.
fn request(list: List<'_>) -> String {
    let mut host = Host::server();
    host.feed(head(1, END, list));
    host.outcome()
}

fn with(more: List<'_>) -> String {
    request(&[&GET[..], more].concat())
}

fn response(list: List<'_>) -> String {
    let mut host = Host::client();
    host.end.open(&crate::endpoint::wire::fields(&GET), true);
    host.end.take_wire();
    host.feed(head(1, END, list));
    host.outcome()
}

fn table(cases: &[(&str, String)]) -> String {
    cases
        .iter()
        .map(|(what, outcome)| format!("{what}: {}\n", outcome.lines().next().unwrap_or("nothing")))
        .collect()
}

#[test]
fn a_request_that_cannot_be_one_is_refused() {
    let [method, scheme, authority, path] = GET;
    let cases = [
        ("as it should be", request(&GET)),
        ("without an authority", request(&[method, scheme, path])),
        ("no method", request(&[scheme, authority, path])),
        ("no scheme", request(&[method, authority, path])),
        ("no path", request(&[method, scheme, authority])),
        ("an empty path", request(&[method, scheme, authority, (":path", "")])),
        ("a path without a slash", request(&[method, scheme, authority, (":path", "x")])),
        ("a path with a space", request(&[method, scheme, authority, (":path", "/ HTTP/1.1")])),
        ("a star", request(&[(":method", "OPTIONS"), scheme, authority, (":path", "*")])),
        ("a star of GET", request(&[method, scheme, authority, (":path", "*")])),
        ("a method that is no token", request(&[(":method", "G ET"), scheme, authority, path])),
        ("a user in the authority", request(&[method, scheme, (":authority", "u@a"), path])),
        ("a method twice", request(&[method, method, scheme, authority, path])),
        ("a status", with(&[(":status", "200")])),
        ("an unknown pseudo-header field", request(&[method, scheme, (":x", "y"), path])),
        (
            "a protocol, which was not announced",
            request(&[method, scheme, authority, path, (":protocol", "websocket")]),
        ),
        ("a pseudo-header field too late", request(&[method, scheme, authority, ("x", "y"), path])),
        ("CONNECT", request(&[(":method", "CONNECT"), authority])),
        ("CONNECT with a path", request(&[(":method", "CONNECT"), scheme, authority, path])),
        ("CONNECT without an authority", request(&[(":method", "CONNECT")])),
        ("a name in upper case", with(&[("X", "y")])),
        ("a name with a space", with(&[("x y", "z")])),
        ("a name with a colon", with(&[("x:y", "z")])),
        ("an empty name", with(&[("", "z")])),
        ("a value with a line feed", with(&[("x", "y\nz: a")])),
        ("a value with a carriage return", with(&[("x", "y\rz")])),
        ("a value with a NUL", with(&[("x", "y\0")])),
        ("a value with a space before it", with(&[("x", " y")])),
        ("a value with a tab behind it", with(&[("x", "y\t")])),
        ("an empty value", with(&[("x", "")])),
        ("connection", with(&[("connection", "close")])),
        ("keep-alive", with(&[("keep-alive", "5")])),
        ("proxy-connection", with(&[("proxy-connection", "close")])),
        ("transfer-encoding", with(&[("transfer-encoding", "chunked")])),
        ("upgrade", with(&[("upgrade", "websocket")])),
        ("te: trailers", with(&[("te", "trailers")])),
        ("te: gzip", with(&[("te", "gzip")])),
        ("a length without content", with(&[("content-length", "5")])),
        ("a length that is no number", with(&[("content-length", "0x0")])),
        ("a length that is signed", with(&[("content-length", "+0")])),
        ("two lengths", with(&[("content-length", "0"), ("content-length", "1")])),
        ("a length twice", with(&[("content-length", "0"), ("content-length", "0")])),
        ("a length of 2^63", with(&[("content-length", "9223372036854775808")])),
    ];
    assert_snapshot!(table(&cases));
}

#[test]
fn a_response_that_cannot_be_one_is_refused() {
    let ok = (":status", "200");
    let cases = [
        ("as it should be", response(&[ok])),
        ("no status", response(&[("x", "y")])),
        ("two statuses", response(&[ok, ok])),
        ("a status of two digits", response(&[(":status", "20")])),
        ("a status of four digits", response(&[(":status", "2000")])),
        ("a status that is no number", response(&[(":status", "2xx")])),
        ("a status 101", response(&[(":status", "101")])),
        ("a path", response(&[ok, (":path", "/")])),
        ("upper case", response(&[ok, ("Server", "x")])),
        ("connection", response(&[ok, ("connection", "close")])),
    ];
    assert_snapshot!(table(&cases));
}

#[test]
fn trailers_end_a_stream_and_name_no_pseudo_header_field() {
    let check = |frames: &[Vec<u8>]| {
        let mut host = Host::server();
        host.feed(frames.concat());
        host.outcome().lines().skip(1).collect::<Vec<_>>().join(", ")
    };
    let cases = [
        check(&[post(1, &[]), data(1, 0, "x"), head(1, END, &[("a", "b")])]),
        check(&[post(1, &[]), head(1, END, &[("a", "b")])]),
        check(&[post(1, &[]), head(1, 0, &[("a", "b")])]),
        check(&[post(1, &[]), head(1, END, &[(":path", "/")])]),
        check(&[post(1, &[]), head(1, END, &[("A", "b")])]),
        check(&[post(1, &[("content-length", "2")]), data(1, 0, "x"), head(1, END, &[("a", "b")])]),
        check(&[post(1, &[("content-length", "2")]), data(1, 0, "xyz")]),
        check(&[post(1, &[("content-length", "2")]), data(1, END, "xy")]),
    ];
    assert_snapshot!(cases.join("\n"));
}

/// What is made of a request for a WebSocket in a stream, with another value or without one.
fn extended(name: &str, value: Option<&str>) -> String {
    let asks = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":path", "/chat"),
        (":authority", "a.test"),
    ];
    let other = |(it, is)| if it == name { (it, value.unwrap_or_default()) } else { (it, is) };
    let kept = asks.into_iter().filter(|(it, _)| *it != name || value.is_some());
    let list: Vec<_> = kept.map(other).collect();
    let mut host = Host::new(Endpoint::server_with_extended_connect(Limits::default()));
    host.feed([&PREFACE[..], &settings(&[]), &head(1, 0, &list)].concat());
    host.events().iter().map(event).collect()
}

#[test]
fn an_extended_connect_is_whole_or_refused() {
    let cases = [
        ("as it should be", extended("", None)),
        ("without a scheme", extended(":scheme", None)),
        ("without a path", extended(":path", None)),
        ("without an authority", extended(":authority", None)),
        ("with another method", extended(":method", Some("GET"))),
        ("an empty protocol", extended(":protocol", Some(""))),
        ("a protocol that is no token", extended(":protocol", Some("a b"))),
        ("CONNECT", extended(":protocol", None)),
    ];
    assert_snapshot!(table(&cases));
}

#[test]
fn extended_connect_is_announced_by_servers_that_take_it_and_never_taken_back() {
    let mut host = Host::new(Endpoint::server_with_extended_connect(Limits::default()));
    assert_eq!(host.sent()[0], "settings 3=100 8=1 6=262144");
    let mut host = Host::server();
    host.end.enable_extended_connect();
    host.end.enable_extended_connect();
    assert_eq!(host.sent(), ["settings 8=1"]);

    let mut host = Host::new(Endpoint::client(Limits::default()));
    assert_eq!(host.end.takes_extended_connect(), None);
    host.feed(settings(&[]));
    assert_eq!(host.end.takes_extended_connect(), Some(false));
    host.feed(settings(&[(8, 1)]));
    assert_eq!(host.end.takes_extended_connect(), Some(true));
    host.feed(settings(&[(8, 0)]));
    assert!(host.end.is_closed());
}

#[test]
fn a_server_winds_down_in_two_steps() {
    let mut host = Host::server();
    host.end.wind_down();
    assert_eq!(host.sent(), ["goaway 2147483647 NO_ERROR", "ping 0"]);
    // On its way while the first farewell was.
    host.feed(head(1, END, &GET));
    host.feed(frame(Kind::PING, ACK, 0, b"farewell"));
    assert_eq!(host.sent(), ["goaway 1 NO_ERROR"]);
    host.feed(head(3, END, &GET));
    assert_eq!(host.sent(), ["reset 3 REFUSED_STREAM"]);
}
