//! Decodes a whole message (RFC 1035 §4.1).

use sidestream_record::{DnsMessage, DnsQuestion, DnsRecord, Edns};

use super::DecodeDnsError;
use super::cursor::Cursor;
use super::{kind, rdata};

/// Decodes a DNS message, without the length that precedes it on TCP.
///
/// Types and classes get their names, names and data their presentation form without final dots.
/// Compression can make a message longer when written out: at most some ninety times.
///
/// # Errors
/// [`DecodeDnsError`] where the message breaks off, goes on after its end or a name cannot be read.
/// Record data alone never fail: where they are not as their type has them, they are written as RFC 3597 §5 does.
pub fn decode(message: &[u8]) -> Result<DnsMessage, DecodeDnsError> {
    let mut cursor = Cursor::new(message);
    let id = cursor.u16()?;
    let flags = cursor.u16()?;
    let counts = [cursor.u16()?, cursor.u16()?, cursor.u16()?, cursor.u16()?];
    let flag = |bit: u16| flags & bit != 0;
    let mut decoded = DnsMessage {
        id,
        response: flag(0x8000),
        opcode: (flags >> 11 & 0xf) as u8,
        rcode: flags & 0xf,
        authoritative: flag(0x0400),
        truncated: flag(0x0200),
        recursion_desired: flag(0x0100),
        recursion_available: flag(0x0080),
        authentic_data: flag(0x0020),
        checking_disabled: flag(0x0010),
        ..DnsMessage::default()
    };
    for _ in 0..counts[0] {
        decoded.questions.push(question(&mut cursor)?);
    }
    for _ in 0..counts[1] {
        decoded.answers.push(record(&mut cursor)?.into_record());
    }
    for _ in 0..counts[2] {
        decoded.authorities.push(record(&mut cursor)?.into_record());
    }
    for _ in 0..counts[3] {
        let raw = record(&mut cursor)?;
        if raw.kind == kind::OPT {
            apply_edns(&raw, &mut decoded)?;
        } else {
            decoded.additionals.push(raw.into_record());
        }
    }
    if cursor.is_empty() {
        Ok(decoded)
    } else {
        Err(DecodeDnsError::TrailingBytes { offset: cursor.at, len: message.len() })
    }
}

fn question(cursor: &mut Cursor<'_>) -> Result<DnsQuestion, DecodeDnsError> {
    let name = cursor.name()?;
    Ok(DnsQuestion { name, kind: kind::kind(cursor.u16()?), class: kind::class(cursor.u16()?) })
}

/// A record whose fields are not named yet, since OPT gives them other meanings.
struct RawRecord<'a> {
    name: String,
    kind: u16,
    class: u16,
    ttl: u32,
    data: Cursor<'a>,
}

impl RawRecord<'_> {
    fn into_record(self) -> DnsRecord {
        let data = rdata::write(self.kind, self.class, self.data);
        let (kind, class) = (kind::kind(self.kind), kind::class(self.class));
        DnsRecord { name: self.name, kind, class, ttl: self.ttl, data }
    }
}

fn record<'a>(cursor: &mut Cursor<'a>) -> Result<RawRecord<'a>, DecodeDnsError> {
    let name = cursor.name()?;
    let (kind, class, ttl, len) = (cursor.u16()?, cursor.u16()?, cursor.u32()?, cursor.u16()?);
    Ok(RawRecord { name, kind, class, ttl, data: cursor.part(usize::from(len))? })
}

/// Takes over what the OPT pseudo-record says (RFC 6891 §6.1.3).
fn apply_edns(record: &RawRecord<'_>, message: &mut DnsMessage) -> Result<(), DecodeDnsError> {
    if message.edns.is_some() || record.name != "." {
        return Err(DecodeDnsError::Edns { offset: record.data.end });
    }
    let [extended_rcode, version, flags, _] = record.ttl.to_be_bytes();
    message.rcode |= u16::from(extended_rcode) << 4;
    message.edns =
        Some(Edns { version, payload_bytes: record.class, dnssec_ok: flags & 0x80 != 0 });
    Ok(())
}
