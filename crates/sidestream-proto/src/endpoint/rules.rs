//! What a list of fields must be like (RFC 9113 §8.1 to §8.3).

use bytes::Bytes;
use sidestream_record::{Field, Fields};

use crate::http1::is_token;

/// Fields that speak about a connection of HTTP/1 (RFC 9113 §8.2.2).
pub(crate) const OF_THE_CONNECTION: [&str; 5] =
    ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/// Why a list of fields is malformed.
type Fault = &'static str;

/// Checks the head of a request (RFC 9113 §8.3.1), and returns how much content it announces.
///
/// `:protocol` may be there only if that was said before (RFC 8441 §4).
pub(super) fn request(fields: &Fields, extended_connect: bool) -> Result<Option<u64>, Fault> {
    const NAMES: [&str; 5] = [":method", ":scheme", ":authority", ":path", ":protocol"];
    let [method, scheme, authority, path, protocol] = pseudo(fields, NAMES)?;
    if protocol.is_some() && !extended_connect {
        return Err("a :protocol, which was not offered");
    }
    let method = method.ok_or("a request without :method")?;
    if method.is_empty() || !method.iter().all(|&byte| is_token(byte)) {
        return Err("a :method that is no token");
    }
    let none = |byte: &u8| !byte.is_ascii_graphic() || matches!(byte, b'@' | b'/' | b'?' | b'#');
    if authority.is_some_and(|it| it.iter().any(none)) {
        return Err("an :authority that is none");
    }
    if let Some(protocol) = protocol {
        check_extended(method, protocol, authority)?;
    }
    if method == "CONNECT" && protocol.is_none() {
        if scheme.is_some() || path.is_some() || authority.is_none_or(Bytes::is_empty) {
            return Err("a CONNECT that has more than :method and :authority, or less");
        }
    } else {
        let scheme = scheme.ok_or("a request without :scheme")?;
        let path = path.ok_or("a request without :path")?;
        check_scheme(scheme)?;
        check_path(path, method)?;
    }
    let length = regular(fields)?;
    // What follows a CONNECT is a tunnel, and no content (RFC 9110 §9.3.6).
    Ok(length.filter(|_| method != "CONNECT"))
}

/// Checks what is peculiar to extended CONNECT (RFC 8441 §4).
fn check_extended(
    method: &Bytes,
    protocol: &Bytes,
    authority: Option<&Bytes>,
) -> Result<(), Fault> {
    if method != "CONNECT" {
        return Err("a :protocol without CONNECT");
    }
    if protocol.is_empty() || !protocol.iter().all(|&byte| is_token(byte)) {
        return Err("a :protocol that is no token");
    }
    if authority.is_none_or(Bytes::is_empty) {
        return Err("an extended CONNECT without :authority");
    }
    Ok(())
}

/// Checks the head of a response (RFC 9113 §8.3.2), and returns its status and how much content
/// it announces.
pub(super) fn response(fields: &Fields) -> Result<(u16, Option<u64>), Fault> {
    let [status] = pseudo(fields, [":status"])?;
    let status = status.ok_or("a response without :status")?;
    let status = match &status[..] {
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            [a, b, c].into_iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'))
        }
        _ => return Err("a :status that is not three digits"),
    };
    if status == 101 {
        return Err("a status 101, which HTTP/2 does not have");
    }
    Ok((status, regular(fields)?))
}

/// Checks trailers.
pub(super) fn trailers(fields: &Fields) -> Result<(), Fault> {
    let [] = pseudo(fields, [])?;
    fields.iter().try_for_each(check)
}

/// Takes the pseudo-header fields, which stand before all others and once each.
fn pseudo<'a, const N: usize>(
    fields: &'a Fields,
    names: [&str; N],
) -> Result<[Option<&'a Bytes>; N], Fault> {
    let mut values = [None; N];
    let mut regular = false;
    for Field { name, value } in fields {
        if !name.starts_with(b":") {
            regular = true;
            continue;
        }
        if regular {
            return Err("a pseudo-header field after a regular one");
        }
        let at = names.iter().position(|known| name == known.as_bytes());
        let at = at.ok_or("a pseudo-header field that does not belong there")?;
        if values[at].replace(value).is_some() {
            return Err("a pseudo-header field twice");
        }
    }
    Ok(values)
}

/// Checks the other fields, and returns the length of the content that they announce.
fn regular(fields: &Fields) -> Result<Option<u64>, Fault> {
    let mut length = None;
    for field in fields {
        if field.name.starts_with(b":") {
            check_value(&field.value)?;
            continue;
        }
        check(field)?;
        if field.name == "content-length" {
            let this = number(&field.value).ok_or("a content-length that is no number")?;
            if length.replace(this).is_some_and(|before| before != this) {
                return Err("different values of content-length");
            }
        }
    }
    Ok(length)
}

fn check(field: &Field) -> Result<(), Fault> {
    let Field { name, value } = field;
    if name.is_empty() || !name.iter().all(|&byte| is_token(byte)) {
        return Err("a field name that is no token");
    }
    if name.iter().any(u8::is_ascii_uppercase) {
        return Err("a field name in upper case");
    }
    if OF_THE_CONNECTION.iter().any(|known| name == known.as_bytes()) {
        return Err("a field that speaks about a connection of HTTP/1");
    }
    if name == "te" && !value.eq_ignore_ascii_case(b"trailers") {
        return Err("a te other than trailers");
    }
    check_value(value)
}

/// Checks a value (RFC 9113 §8.2.1).
fn check_value(value: &Bytes) -> Result<(), Fault> {
    if value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
        return Err("a field value with a NUL or a line break");
    }
    let space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if space(value.first()) || space(value.last()) {
        return Err("a field value with white space around it");
    }
    Ok(())
}

fn check_scheme(scheme: &Bytes) -> Result<(), Fault> {
    let sound = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'-' | b'.'));
    if sound { Ok(()) } else { Err("a :scheme that is none") }
}

fn check_path(path: &Bytes, method: &Bytes) -> Result<(), Fault> {
    match path.first() {
        Some(b'/') => {}
        Some(b'*') if method == "OPTIONS" && path.len() == 1 => {}
        _ => return Err("a :path that does not begin with a slash"),
    }
    if path.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
        return Err("a :path with white space or a control character");
    }
    Ok(())
}

/// Reads `1*DIGIT`, below 2^63.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let number = digits.iter().try_fold(0_i64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })?;
    Some(number.unsigned_abs())
}
