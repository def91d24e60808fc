//! Where bodies end (RFC 9112 §6.3), case by case.

use sidestream_proto::http1::Framing::*;
use sidestream_proto::http1::Smuggling::*;
use sidestream_proto::http1::{Framing, Smuggling, request_framing, response_framing};

use super::{Refusal, Sender, read};

/// Checks a message given as its start line and fields.
#[track_caller]
fn check(sender: Sender, lines: &[&str], expected: Result<Framing, Smuggling>) {
    let head = format!("{}\r\n\r\n", lines.join("\r\n"));
    let read = read(sender, head.as_bytes());
    let framing = match (read.framing, read.refusal) {
        (_, Some(Refusal::Framing(reason))) => Err(reason),
        (Some(framing), None) => Ok(framing),
        (_, refusal) => panic!("{refusal:?}"),
    };
    assert_eq!(framing, expected, "{lines:?}");
}

#[test]
fn a_request_ends_where_its_length_or_its_last_chunk_says() {
    #[track_caller]
    fn post(fields: &[&str], expected: Result<Framing, Smuggling>) {
        let lines = [&["POST / HTTP/1.1", "Host: a.test"], fields].concat();
        check(Sender::Client, &lines, expected);
    }
    post(&[], Ok(Empty));
    post(&["Content-Length: 0"], Ok(Empty));
    post(&["Content-Length: 5"], Ok(Length(5)));
    post(&["content-LENGTH:5"], Ok(Length(5)));
    post(&["Content-Length:  \t5 \t"], Ok(Length(5)));
    post(&["Content-Length: 9223372036854775807"], Ok(Length(i64::MAX.unsigned_abs())));
    post(&["Content-Length: 9223372036854775808"], Err(InvalidLength));
    post(&["Content-Length: 18446744073709551621"], Err(InvalidLength));
    post(&["Content-Length: 5, 5"], Ok(Length(5)));
    post(&["Content-Length: 5, 05", "Content-Length: 005"], Ok(Length(5)));
    post(&["Content-Length: 5", "Content-Length: 5"], Ok(Length(5)));
    post(&["Content-Length: 5", "Content-Length: 6"], Err(DifferingLengths));
    post(&["Content-Length: 5, 6"], Err(DifferingLengths));
    post(&["Content-Length: 5,"], Err(InvalidLength));
    post(&["Content-Length: 5", "Content-Length:"], Err(InvalidLength));
    for value in ["", "+5", "-5", "0x5", "5 5", "5.0", "5e1", "\x0b5", "５", "5;q=1", "\"5\""] {
        post(&[&format!("Content-Length: {value}")], Err(InvalidLength));
    }
    post(&["Transfer-Encoding: chunked"], Ok(Chunked));
    post(&["transfer-ENCODING: CHUNKED"], Ok(Chunked));
    post(&["Transfer-Encoding: gzip, chunked"], Ok(Chunked));
    post(&["Transfer-Encoding: x-gzip", "Transfer-Encoding: chunked"], Ok(Chunked));
    post(&["Transfer-Encoding: chunked, chunked"], Err(ChunkedTwice));
    post(&["Transfer-Encoding: chunked, gzip"], Err(ChunkedNotLast));
    post(&["Transfer-Encoding: gzip"], Err(ChunkedNotLast));
    post(&["Transfer-Encoding:"], Err(ChunkedNotLast));
    post(&["Transfer-Encoding: chunked,"], Err(UnknownTransferCoding));
    post(&["Transfer-Encoding: br, chunked"], Err(UnknownTransferCoding));
    for value in ["identity", "xchunked", "chunkedx", "chunked;a", "\"chunked\"", "\x0bchunked"] {
        post(&[&format!("Transfer-Encoding: {value}")], Err(ChunkedNotLast));
    }
    let both = ["Transfer-Encoding: chunked", "Content-Length: 5"];
    post(&both, Err(TransferEncodingAndLength));
    post(&[both[1], both[0]], Err(TransferEncodingAndLength));
    post(&[both[0], "Content-Length: x"], Err(InvalidLength));
}

#[test]
fn the_method_and_the_version_of_a_request_count() {
    for method in ["GET", "HEAD", "DELETE", "brew", "PATCH"] {
        let line = format!("{method} / HTTP/1.1");
        check(Sender::Client, &[&line, "Host: a", "Content-Length: 5"], Ok(Length(5)));
        check(Sender::Client, &[&line, "Host: a"], Ok(Empty));
    }
    let connect = "CONNECT a.test:443 HTTP/1.1";
    check(Sender::Client, &[connect], Ok(Empty));
    check(Sender::Client, &[connect, "Content-Length: 0"], Ok(Empty));
    check(Sender::Client, &[connect, "Content-Length: 5"], Err(ConnectBody));
    check(Sender::Client, &[connect, "Transfer-Encoding: chunked"], Err(ConnectBody));
    check(Sender::Client, &["POST / HTTP/1.0", "Content-Length: 5"], Ok(Length(5)));
    let coded = "Transfer-Encoding: chunked";
    check(Sender::Client, &["POST / HTTP/1.0", coded], Err(TransferEncodingInHttp10));
    check(Sender::Client, &["POST / HTTP/1.9", coded], Ok(Chunked));
}

#[test]
fn some_responses_have_no_body_whatever_they_say() {
    for fields in [&["X: y"][..], &["Content-Length: 5"], &["Transfer-Encoding: chunked"]] {
        let answer = |status: &str, asked, expected| {
            let line = format!("HTTP/1.1 {status}");
            check(Sender::Server(asked), &[&[&line[..]], fields].concat(), Ok(expected));
        };
        for status in ["100 Continue", "102 Processing", "103 Early Hints", "199 Other"] {
            answer(status, "GET", Empty);
        }
        answer("204 No Content", "GET", Empty);
        answer("304 Not Modified", "GET", Empty);
        answer("200 OK", "HEAD", Empty);
        answer("404 Not Found", "HEAD", Empty);
        answer("101 Switching Protocols", "GET", Tunnel);
        answer("200 OK", "CONNECT", Tunnel);
        answer("299 OK", "CONNECT", Tunnel);
        answer("100 Continue", "CONNECT", Empty);
    }
    let denied = ["HTTP/1.1 407 Proxy Authentication Required", "Content-Length: 5"];
    check(Sender::Server("CONNECT"), &denied, Ok(Length(5)));
}

#[test]
fn other_responses_end_with_the_last_chunk_the_length_or_the_connection() {
    #[track_caller]
    fn get(line: &str, fields: &[&str], expected: Result<Framing, Smuggling>) {
        check(Sender::Server("GET"), &[&[line], fields].concat(), expected);
    }
    let ok = "HTTP/1.1 200 OK";
    get(ok, &[], Ok(UntilClose));
    get(ok, &["Content-Length: 0"], Ok(Empty));
    get(ok, &["Content-Length: 5"], Ok(Length(5)));
    get(ok, &["Content-Length: 5, 5"], Ok(Length(5)));
    get(ok, &["Content-Length: 5", "Content-Length: 6"], Err(DifferingLengths));
    get(ok, &["Content-Length: five"], Err(InvalidLength));
    get(ok, &["Transfer-Encoding: chunked"], Ok(Chunked));
    get(ok, &["Transfer-Encoding: chunked", "Content-Length: 5"], Ok(Chunked));
    get(ok, &["Transfer-Encoding: chunked", "Content-Length: five"], Ok(Chunked));
    get(ok, &["Transfer-Encoding: gzip, chunked"], Ok(Chunked));
    get(ok, &["Transfer-Encoding: chunked, chunked"], Ok(Chunked));
    get(ok, &["Transfer-Encoding: chunked, gzip, chunked"], Err(ChunkedTwice));
    get(ok, &["Transfer-Encoding: chunked, gzip"], Err(ChunkedNotLast));
    get(ok, &["Transfer-Encoding: gzip"], Ok(UntilClose));
    get(ok, &["Transfer-Encoding: gzip", "Content-Length: 5"], Err(TransferEncodingAndLength));
    get(ok, &["Transfer-Encoding: identity", "Content-Length: 5"], Ok(Length(5)));
    get(ok, &["Transfer-Encoding:", "Content-Length: 5"], Ok(Length(5)));
    get(ok, &["Transfer-Encoding: identity"], Ok(UntilClose));
    let old = "HTTP/1.0 200 OK";
    get(old, &["Transfer-Encoding: chunked"], Ok(UntilClose));
    let both = ["Transfer-Encoding: chunked", "Content-Length: 5"];
    get(old, &both, Err(TransferEncodingAndLength));
    get(old, &["Content-Length: 5"], Ok(Length(5)));
}

#[test]
fn refuses_names_that_some_take_for_those_of_framing() {
    for name in [
        "Transfer-Encoding ",
        "Content-Length\t",
        "Content\x01-Length",
        "(Content-Length)",
        "\"Content-Length\"",
    ] {
        let field = format!("{name}: 5");
        let lines = ["POST / HTTP/1.1", "Host: a", &field];
        check(Sender::Client, &lines, Err(DisguisedName));
        check(Sender::Server("GET"), &["HTTP/1.1 200 OK", &field], Err(DisguisedName));
    }
    for name in ["Content_Length", "transfer_encoding"] {
        let field = format!("{name}: 5");
        check(Sender::Client, &["POST / HTTP/1.1", "Host: a", &field], Err(DisguisedName));
        check(Sender::Server("GET"), &["HTTP/1.1 200 OK", &field], Ok(UntilClose));
    }
    for name in ["X-Content-Length", "Content-Lengths", "ContentLength", "Transfer--Encoding"] {
        let field = format!("{name}: 5");
        check(Sender::Client, &["POST / HTTP/1.1", "Host: a", &field], Ok(Empty));
    }
}

#[test]
fn refuses_a_head_into_which_an_edit_put_a_line_break() {
    use sidestream_record::{Field, Fields, RequestHead, ResponseHead, Version};
    let sound = RequestHead {
        method: "GET".into(),
        target: "/".into(),
        version: Version::Http11,
        fields: Fields(vec![Field::new("Host", "a"), Field::new("X", "y")]),
    };
    assert_eq!(request_framing(&sound), Ok(Empty));
    let with = |edit: fn(&mut RequestHead)| {
        let mut head = sound.clone();
        edit(&mut head);
        request_framing(&head)
    };
    assert_eq!(with(|head| head.target = "/\r\nX: y".into()), Err(BareCr));
    assert_eq!(with(|head| head.target = "/\nX: y".into()), Err(LineBreak));
    assert_eq!(with(|head| head.target = "/\0".into()), Err(Nul));
    assert_eq!(with(|head| head.target = "/ HTTP/1.1".into()), Err(VersionInTarget));
    assert_eq!(with(|head| head.method = "GET\n".into()), Err(LineBreak));
    assert_eq!(with(|head| head.fields.push("A\nB", "c")), Err(LineBreak));
    assert_eq!(with(|head| head.fields.push("A", "b\nC: d")), Err(LineBreak));
    assert_eq!(with(|head| head.fields.push("A", "b\r\nC: d")), Err(LineBreak));
    assert_eq!(with(|head| head.fields.push("A", "b\r\n\r\n")), Err(LineBreak));
    assert_eq!(with(|head| head.fields.push("A", "b\r\n c")), Ok(Empty));
    assert_eq!(with(|head| head.fields.push("A", "b\n")), Err(WhiteLine));
    assert_eq!(with(|head| head.fields.push("A", "b\r\n \r\n c")), Err(WhiteLine));
    let reason = "OK\r\nX: y".into();
    let fields = Fields::default();
    let response = ResponseHead { version: Version::Http11, status: 200, reason, fields };
    assert_eq!(response_framing(&response, b"GET"), Err(BareCr));
}
