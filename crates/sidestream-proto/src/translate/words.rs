//! Fields, from one version of HTTP to the other.

use bytes::Bytes;
use sidestream_record::{Field, Fields};

use crate::endpoint::OF_THE_CONNECTION;
use crate::http1::is_token;

/// Why a message has no words in the other version.
pub(crate) type Unsayable = &'static str;

/// Fields that say where a message ends, or for whom it is, and have no place behind it
/// (RFC 9110 §6.5.1).
const NOT_IN_TRAILERS: [&str; 5] = ["content-length", "host", "te", "trailer", "transfer-encoding"];

/// Returns the fields of a message of HTTP/1 that go on, in lower case, `Host` and `TE` as they
/// are.
pub(crate) fn regular_to_http2(fields: &Fields) -> Result<Vec<Field>, Unsayable> {
    let named = named_by_connection(fields);
    let mut out = Vec::with_capacity(fields.len() + 4);
    for Field { name, value } in fields {
        if name.is_empty() || !name.iter().all(|&byte| is_token(byte)) {
            return Err("a field name that HTTP/2 cannot express");
        }
        let name = lower(name);
        if OF_THE_CONNECTION.iter().any(|known| name == known.as_bytes())
            || name == "http2-settings"
            || name != "te" && named.iter().any(|known| known.eq_ignore_ascii_case(&name))
        {
            continue;
        }
        out.push(Field { name, value: unfolded(value)? });
    }
    Ok(out)
}

/// Returns the trailers that go on into HTTP/2.
pub(crate) fn trailers_to_http2(fields: &Fields) -> Result<Fields, Unsayable> {
    let fields = regular_to_http2(fields)?;
    Ok(fields.into_iter().filter(belongs_behind).collect())
}

/// Returns the trailers that go on into HTTP/1.
pub(crate) fn trailers_to_http1(fields: &Fields) -> Fields {
    fields.iter().filter(|field| belongs_behind(field)).cloned().collect()
}

/// Returns the length that a message names, `None` if none. All that name one name the same.
pub(super) fn length(fields: &Fields) -> Result<Option<Bytes>, Unsayable> {
    let mut length: Option<&[u8]> = None;
    for value in fields.get_all("content-length") {
        for member in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let sound = !member.is_empty() && member.iter().all(u8::is_ascii_digit);
            if !sound || length.replace(member).is_some_and(|before| before != member) {
                return Err("a length that is none");
            }
        }
    }
    Ok(length.map(Bytes::copy_from_slice))
}

/// Checks that no transfer coding was applied that HTTP/2 has not.
pub(super) fn check_codings(fields: &Fields) -> Result<(), Unsayable> {
    let known = |member: &[u8]| {
        member.is_empty()
            || member.eq_ignore_ascii_case(b"chunked")
            || member.eq_ignore_ascii_case(b"identity")
    };
    let mut codings = fields.get_all("transfer-encoding").flat_map(|value| members(value));
    if codings.all(known) { Ok(()) } else { Err("a transfer coding that HTTP/2 cannot express") }
}

/// Returns whether a list of tokens holds that one.
pub(super) fn lists(fields: &Fields, name: &str, token: &str) -> bool {
    let same = |member: &[u8]| {
        let word = member.split(|byte| *byte == b';').next().unwrap_or(member);
        word.trim_ascii().eq_ignore_ascii_case(token.as_bytes())
    };
    fields.get_all(name).any(|value| members(value).any(same))
}

fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Lists what the Connection fields name, which goes no further (RFC 9110 §7.6.1).
fn named_by_connection(fields: &Fields) -> Vec<&[u8]> {
    // What a message needs cannot be taken from it so.
    let vital = |name: &[u8]| {
        [&b"content-length"[..], b"host", b"cookie"].iter().any(|it| name.eq_ignore_ascii_case(it))
    };
    let named = fields.get_all("connection").flat_map(|value| members(value));
    named.filter(|name| !name.is_empty() && !vital(name)).collect()
}

fn belongs_behind(field: &Field) -> bool {
    !NOT_IN_TRAILERS.iter().any(|name| field.is(name))
}

fn lower(name: &Bytes) -> Bytes {
    if name.iter().any(u8::is_ascii_uppercase) {
        name.to_ascii_lowercase().into()
    } else {
        name.clone()
    }
}

/// Returns a value on one line (RFC 9112 §5.2).
fn unfolded(value: &Bytes) -> Result<Bytes, Unsayable> {
    if value.contains(&0) {
        return Err("a field value that HTTP/2 cannot express");
    }
    if !value.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return Ok(value.clone());
    }
    let line: Vec<u8> =
        value.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect();
    Ok(Bytes::copy_from_slice(line.trim_ascii()))
}
