//! What hosts are read out of first requests, however they are cut.

use super::*;
use crate::hpack::{Encoder, Indexing};
use crate::http2::{Kind, PREFACE};
use crate::tls::{Downstream, Upstream};
use sidestream_record::{Field, Fields};

fn config() -> Config {
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Config::new(Upstream::trusting_nobody(provider.clone()), Downstream::new(provider))
}

#[track_caller]
fn check(make: fn(&Config) -> Asking, seen: &[u8], expected: Asked) {
    assert_eq!(make(&config()).read(seen), expected);
    let mut asking = make(&config());
    let before = (1..seen.len()).map(|cut| asking.read(&seen[..cut]));
    for asked in before {
        assert!(asked == Asked::NeedMore || asked == expected, "{asked:?}");
    }
}

fn named(host: &str) -> Asked {
    Asked::For(host.into())
}

#[test]
fn a_request_names_its_host() {
    let request = |host: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\nrest");
    check(Asking::http1, request("a.test").as_bytes(), named("a.test"));
    check(Asking::http1, request("A.Test.:8080").as_bytes(), named("a.test"));
    check(Asking::http1, request("192.0.2.1").as_bytes(), Asked::Nobody);
    check(Asking::http1, request("[2001:db8::1]:80").as_bytes(), Asked::Nobody);
    check(Asking::http1, request("").as_bytes(), Asked::Nobody);
    check(Asking::http1, b"GET / HTTP/1.0\r\n\r\n", Asked::Nobody);
    check(Asking::http1, b"GET / HTTP/1.1\r\nHost: a.te", Asked::NeedMore);
    check(Asking::http1, &[b'x'; MAX_BYTES + 1], Asked::Nobody);
}

fn http2(fields: &[(&str, &str)]) -> Vec<u8> {
    let field = |&(name, value): &(&'static str, &'static str)| Field {
        name: Bytes::from_static(name.as_bytes()),
        value: Bytes::from_static(value.as_bytes()),
    };
    // The texts of a test are constants.
    let fields: Fields = fields
        .iter()
        .map(|&(name, value)| field(&(name.to_owned().leak(), value.to_owned().leak())))
        .collect();
    let mut block = BytesMut::new();
    Encoder::new(4096).encode(&fields, &vec![Indexing::Without; fields.len()], &mut block);
    let (first, second) = block.split_at(block.len() / 2);
    let mut seen = BytesMut::from(&PREFACE[..]);
    let mut frame = |kind, flags, stream, payload: &[u8]| {
        FrameHead::new(kind, flags, stream, payload.len()).encode(&mut seen);
        seen.extend_from_slice(payload);
    };
    frame(Kind::SETTINGS, Flags::default(), 0, &[]);
    frame(Kind::HEADERS, Flags::END_STREAM, 1, first);
    frame(Kind::CONTINUATION, Flags::END_HEADERS, 1, second);
    seen.to_vec()
}

#[test]
fn a_first_stream_names_its_host() {
    let get = (":method", "GET");
    check(Asking::http2, &http2(&[get, (":authority", "a.test:80")]), named("a.test"));
    check(Asking::http2, &http2(&[get, ("host", "b.test")]), named("b.test"));
    check(Asking::http2, &http2(&[get]), Asked::Nobody);
    let whole = http2(&[get, (":authority", "a.test")]);
    check(Asking::http2, &whole[..whole.len() - 1], Asked::NeedMore);
}
