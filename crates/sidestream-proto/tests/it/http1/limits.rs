//! What is held of a message is bounded.

use sidestream_proto::http1::{BodyError, HeadError, Limits};

use super::{Read, Reading, Refusal, Sender, read_cut};

const SMALL: Limits = Limits { max_head_bytes: 100, max_fields: 3, max_chunk_line_bytes: 10 };

/// Reads what begins so and goes on so forever, until it is refused.
#[track_caller]
fn endless(begin: &str, more: &[u8], limits: Limits) -> (Option<Refusal>, usize) {
    let mut reading = Reading::new(Sender::Client, limits);
    reading.feed(begin.as_bytes());
    for byte in more.iter().cycle().take(8 * limits.max_head_bytes) {
        if reading.read.refusal.is_some() {
            break;
        }
        reading.feed(&[*byte]);
    }
    let Read { refusal, rest, .. } = reading.finish();
    (refusal, rest.len())
}

#[test]
fn an_endless_head_is_refused_at_the_limit() {
    // Were every byte looked at again with each that comes, this would take hours.
    let limits = Limits { max_head_bytes: 2 << 20, max_fields: 100, ..Limits::default() };
    let limit = limits.max_head_bytes;
    let too_large = Some(Refusal::Head(HeadError::TooLarge { limit }));
    for (begin, more) in
        [("GET / HTTP/1.1\r\nX: ", &b"a"[..]), ("GET /", b"a"), ("", b"\r\n"), ("", b"G")]
    {
        assert_eq!(endless(begin, more, limits), (too_large.clone(), limit), "{begin}");
    }
    let too_many = Some(Refusal::Head(HeadError::TooManyFields { limit: 100 }));
    let (refusal, held) = endless("GET / HTTP/1.1\r\n", b"A:b\r\n", limits);
    assert_eq!(refusal, too_many);
    assert_eq!(held, "GET / HTTP/1.1\r\n".len() + 101 * "A:b\r\n".len());
}

#[test]
fn an_endless_chunk_line_or_trailer_section_is_refused_at_the_limit() {
    const HEAD: &str = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let check = |begin: &str, more, error, held| {
        let expected = (Some(Refusal::Body(error)), held);
        assert_eq!(endless(&[HEAD, begin].concat(), more, SMALL), expected, "{begin}");
    };
    check("", b"0", BodyError::ChunkLineTooLong { limit: 10 }, 10);
    check("1;", b"x", BodyError::ChunkLineTooLong { limit: 10 }, 10);
    check("0\r\nX: ", b"x", BodyError::TrailersTooLarge { limit: 100 }, 103);
    check("0\r\n", b"A:b\r\n", BodyError::TooManyTrailers { limit: 3 }, 23);
}

#[test]
fn what_just_fits_is_taken() {
    let request = "POST / HTTP/1.1\r\nA: b\r\nTransfer-Encoding: chunked\r\nC: d\r\n\r\n";
    let body = "1;567890\r\nx\r\n0\r\nA:b\r\nC:d\r\nE:f\r\n\r\n";
    let limits = Limits { max_head_bytes: request.len(), ..SMALL };
    let bytes = [request, body].concat();
    for sizes in [&[1][..], &[7], &[1000]] {
        let read = read_cut(Sender::Client, bytes.as_bytes(), sizes, limits);
        assert_eq!((read.refusal, read.ended), (None, true));
        let tight = Limits { max_head_bytes: request.len() - 1, ..SMALL };
        let read = read_cut(Sender::Client, bytes.as_bytes(), sizes, tight);
        let limit = tight.max_head_bytes;
        assert_eq!(read.refusal, Some(Refusal::Head(HeadError::TooLarge { limit })));
        let tight = Limits { max_fields: 2, ..limits };
        let read = read_cut(Sender::Client, bytes.as_bytes(), sizes, tight);
        assert_eq!(read.refusal, Some(Refusal::Head(HeadError::TooManyFields { limit: 2 })));
        let tight = Limits { max_chunk_line_bytes: 9, ..limits };
        let read = read_cut(Sender::Client, bytes.as_bytes(), sizes, tight);
        assert_eq!(read.refusal, Some(Refusal::Body(BodyError::ChunkLineTooLong { limit: 9 })));
    }
}

#[test]
fn what_is_no_head_is_refused_before_its_end() {
    #[track_caller]
    fn check(sender: Sender, bytes: &[u8], expected: HeadError) {
        let read = read_cut(sender, bytes, &[1], Limits::default());
        assert_eq!(read.refusal, Some(Refusal::Head(expected)), "{}", bytes.escape_ascii());
        assert_eq!(read.wire, b"", "it is left to the caller");
    }
    for bytes in [&b"\x16"[..], b"\0", b" GET", b"GET / HTTP/2\r\n", b"EHLO a\r\n", b"\r\n\r\n("] {
        check(Sender::Client, bytes, HeadError::RequestLine);
    }
    for bytes in [&b"S"[..], b"HTTP/2", b"HTTP/1.1 2x\r\n", b"HTTP/1.1 099 X\r\n", b"\r\n\r\nI"] {
        check(Sender::Server("GET"), bytes, HeadError::StatusLine);
    }
}
