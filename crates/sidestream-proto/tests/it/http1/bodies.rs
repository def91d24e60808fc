//! Bodies, above all chunked ones (RFC 9112 §7.1).

use bytes::BytesMut;
use sidestream_proto::http1::{
    BodyError, BodyReader, Defect, Framing, Limits, Piece, Smuggling, encode_chunk,
    encode_last_chunk,
};
use sidestream_record::{Field, Fields};

use super::{Refusal, Sender, read};

const HEAD: &str = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";

fn read_chunks(body: &str) -> super::Read {
    read(Sender::Client, [HEAD, body].concat().as_bytes())
}

#[test]
fn reads_what_the_chunks_hold() {
    #[track_caller]
    fn check(body: &str, data: &str) {
        let read = read_chunks(body);
        assert_eq!((read.refusal, read.ended), (None, true), "{body:?}");
        assert_eq!(str::from_utf8(&read.data), Ok(data), "{body:?}");
        assert_eq!(read.rest, b"", "{body:?}");
    }
    check("0\r\n\r\n", "");
    check("3\r\nabc\r\n0\r\n\r\n", "abc");
    check("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde");
    check("0000A\r\n0123456789\r\n000\r\n\r\n", "0123456789");
    check("a\r\n0123456789\r\n0\r\n\r\n", "0123456789");
    check("3;a;b=c;d=\"e;\\\" f\"\r\nabc\r\n0;last\r\n\r\n", "abc");
    check("3 \t;a\r\nabc\r\n0 \r\n\r\n", "abc");
    check("4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n");
    check("1\r\na\r\n0\r\nX: y\r\n\r\n", "a");
}

#[test]
fn refuses_what_is_no_chunk() {
    use BodyError::{ChunkEnd, ChunkExtension, ChunkSize, LineEnding, Trailers};
    #[track_caller]
    fn check(body: &str, expected: BodyError) {
        assert_eq!(read_chunks(body).refusal, Some(Refusal::Body(expected)), "{body:?}");
    }
    for size in
        ["", "x", "-3", "+3", "0x3", " 3", "3 3", "3,", "3g", ";a", "３", "8000000000000000"]
    {
        check(&format!("{size}\r\nabc\r\n"), ChunkSize);
    }
    check("10000000000000003\r\nabc\r\n", ChunkSize);
    check("3\nabc\r\n", LineEnding);
    check("3;a\nabc\r\n", LineEnding);
    check("3;a\rb\r\nabc\r\n", ChunkExtension);
    check("3;a\0\r\nabc\r\n", ChunkExtension);
    check("3\r\nabcd\r\n", ChunkEnd);
    check("3\r\nabc\n0", ChunkEnd);
    check("3\r\nabc\r\r", ChunkEnd);
    check("0\r\n\n", LineEnding);
    check("0\r\nX: y\n\r\n", LineEnding);
    check("0\r\nX: a\rb\r\n\r\n", Trailers(Smuggling::BareCr));
    check("0\r\nX: a\0\r\n\r\n", Trailers(Smuggling::Nul));
    check("0\r\n X: a\r\n\r\n", Trailers(Smuggling::SpaceBeforeFirstField));
}

#[test]
fn trailer_fields_are_read_as_those_of_heads() {
    let read = read_chunks("0;x\r\nX-Sum:  1 \r\nx-sum:2\r\nno colon\r\n\r\nGET");
    let expected = [("X-Sum", "1"), ("x-sum", "2"), ("no colon", "")];
    let expected = expected.map(|(name, value)| Field::new(name, value)).to_vec();
    assert_eq!(read.trailers, Some(Fields(expected)));
    assert_eq!(read.defects, [Defect::MissingColon]);
    assert_eq!(read.rest, b"GET");
}

#[test]
fn a_chunk_is_passed_on_as_it_comes() {
    let mut body = BodyReader::new(Framing::Chunked, &Limits::default());
    let mut buf = BytesMut::new();
    let mut poll = |more: &str| {
        buf.extend_from_slice(more.as_bytes());
        body.poll(&mut buf).unwrap().map(|piece| match piece {
            Piece::Data { data, wire } => {
                format!("{} in {}", data.escape_ascii(), wire.escape_ascii())
            }
            Piece::Trailers { wire, .. } => format!("trailers {}", wire.escape_ascii()),
            Piece::End => "end".into(),
        })
    };
    assert_eq!(poll("5;x"), None);
    assert_eq!(poll("\r\n"), None);
    assert_eq!(poll("ab").as_deref(), Some(r"ab in 5;x\r\nab"));
    assert_eq!(poll(""), None);
    assert_eq!(poll("cde").as_deref(), Some("cde in cde"));
    assert_eq!(poll("\r"), None);
    assert_eq!(poll("\n").as_deref(), Some(r" in \r\n"));
    assert_eq!(poll("1\r\nf\r\n1\r\ng\r\n0\r\n").as_deref(), Some(r"f in 1\r\nf\r\n"));
    assert_eq!(poll("").as_deref(), Some(r"g in 1\r\ng\r\n"));
    assert_eq!(poll(""), None);
    assert_eq!(poll("\r\nGET").as_deref(), Some(r"trailers 0\r\n\r\n"));
    assert_eq!(poll("").as_deref(), Some("end"));
    assert_eq!(poll("").as_deref(), Some("end"));
}

#[test]
fn a_body_that_is_cut_short_says_how_much_is_missing() {
    #[track_caller]
    fn check(framing: Framing, body: &str, expected: Result<(), BodyError>) {
        let mut reader = BodyReader::new(framing, &Limits::default());
        let mut buf = BytesMut::from(body);
        while !matches!(reader.poll(&mut buf).unwrap(), None | Some(Piece::End)) {}
        assert_eq!(reader.finish_at_eof(), expected, "{framing:?} {body:?}");
    }
    let cut = |missing| Err(BodyError::CutShort { missing });
    check(Framing::Empty, "", Ok(()));
    check(Framing::UntilClose, "", Ok(()));
    check(Framing::UntilClose, "abc", Ok(()));
    check(Framing::Tunnel, "abc", Ok(()));
    check(Framing::Length(3), "abc", Ok(()));
    check(Framing::Length(3), "a", cut(Some(2)));
    check(Framing::Chunked, "0\r\n\r\n", Ok(()));
    check(Framing::Chunked, "", cut(None));
    check(Framing::Chunked, "5\r\nab", cut(Some(3)));
    check(Framing::Chunked, "5\r\nabcde", cut(None));
    check(Framing::Chunked, "5\r\nabcde\r\n0\r\n", cut(None));
}

#[test]
fn an_error_comes_again() {
    for chunks in ["x\r\n", "1\r\nab", "1\r\na\r\nx\r\n", "0\r\nA: b\nC: d\r\n\r\n"] {
        let mut reader = BodyReader::new(Framing::Chunked, &Limits::default());
        let mut buf = BytesMut::from(chunks);
        let error = loop {
            if let Err(error) = reader.poll(&mut buf) {
                break error;
            }
        };
        buf.extend_from_slice(b"\r\n0\r\n\r\n");
        assert_eq!(reader.poll(&mut buf), Err(error), "{chunks:?}");
    }
}

#[test]
fn chunks_that_we_make_are_read_as_they_were_meant() {
    let mut out = BytesMut::from(HEAD);
    let trailers = Fields(vec![Field::new("X-Sum", "1")]);
    for data in [&b"abc"[..], b"", &[b'x'; 300]] {
        encode_chunk(data, &mut out);
    }
    encode_last_chunk(&trailers, &mut out);
    let read = read(Sender::Client, &out);
    assert_eq!(read.data, [&b"abc"[..], &[b'x'; 300]].concat());
    assert_eq!(read.trailers, Some(trailers));
    assert_eq!((read.ended, read.defects), (true, vec![]));
}
