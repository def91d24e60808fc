//! Messages of DNS as they are on a wire (RFC 1035 §4), put together from what was recorded.

use sidestream::dump::DnsMessage;

use crate::dump::dns::name;

/// Returns a message, with its names in full; none if a name has no form here.
pub(super) fn message(message: &DnsMessage) -> Option<Vec<u8>> {
    let [authoritative, truncated, desired, available] = message.flags.map(u16::from);
    let flags = u16::from(!message.is_query) << 15
        | u16::from(message.opcode & 15) << 11
        | authoritative << 10
        | truncated << 9
        | desired << 8
        | available << 7
        | u16::from(message.reserved & 7) << 4
        | message.rcode & 15;
    let [answers, authorities, additionals] = &message.sections;
    let counts = [message.questions.len(), answers.len(), authorities.len(), additionals.len()];
    let mut out = Vec::new();
    out.extend_from_slice(&message.id.to_be_bytes());
    out.extend_from_slice(&flags.to_be_bytes());
    for count in counts {
        out.extend_from_slice(&u16::try_from(count).ok()?.to_be_bytes());
    }
    for question in &message.questions {
        out.extend_from_slice(&name(&question.name)?);
        out.extend_from_slice(&question.kind.to_be_bytes());
        out.extend_from_slice(&question.class.to_be_bytes());
    }
    for record in message.sections.iter().flatten() {
        out.extend_from_slice(&name(&record.name)?);
        out.extend_from_slice(&record.kind.to_be_bytes());
        out.extend_from_slice(&record.class.to_be_bytes());
        out.extend_from_slice(&record.ttl.to_be_bytes());
        out.extend_from_slice(&u16::try_from(record.data.len()).ok()?.to_be_bytes());
        out.extend_from_slice(&record.data);
    }
    Some(out)
}
