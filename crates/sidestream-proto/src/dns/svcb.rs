//! Writes service bindings ([RFC 9460 §2.1]).
//!
//! [RFC 9460 §2.1]: https://www.rfc-editor.org/rfc/rfc9460#section-2.1

use std::net::Ipv4Addr;

use super::cursor::Cursor;
use super::{DecodeDnsError, rdata, text};

/// Writes priority, target and parameters of an SVCB or HTTPS record.
pub(super) fn write(data: &mut Cursor<'_>) -> Result<String, DecodeDnsError> {
    let mut written = format!("{} {}", data.u16()?, data.name()?);
    while !data.is_empty() {
        let (key, len) = (data.u16()?, data.u16()?);
        let mut value = data.part(usize::from(len))?;
        written.push(' ');
        written.push_str(&parameter(key, &mut value)?);
        // What is left over does not belong there: the record is then written as bytes.
        if !value.is_empty() {
            return Err(DecodeDnsError::Truncated { offset: value.at });
        }
    }
    Ok(written)
}

/// Writes one parameter (RFC 9460 §14.3.2).
fn parameter(key: u16, value: &mut Cursor<'_>) -> Result<String, DecodeDnsError> {
    let name = name(key);
    Ok(match key {
        0 => format!("{name}={}", list(value, |value| Ok(self::name(value.u16()?)))?),
        1 => format!("{name}={}", protocols(value)?),
        2 => name,
        3 => format!("{name}={}", value.u16()?),
        4 => {
            format!("{name}={}", list(value, |value| Ok(Ipv4Addr::from(value.u32()?).to_string()))?)
        }
        5 => format!("{name}={}", text::base64(value.rest())),
        6 => format!("{name}={}", list(value, |value| Ok(rdata::ipv6(value)?.to_string()))?),
        _ if value.is_empty() => name,
        _ => format!("{name}={}", text::quoted(value.rest())),
    })
}

fn name(key: u16) -> String {
    let known = match key {
        0 => "mandatory",
        1 => "alpn",
        2 => "no-default-alpn",
        3 => "port",
        4 => "ipv4hint",
        5 => "ech",
        6 => "ipv6hint",
        7 => "dohpath",
        8 => "ohttp",
        _ => return format!("key{key}"),
    };
    known.to_owned()
}

/// Writes one value or more with commas between.
fn list(
    value: &mut Cursor<'_>,
    one: impl Fn(&mut Cursor<'_>) -> Result<String, DecodeDnsError>,
) -> Result<String, DecodeDnsError> {
    let mut items = vec![one(value)?];
    while !value.is_empty() {
        items.push(one(value)?);
    }
    Ok(items.join(","))
}

/// Writes the protocols; commas and backslashes within one are escaped twice (RFC 9460 §7.1.1 and appendix A.1).
fn protocols(value: &mut Cursor<'_>) -> Result<String, DecodeDnsError> {
    let mut items = Vec::new();
    loop {
        if !items.is_empty() {
            items.push(b',');
        }
        for &byte in value.character_string()? {
            if matches!(byte, b',' | b'\\') {
                items.push(b'\\');
            }
            items.push(byte);
        }
        if value.is_empty() {
            return Ok(text::quoted(&items));
        }
    }
}
