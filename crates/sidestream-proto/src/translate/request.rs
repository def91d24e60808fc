//! Heads of requests, from one version of HTTP to the other (RFC 9113 §8.3.1, RFC 9112 §3.2).

use bytes::{BufMut as _, Bytes, BytesMut};
use sidestream_record::{Field, Fields, RequestHead, Version};

use super::body::Sending;
use super::words::{self, Unsayable};
use crate::http1::{self, Framing};

/// Makes the fields of HTTP/2 out of a request of HTTP/1, whose body ends as `framing` says.
pub(super) fn to_http2(
    head: &RequestHead,
    framing: Framing,
    secure: bool,
) -> Result<Fields, Unsayable> {
    words::check_codings(&head.fields)?;
    let Target { scheme, authority, path } = Target::of(head)?;
    let ours: &[u8] = if secure { b"https" } else { b"http" };
    let mut fields = Fields::default();
    fields.push(":method", head.method.clone());
    fields.push(":scheme", scheme.unwrap_or_else(|| Bytes::from_static(ours)));
    let host = head.fields.get("host").filter(|host| !host.is_empty()).cloned();
    if let Some(authority) = authority.or(host) {
        // Of a user's name and password nothing may be there (RFC 9113 §8.3.1).
        if !authority.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'@') {
            return Err("a host that HTTP/2 cannot express");
        }
        fields.push(":authority", authority);
    }
    fields.push(":path", path);
    let mut length = match framing {
        Framing::Length(length) => Some(Bytes::from(length.to_string())),
        Framing::Empty => words::length(&head.fields)?,
        Framing::Chunked | Framing::UntilClose | Framing::Tunnel => None,
    };
    for field in words::regular_to_http2(&head.fields)? {
        match &field.name[..] {
            b"host" | b"te" => {}
            b"content-length" => {
                if let Some(value) = length.take() {
                    fields.push(field.name, value);
                }
            }
            _ => fields.0.push(field),
        }
    }
    if words::lists(&head.fields, "te", "trailers") {
        fields.push("te", "trailers");
    }
    Ok(fields)
}

/// A request target, taken apart.
struct Target {
    scheme: Option<Bytes>,
    authority: Option<Bytes>,
    path: Bytes,
}

impl Target {
    fn of(head: &RequestHead) -> Result<Self, Unsayable> {
        let target = &head.target;
        if target.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
            return Err("a request target that HTTP/2 cannot express");
        }
        if target.starts_with(b"/") || head.method == "OPTIONS" && target == "*" {
            return Ok(Self { scheme: None, authority: None, path: target.clone() });
        }
        let separator =
            memchr::memmem::find(target, b"://").ok_or("a request target of no form")?;
        let (scheme, rest) = (target.slice(..separator), target.slice(separator + 3..));
        if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
            return Err("a request target that is neither http nor https");
        }
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#'));
        let end = end.unwrap_or(rest.len());
        let (authority, path) = (rest.slice(..end), rest.slice(end..));
        if authority.is_empty() {
            return Err("a request target without a host");
        }
        let path = match path.first() {
            None if head.method == "OPTIONS" => Bytes::from_static(b"*"),
            Some(b'/') => path,
            _ => [b"/", &path[..]].concat().into(),
        };
        let scheme = Some(scheme.to_ascii_lowercase().into());
        Ok(Self { scheme, authority: Some(authority), path })
    }
}

/// Makes a request of HTTP/1 out of one of HTTP/2, and says how its body is to be sent; `end` if
/// it has none.
pub(crate) fn to_http1(head: &RequestHead, end: bool) -> Result<(Bytes, Sending), Unsayable> {
    let fields = &head.fields;
    let authority = fields.get(":authority").filter(|it| !it.is_empty());
    let host = fields.get("host");
    if let (Some(authority), Some(host)) = (authority, host)
        && !authority.eq_ignore_ascii_case(host)
    {
        return Err("a host that differs from the :authority");
    }
    let host = authority.or(host).ok_or("neither an :authority nor a host")?;
    let mut out = Fields::default();
    out.push("host", host.clone());
    let mut cookies = BytesMut::new();
    for Field { name, value } in fields {
        match &name[..] {
            b"host" | b"te" => {}
            // Its crumbs are one field again (RFC 9113 §8.2.3), where the first of them stood.
            b"cookie" => {
                if cookies.is_empty() {
                    out.push(name.clone(), Bytes::new());
                } else {
                    cookies.put(&b"; "[..]);
                }
                cookies.put(&value[..]);
            }
            b"content-length" if out.get("content-length").is_some() => {}
            name if name.starts_with(b":") => {}
            _ => out.push(name.clone(), value.clone()),
        }
    }
    if let Some(cookie) = out.0.iter_mut().find(|field| field.name == "cookie") {
        cookie.value = cookies.freeze();
    }
    if fields.get("te").is_some() {
        out.push("te", "trailers");
        out.push("connection", "te");
    }
    let mut sending = Sending::Plain;
    if !end && out.get("content-length").is_none() {
        out.push("transfer-encoding", "chunked");
        sending = Sending::Chunked;
    }
    let RequestHead { method, target, .. } = head.clone();
    let head = RequestHead { method, target, version: Version::Http11, fields: out };
    // What a server of HTTP/1 could read in two ways, it must not get.
    http1::request_framing(&head).or(Err("a request that servers of HTTP/1 read differently"))?;
    let mut wire = BytesMut::new();
    http1::encode_request(&head, &mut wire);
    Ok((wire.freeze(), sending))
}
