//! Heads out of field blocks (RFC 9113 §8.3).

use bytes::Bytes;
use sidestream_record::{Fields, RequestHead, ResponseHead, Version, wording};

use crate::cx::Cx;
use crate::http;

/// Makes a request's head, and says what is missing in it.
pub(crate) fn request(fields: Fields) -> (RequestHead, Option<&'static str>) {
    let method = fields.get(":method").cloned();
    let connects = method.as_deref() == Some(b"CONNECT") && fields.get(":protocol").is_none();
    let target = fields.get(if connects { ":authority" } else { ":path" }).cloned();
    let missing = match (&method, &target) {
        (None, _) => Some("a request without :method"),
        (_, None) if connects => Some("a CONNECT without :authority"),
        (_, None) => Some("a request without :path"),
        (Some(_), Some(_)) => None,
    };
    let head = RequestHead {
        method: method.unwrap_or_default(),
        target: target.unwrap_or_default(),
        version: Version::Http2,
        fields,
    };
    (head, missing)
}

/// Makes a response's head, or says why there is none.
pub(crate) fn response(fields: Fields) -> Result<ResponseHead, &'static str> {
    let status = fields.get(":status").ok_or("a response without :status")?;
    let status = match **status {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            [a, b, c].into_iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'))
        }
        _ => return Err("a :status that is not three digits"),
    };
    Ok(ResponseHead { version: Version::Http2, status, reason: Bytes::new(), fields })
}

/// Puts the absolute URI of a request together (RFC 9113 §8.3.1).
pub(crate) fn url(head: &RequestHead, secure: bool, cx: &Cx) -> String {
    if head.method == "CONNECT" && head.fields.get(":protocol").is_none() {
        return wording::text(&head.target);
    }
    let ours = if secure { "https" } else { "http" };
    let scheme = head.fields.get(":scheme").map_or_else(|| ours.into(), |text| wording::text(text));
    let reverse = cx.config.reverse.as_ref().and_then(|reverse| reverse.authority());
    let sent = head.fields.get(":authority").or_else(|| head.fields.get("host"));
    let authority = match (reverse, sent.filter(|authority| !authority.is_empty())) {
        (Some(authority), _) => authority,
        (None, Some(authority)) => wording::text(authority),
        (None, None) => http::fallback_host(secure, cx),
    };
    let path = match &*head.target {
        b"*" => String::new(),
        path => wording::text(path),
    };
    format!("{scheme}://{authority}{path}")
}
