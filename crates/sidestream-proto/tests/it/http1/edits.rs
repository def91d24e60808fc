//! Edits leave every other byte as it was sent.

use bytes::{Bytes, BytesMut};
use sidestream_proto::http1::{
    HeadReader, Limits, Parsed, encode_request, encode_response, request_framing, response_framing,
};
use sidestream_record::{RequestHead, ResponseHead};

use super::Sender;
use super::cases::cases;

fn request(text: &str) -> Parsed<RequestHead> {
    HeadReader::new(Limits::default()).poll_request(&mut text.into()).unwrap().unwrap()
}

fn response(text: &str) -> Parsed<ResponseHead> {
    HeadReader::new(Limits::default()).poll_response(&mut text.into()).unwrap().unwrap()
}

#[track_caller]
fn check(edited: &Bytes, expected: &str) {
    assert_eq!(str::from_utf8(edited), Ok(expected));
}

#[test]
fn an_edit_changes_what_it_names_alone() {
    let head = "GET http://a.test/x HTTP/1.1\r\nhOsT:a.test \r\nA: 1\r\nB : 2\r\na:\t3\r\n\r\n";
    let parsed = request(head);
    check(&parsed.edit().finish(), head);
    check(&parsed.with_target(b"/x"), &head.replace("http://a.test/x", "/x"));
    check(&parsed.without(&[]), head);
    check(&parsed.without(&["X"]), head);
    check(&parsed.without(&["a"]), &head.replace("A: 1\r\n", "").replace("a:\t3\r\n", ""));
    check(&parsed.without(&["B", "HOST"]), "GET http://a.test/x HTTP/1.1\r\nA: 1\r\na:\t3\r\n\r\n");
    check(&parsed.edit().set("HOST", b"b").finish(), &head.replace("hOsT:a.test", "hOsT:b"));
    check(&parsed.edit().set("B", b"9").finish(), &head.replace("B : 2", "B : 9"));
    check(
        &parsed.edit().set("A", b"9").finish(),
        &head.replace("A: 1", "A: 9").replace("a:\t3\r\n", ""),
    );
    check(
        &parsed.edit().set("C", b"9").set("D", b"").finish(),
        &head.replace("a:\t3\r\n", "a:\t3\r\nC: 9\r\nD: \r\n"),
    );
    check(
        &parsed.edit().target(b"*").remove("B").set("hOst", b"c").finish(),
        "GET * HTTP/1.1\r\nhOsT:c \r\nA: 1\r\na:\t3\r\n\r\n",
    );
}

#[test]
fn of_two_changes_of_a_name_the_last_counts() {
    let parsed = request("GET / HTTP/1.1\r\nA: 1\r\n\r\n");
    check(&parsed.edit().set("a", b"2").remove("A").finish(), "GET / HTTP/1.1\r\n\r\n");
    check(&parsed.edit().remove("A").set("a", b"2").finish(), "GET / HTTP/1.1\r\nA: 2\r\n\r\n");
    check(&parsed.edit().set("A", b"2").set("a", b"3").finish(), "GET / HTTP/1.1\r\nA: 3\r\n\r\n");
    let parsed = request("GET / HTTP/1.1\r\n\r\n");
    check(&parsed.edit().set("A", b"2").set("a", b"3").finish(), "GET / HTTP/1.1\r\na: 3\r\n\r\n");
    check(&parsed.edit().set("A", b"2").remove("a").finish(), "GET / HTTP/1.1\r\n\r\n");
}

#[test]
fn an_edit_keeps_odd_lines_as_they_are() {
    let bare = "\n\nGET  / HTTP/1.1 \nA: 1\n 2\nB:\nno colon\n\n";
    let parsed = request(bare);
    check(&parsed.edit().finish(), bare);
    check(&parsed.with_target(b"/x"), &bare.replace("  / ", "  /x "));
    check(&parsed.without(&["A"]), &bare.replace("A: 1\n 2\n", ""));
    check(&parsed.edit().set("A", b"3").finish(), &bare.replace("1\n 2", "3"));
    check(&parsed.edit().set("B", b"3").finish(), &bare.replace("B:", "B:3"));
    check(&parsed.edit().set("C", b"3").finish(), &bare.replace("colon\n", "colon\nC: 3\n"));
    check(&parsed.edit().set("no colon", b"3").finish(), &bare.replace("colon", "colon: 3"));
    let parsed = response("HTTP/1.1 200\r\nA: 1\r\n\r\n");
    check(&parsed.edit().target(b"/").set("A", b"2").finish(), "HTTP/1.1 200\r\nA: 2\r\n\r\n");
}

#[test]
fn a_head_that_is_written_anew_reads_the_same() {
    for (name, verdict, sender, bytes) in cases() {
        if !verdict.starts_with("passes") {
            continue;
        }
        let (mut reader, mut buf) =
            (HeadReader::new(Limits::default()), BytesMut::from(&bytes[..]));
        let mut out = BytesMut::new();
        match sender {
            Sender::Client => {
                let parsed = reader.poll_request(&mut buf).unwrap().unwrap();
                encode_request(&parsed.head, &mut out);
                let again = reader.poll_request(&mut out).unwrap().unwrap();
                assert_eq!(again.head, parsed.head, "{name}");
                assert_eq!(request_framing(&again.head), request_framing(&parsed.head));
            }
            Sender::Server(asked) => {
                let parsed = reader.poll_response(&mut buf).unwrap().unwrap();
                encode_response(&parsed.head, &mut out);
                let again = reader.poll_response(&mut out).unwrap().unwrap();
                assert_eq!(again.head, parsed.head, "{name}");
                let framing = |head| response_framing(head, asked.as_bytes());
                assert_eq!(framing(&again.head), framing(&parsed.head));
            }
        }
        assert!(out.is_empty(), "{name}");
    }
}

#[test]
fn writes_heads_as_the_standard_has_them() {
    let tidy = "POST /a?b HTTP/1.1\r\nHost: a.test\r\nX: \r\n\r\n";
    let mut out = BytesMut::new();
    encode_request(&request(tidy).head, &mut out);
    check(&out.split().freeze(), tidy);
    let tidy = "HTTP/1.0 404 Not Found\r\nX: y\r\n\r\n";
    encode_response(&response(tidy).head, &mut out);
    check(&out.split().freeze(), tidy);
    encode_response(&response("HTTP/1.3 100\r\n\r\n").head, &mut out);
    check(&out.freeze(), "HTTP/1.1 100 \r\n\r\n");
}
