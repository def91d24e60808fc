//! What stands in a query, a form, and fields of cookies.

use std::borrow::Cow;

use crate::date;
use crate::entry::Field;

/// Cuts a query or a form (`application/x-www-form-urlencoded`) into its parts, decoded.
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = Field> {
    text.split('&').filter(|part| !part.is_empty()).map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        Field { name: decoded(name), value: decoded(value) }
    })
}

/// Puts a form together.
pub(crate) fn form<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let parts: Vec<_> =
        pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    parts.join("&")
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                out.push(byte.into())
            }
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Takes percent-encoding off; what is none, or no UTF-8, stays as it is.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex =
            |offset: usize| bytes.get(at + offset).and_then(|byte| char::from(*byte).to_digit(16));
        match (byte, hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
                continue;
            }
            (b'+', ..) => out.push(b' '),
            _ => out.push(*byte),
        }
        at += 1;
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// Returns the query of a URL, without what follows it.
pub(crate) fn of_url(url: &str) -> &str {
    let url = url.split('#').next().unwrap_or_default();
    url.split_once('?').map_or("", |(_, query)| query)
}

/// A cookie, as an archive has it.
#[derive(Debug, Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cookie {
    name: String,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secure: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    same_site: Option<String>,
}

/// Cuts `Cookie` fields (RFC 6265 §4.2.1) into cookies.
pub(crate) fn sent(fields: &[Field]) -> Vec<Cookie> {
    let parts = of(fields, "cookie").flat_map(|value| value.split(';'));
    let parts = parts.map(str::trim).filter(|part| !part.is_empty());
    parts.map(named).collect()
}

/// Reads `Set-Cookie` fields (RFC 6265 §4.1).
pub(crate) fn set(fields: &[Field]) -> Vec<Cookie> {
    let one = |value: &str| {
        let mut parts = value.split(';').map(str::trim);
        let mut cookie = named(parts.next().unwrap_or_default());
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim().to_owned();
            match name.trim().to_ascii_lowercase().as_str() {
                "path" => cookie.path = Some(value),
                "domain" => cookie.domain = Some(value),
                "expires" => cookie.expires = date::http(&value).map(date::format),
                "httponly" => cookie.http_only = Some(true),
                "secure" => cookie.secure = Some(true),
                "samesite" => cookie.same_site = Some(value),
                _ => {}
            }
        }
        cookie
    };
    of(fields, "set-cookie").map(one).collect()
}

fn named(part: &str) -> Cookie {
    let (name, value) = part.split_once('=').unwrap_or(("", part));
    Cookie { name: name.trim().into(), value: value.trim().into(), ..Cookie::default() }
}

/// Iterates over the values of the fields of that name.
pub(crate) fn of<'a>(fields: &'a [Field], name: &'a str) -> impl Iterator<Item = &'a str> {
    fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name)).map(|field| &*field.value)
}

/// Reads bytes of a head as text; what is no UTF-8 as Latin-1, in which each byte is a character.
pub(crate) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// Returns the media type without its parameters, in lower case.
pub(crate) fn essence(media_type: &str) -> Cow<'_, str> {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.to_ascii_lowercase().into()
}
