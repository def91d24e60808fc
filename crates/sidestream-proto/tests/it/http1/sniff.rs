//! What begins a request.

use sidestream_proto::http1::Sniff::*;
use sidestream_proto::http1::{Sniff, looks_like_request};

#[track_caller]
fn check(bytes: &[u8], expected: Sniff) {
    assert_eq!(looks_like_request(bytes), expected, "{}", bytes.escape_ascii());
    // What was decided stays so, whatever comes.
    if expected != NeedMore {
        assert_eq!(looks_like_request(&[bytes, b"\r\n\0"].concat()), expected);
    }
}

#[test]
fn decides_on_the_first_bytes_that_tell() {
    for bytes in ["", "G", "GET", "GET ", "BREW", "BREW ", "\r\n", "\r\nPOST", "GET http", "GET h"]
    {
        check(bytes.as_bytes(), NeedMore);
    }
    for bytes in [
        "GET /",
        "GET  /",
        "\r\n\r\nPOST /",
        "OPTIONS * HTTP/1.1\r\n",
        "GET http://",
        "GET HTTPS://",
        "CONNECT a",
        "CONNECT [",
        "CONNECT 1",
        "BREW /pot HTTP/1.1\r\n",
        "BREW http://a.test/ HTTP/1.0\n",
        "M-SEARCH * HTTP/1.1\r\n",
        "get / HTTP/1.1\r\n",
    ] {
        check(bytes.as_bytes(), Yes);
    }
    for bytes in [
        &b"\x16\x03\x01"[..],
        b"\0",
        b"\x05\x01\0",
        b" GET",
        b"GET\t/",
        b"GET x",
        b"GET httq",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"EHLO a.test\r\n",
        b"HELP /tmp\r\n",
        b"BREW /pot\r\n",
        b"BREW /pot HTTP/2.0\r\n",
        b"BREW /pot HTTP/1.x\r\n",
        b"BREW /\x01",
        b"PRI * HTTP/2.0\r\n\r\n",
        b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        check(bytes, No);
    }
}

#[test]
fn gives_up_on_what_never_tells() {
    let endless = |len| [&b"BREW /"[..], &vec![b'a'; len]].concat();
    check(&endless(100), NeedMore);
    check(&endless(10_000), No);
    check(&[b'\n'; 100], No);
}
