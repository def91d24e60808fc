//! Heads of responses, from one version of HTTP to the other (RFC 9113 §8.3.2, RFC 9112 §4).

use bytes::{Bytes, BytesMut};
use sidestream_record::{Field, Fields, ResponseHead, Version};

use super::body::Sending;
use super::reason::reason;
use super::words::{self, Unsayable};
use crate::http1::{self, Framing};

/// Makes the fields of HTTP/2 out of a response of HTTP/1, whose body ends as `framing` says.
pub(crate) fn to_http2(head: &ResponseHead, framing: Framing) -> Result<Fields, Unsayable> {
    if framing == Framing::Tunnel {
        return Err("a change of protocol that was not asked for");
    }
    words::check_codings(&head.fields)?;
    let mut fields = Fields::default();
    fields.push(":status", head.status.to_string());
    let mut length = match framing {
        Framing::Length(length) => Some(Bytes::from(length.to_string())),
        Framing::Empty if !matches!(head.status, 100..=199 | 204) => words::length(&head.fields)?,
        _ => None,
    };
    for field in words::regular_to_http2(&head.fields)? {
        match &field.name[..] {
            b"te" => {}
            b"content-length" => {
                if let Some(value) = length.take() {
                    fields.push(field.name, value);
                }
            }
            _ => fields.0.push(field),
        }
    }
    Ok(fields)
}

/// What is known of the request when its response is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a [u8],
    pub(super) version: Version,
}

/// A response of HTTP/1.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) wire: Bytes,
    pub(super) sending: Sending,
    /// The body ends with the connection.
    pub(super) until_close: bool,
}

/// Makes a response of HTTP/1 out of one of HTTP/2; `end` if it has no body, and `close` if the
/// connection ends behind it.
pub(super) fn to_http1(
    head: &ResponseHead,
    asked: Asked<'_>,
    end: bool,
    close: bool,
) -> Result<Made, Unsayable> {
    let Asked { method, version } = asked;
    let mut fields = Fields::default();
    for Field { name, value } in &head.fields {
        let repeated = name == "content-length" && fields.get("content-length").is_some();
        if !name.starts_with(b":") && !repeated && name != "te" {
            fields.push(name.clone(), value.clone());
        }
    }
    let interim = head.is_interim();
    // Such a response has no body, whatever its fields say (RFC 9112 §6.3).
    let bodiless = method == b"HEAD" || interim || matches!(head.status, 204 | 304);
    let mut made = Made { wire: Bytes::new(), sending: Sending::Plain, until_close: false };
    if interim || head.status == 204 {
        fields.0.retain(|field| field.name != "content-length");
    }
    if !bodiless && fields.get("content-length").is_none() {
        if end {
            fields.push("content-length", "0");
        } else if version >= Version::Http11 {
            fields.push("transfer-encoding", "chunked");
            made.sending = Sending::Chunked;
        } else {
            made.until_close = true;
        }
    }
    if (close || made.until_close) && !interim {
        fields.push("connection", "close");
    }
    let (status, reason) = (head.status, Bytes::from_static(reason(head.status).as_bytes()));
    let head = ResponseHead { version: Version::Http11, status, reason, fields };
    // What a client of HTTP/1 could read in two ways, it must not get.
    http1::response_framing(&head, method).or(Err("a response that clients read differently"))?;
    let mut wire = BytesMut::new();
    http1::encode_response(&head, &mut wire);
    made.wire = wire.freeze();
    Ok(made)
}
