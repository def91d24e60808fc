//! The opening of a WebSocket, from one version of HTTP to the other (RFC 8441 §5).

use bytes::{Bytes, BytesMut};
use sidestream_record::{Field, Fields, RequestHead, ResponseHead, Version};

use super::request;
use super::words::{self, Unsayable};
use crate::http1::{self, Framing};
use crate::websocket::{WebSocket, accept};

/// What is only said over HTTP/1: HTTP/2 has other means against what it prevents.
const KEY: &str = "sec-websocket-key";

/// Returns the key of a request of HTTP/1 that asks for a WebSocket.
pub(super) fn key(head: &RequestHead, framing: Framing) -> Option<&Bytes> {
    let upgrade = http1::upgrade(&head.fields)?;
    let asks = head.method == "GET"
        && head.version == Version::Http11
        && framing == Framing::Empty
        && upgrade.eq_ignore_ascii_case(b"websocket");
    head.fields.get(KEY).filter(|_| asks)
}

/// Makes an extended CONNECT out of a request of HTTP/1 that asks for a WebSocket.
pub(super) fn request_to_http2(head: &RequestHead, secure: bool) -> Result<Fields, Unsayable> {
    let get = request::to_http2(head, Framing::Empty, secure)?;
    if get.get(":authority").is_none() {
        return Err("a WebSocket without a host");
    }
    let mut fields = Fields::default();
    fields.push(":method", "CONNECT");
    fields.push(":protocol", "websocket");
    for Field { name, value } in get.0 {
        if name != ":method" && name != KEY && name != "content-length" {
            fields.push(name, value);
        }
    }
    Ok(fields)
}

/// Makes a request of HTTP/1 with that key out of an extended CONNECT.
pub(super) fn request_to_http1(head: &RequestHead, key: &str) -> Result<Bytes, Unsayable> {
    let mut fields = head.fields.clone();
    fields
        .0
        .retain(|field| field.name != "te" && field.name != "content-length" && field.name != KEY);
    fields.push("connection", "Upgrade");
    fields.push("upgrade", "websocket");
    fields.push(KEY, key.to_owned());
    let method = Bytes::from_static(b"GET");
    let get = RequestHead { method, fields, ..head.clone() };
    request::to_http1(&get, true).map(|(wire, _)| wire)
}

/// Makes the fields of HTTP/2 out of the response of HTTP/1 that answers that key.
pub(super) fn response_to_http2(head: &ResponseHead, key: &str) -> Result<Fields, Unsayable> {
    if head.status != 101 || !WebSocket::is_next(head) {
        return Err("an answer that opens no WebSocket, and refuses none");
    }
    let answer = head.fields.get("sec-websocket-accept");
    if answer.is_none_or(|answer| *answer != accept(key.as_bytes())) {
        return Err("a WebSocket that was opened for another key");
    }
    let mut fields = Fields::default();
    fields.push(":status", "200");
    for field in words::regular_to_http2(&head.fields)? {
        if !matches!(&field.name[..], b"te" | b"content-length" | b"sec-websocket-accept") {
            fields.0.push(field);
        }
    }
    Ok(fields)
}

/// Makes the response of HTTP/1 out of one of HTTP/2 that opens the WebSocket of that key.
pub(super) fn response_to_http1(head: &ResponseHead, key: &[u8]) -> Bytes {
    let mut fields = Fields::default();
    fields.push("Upgrade", "websocket");
    fields.push("Connection", "Upgrade");
    fields.push("Sec-WebSocket-Accept", accept(key));
    for Field { name, value } in &head.fields {
        let ours = matches!(&name[..], b"te" | b"content-length" | b"sec-websocket-accept");
        if !name.starts_with(b":") && !ours {
            fields.push(name.clone(), value.clone());
        }
    }
    let reason = Bytes::from_static(b"Switching Protocols");
    let head = ResponseHead { version: Version::Http11, status: 101, reason, fields };
    let mut wire = BytesMut::new();
    http1::encode_response(&head, &mut wire);
    wire.freeze()
}
