//! Writes record data in presentation form.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::cursor::Cursor;
use super::{DecodeDnsError, kind, svcb, text};

/// Writes record data as their type has them, or else as RFC 3597 §5 does.
pub(super) fn write(kind: u16, class: u16, data: Cursor<'_>) -> String {
    const NONE: u16 = 254;
    const ANY: u16 = 255;
    if matches!(class, NONE | ANY) && data.is_empty() {
        // In an update, such a record stands for all of a kind (RFC 2136 §2.5).
        return String::new();
    }
    let mut known = data;
    match by_kind(kind, &mut known) {
        // Some types may be empty, and an empty text would look like a lost one.
        Ok(Some(text)) if known.is_empty() && !text.is_empty() => text,
        _ => generic(data),
    }
}

fn generic(mut data: Cursor<'_>) -> String {
    match data.rest() {
        [] => r"\# 0".to_owned(),
        bytes => format!(r"\# {} {}", bytes.len(), text::hex(bytes)),
    }
}

/// Writes data of a known type; `None` for an unknown one.
fn by_kind(kind: u16, data: &mut Cursor<'_>) -> Result<Option<String>, DecodeDnsError> {
    let written = match kind::known(kind) {
        Some("A") => Ipv4Addr::from(data.u32()?).to_string(),
        Some("AAAA") => ipv6(data)?.to_string(),
        Some("NS" | "MD" | "MF" | "CNAME" | "MB" | "MG" | "MR" | "PTR" | "NSAP-PTR" | "DNAME") => {
            data.name()?
        }
        Some("MINFO" | "RP") => format!("{} {}", data.name()?, data.name()?),
        Some("SOA") => soa(data)?,
        Some("MX" | "AFSDB" | "RT" | "KX" | "LP") => format!("{} {}", data.u16()?, data.name()?),
        Some("HINFO") => strings(data, Some(2))?,
        Some("TXT" | "SPF" | "AVC" | "NINFO") => strings(data, None)?,
        Some("SRV") => {
            format!("{} {} {} {}", data.u16()?, data.u16()?, data.u16()?, data.name()?)
        }
        Some("NAPTR") => naptr(data)?,
        Some("URI") => {
            format!("{} {} {}", data.u16()?, data.u16()?, text::quoted(data.rest()))
        }
        Some("CAA") => caa(data)?,
        Some("DS" | "CDS" | "DLV" | "TA") => {
            format!("{} {} {} {}", data.u16()?, data.u8()?, data.u8()?, text::hex(data.rest()))
        }
        Some("DNSKEY" | "CDNSKEY" | "KEY") => {
            format!("{} {} {} {}", data.u16()?, data.u8()?, data.u8()?, text::base64(data.rest()))
        }
        Some("RRSIG" | "SIG") => signature(data)?,
        Some("NSEC") => format!("{}{}", data.name()?, kinds(data)?),
        Some("NSEC3") => nsec3(data)?,
        Some("NSEC3PARAM") => nsec3_parameters(data)?,
        Some("SSHFP") => format!("{} {} {}", data.u8()?, data.u8()?, text::hex(data.rest())),
        Some("TLSA" | "SMIMEA") => {
            format!("{} {} {} {}", data.u8()?, data.u8()?, data.u8()?, text::hex(data.rest()))
        }
        Some("OPENPGPKEY" | "DHCID") => text::base64(data.rest()),
        Some("SVCB" | "HTTPS") => svcb::write(data)?,
        _ => return Ok(None),
    };
    Ok(Some(written))
}

/// Reads the sixteen bytes of an IPv6 address.
pub(super) fn ipv6(data: &mut Cursor<'_>) -> Result<Ipv6Addr, DecodeDnsError> {
    let mut address = [0; 16];
    address.copy_from_slice(data.take(16)?);
    Ok(address.into())
}

fn soa(data: &mut Cursor<'_>) -> Result<String, DecodeDnsError> {
    let (server, mailbox) = (data.name()?, data.name()?);
    let (serial, refresh, retry) = (data.u32()?, data.u32()?, data.u32()?);
    let (expire, minimum) = (data.u32()?, data.u32()?);
    Ok(format!("{server} {mailbox} {serial} {refresh} {retry} {expire} {minimum}"))
}

/// Writes quoted strings: just so many, or at least one.
fn strings(data: &mut Cursor<'_>, count: Option<usize>) -> Result<String, DecodeDnsError> {
    let mut strings = vec![text::quoted(data.character_string()?)];
    while count.map_or(!data.is_empty(), |count| strings.len() < count) {
        strings.push(text::quoted(data.character_string()?));
    }
    Ok(strings.join(" "))
}

/// RFC 3403 §4.1.
fn naptr(data: &mut Cursor<'_>) -> Result<String, DecodeDnsError> {
    let (order, preference) = (data.u16()?, data.u16()?);
    let texts = strings(data, Some(3))?;
    Ok(format!("{order} {preference} {texts} {}", data.name()?))
}

/// RFC 8659 §4.1.
fn caa(data: &mut Cursor<'_>) -> Result<String, DecodeDnsError> {
    let (flags, tag) = (data.u8()?, data.character_string()?);
    let mut text = format!("{flags} ");
    text::push_label(tag, &mut text);
    text.push(' ');
    text.push_str(&text::quoted(data.rest()));
    Ok(text)
}

/// RFC 4034 §3.2.
fn signature(data: &mut Cursor<'_>) -> Result<String, DecodeDnsError> {
    let covered = kind::kind(data.u16()?);
    let (algorithm, labels, ttl) = (data.u8()?, data.u8()?, data.u32()?);
    let (expiration, inception) = (text::time(data.u32()?), text::time(data.u32()?));
    let (tag, signer) = (data.u16()?, data.name()?);
    let signature = text::base64(data.rest());
    Ok(format!(
        "{covered} {algorithm} {labels} {ttl} {expiration} {inception} {tag} {signer} {signature}"
    ))
}

fn nsec3_parameters(data: &mut Cursor<'_>) -> Result<String, DecodeDnsError> {
    let (algorithm, flags, iterations) = (data.u8()?, data.u8()?, data.u16()?);
    let salt = text::hex_or_dash(data.character_string()?);
    Ok(format!("{algorithm} {flags} {iterations} {salt}"))
}

/// RFC 5155 §3.3.
fn nsec3(data: &mut Cursor<'_>) -> Result<String, DecodeDnsError> {
    let parameters = nsec3_parameters(data)?;
    let next = text::base32hex(data.character_string()?);
    Ok(format!("{parameters} {next}{}", kinds(data)?))
}

/// Writes a bit map of types, each after a space (RFC 4034 §4.1.2).
fn kinds(data: &mut Cursor<'_>) -> Result<String, DecodeDnsError> {
    let mut text = String::new();
    while !data.is_empty() {
        let window = u16::from(data.u8()?) << 8;
        for (place, byte) in (0_u16..).zip(data.character_string()?) {
            for bit in (0..8).filter(|bit| byte & 0x80 >> bit != 0) {
                text.push(' ');
                // A map has at most 32 bytes; what would spill over the window is cut by the mask.
                text.push_str(&kind::kind(window | (place * 8 + bit) & 0xff));
            }
        }
    }
    Ok(text)
}
