//! Which view is chosen.

use sidestream_view::{NAMES, choose, view};

#[track_caller]
fn check(kind: &str, first: &[u8], expected: &str) {
    let kind = (!kind.is_empty()).then_some(kind);
    assert_eq!(choose(kind, first), expected, "{kind:?}");
}

#[test]
fn every_view_has_its_name() {
    assert!(NAMES.iter().all(|name| view(name, None).is_some()));
    assert!(view("nothing", None).is_none());
}

#[test]
fn content_types_are_believed() {
    check("application/json; charset=utf-8", b"", "json");
    check("application/problem+json", b"{}", "json");
    check("application/x-ndjson", b"{}", "ndjson");
    check("Text/HTML", b"x", "html");
    check("image/svg+xml", b"<svg/>", "image");
    check("application/atom+xml", b"<feed/>", "xml");
    check("text/event-stream", b"data: 1", "event-stream");
    check("application/grpc+proto", b"\0\0\0\0\0", "grpc");
    check("application/grpc-web", b"\0\0\0\0\0", "grpc");
    check("application/x-protobuf", b"\x08\x01", "protobuf");
    check("application/vnd.msgpack", b"\x80", "msgpack");
    check("application/dns-message", b"", "dns");
    check("multipart/form-data; boundary=x", b"--x", "multipart");
    check("application/x-www-form-urlencoded", b"a=b", "form");
    check("text/css", b"a{}", "css");
    check("application/javascript", b"a()", "javascript");
    check("text/plain", b"words", "text");
}

#[test]
fn content_tells_where_its_type_does_not() {
    check("", b" {\"a\":1}", "json");
    check("text/plain", b"[1]", "json");
    check("", b"<!DOCTYPE HTML><html>", "html");
    check("", b"<?xml version='1.0'?>", "xml");
    check("", b"data: {}\n\n", "event-stream");
    check("", b"\x89PNG\r\n\x1a\n", "image");
    check("application/octet-stream", b"\x08\x96\x01", "protobuf");
    check("application/octet-stream", b"\xff\xff\0", "hex");
    check("text/plain", b"\xff\xff\0", "hex");
    check("", b"caf\xc3", "text");
    check("", b"", "text");
    check("image/png", b"\0\x01\x02", "hex");
    check("image/png", b"<html>", "html");
    check("application/json", b"<html>", "html");
    check("application/json", br#"{"query":"query { a }"}"#, "graphql");
    check("application/json", br#"{"query":"SELECT 1"}"#, "json");
}
