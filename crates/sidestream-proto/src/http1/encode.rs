//! Writes heads and chunks that were changed, or made.

use bytes::{BufMut, BytesMut};
use sidestream_record::{Field, Fields, RequestHead, ResponseHead, Version};

/// Appends a request's head.
///
/// Names and values go out as they are: let [`request_framing`](super::request_framing) see a
/// head whose parts came from outside, for it refuses line breaks.
pub fn encode_request(head: &RequestHead, out: &mut BytesMut) {
    for part in [&head.method[..], b" ", &head.target, b" ", version(head.version), b"\r\n"] {
        out.put(part);
    }
    encode_fields(&head.fields, out);
}

/// Appends a response's head.
///
/// Names and values go out as they are: let [`response_framing`](super::response_framing) see a
/// head whose parts came from outside, for it refuses line breaks.
pub fn encode_response(head: &ResponseHead, out: &mut BytesMut) {
    let ResponseHead { status, reason, .. } = head;
    let digits = [status / 100 % 10, status / 10 % 10, status % 10];
    out.put(version(head.version));
    out.put_u8(b' ');
    for digit in digits {
        out.put_u8(b'0' + digit as u8);
    }
    for part in [b" ", &reason[..], b"\r\n"] {
        out.put(part);
    }
    encode_fields(&head.fields, out);
}

/// Appends one chunk (RFC 9112 §7.1); without data it appends nothing, for that would be the last.
pub fn encode_chunk(data: &[u8], out: &mut BytesMut) {
    if data.is_empty() {
        return;
    }
    for part in [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"] {
        out.put(part);
    }
}

/// Appends the last chunk and the trailer section, which may be empty.
pub fn encode_last_chunk(trailers: &Fields, out: &mut BytesMut) {
    out.put(&b"0\r\n"[..]);
    encode_fields(trailers, out);
}

fn encode_fields(fields: &Fields, out: &mut BytesMut) {
    for Field { name, value } in fields {
        for part in [name, &b": "[..], value, b"\r\n"] {
            out.put(part);
        }
    }
    out.put(&b"\r\n"[..]);
}

/// Returns the version as a start line has it; a head of a later version becomes one of 1.1.
fn version(version: Version) -> &'static [u8] {
    if version == Version::Http10 { b"HTTP/1.0" } else { b"HTTP/1.1" }
}
