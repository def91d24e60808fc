//! Messages of DNS, between the wire's form that a dump has and ours, which is for people.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::SystemTime;

use sidestream::dump;
use sidestream::record::{DnsMessage, DnsQuestion, DnsRecord, Exchange};

const KINDS: [(u16, &str); 17] = [
    (1, "A"),
    (2, "NS"),
    (5, "CNAME"),
    (6, "SOA"),
    (12, "PTR"),
    (15, "MX"),
    (16, "TXT"),
    (28, "AAAA"),
    (33, "SRV"),
    (35, "NAPTR"),
    (43, "DS"),
    (46, "RRSIG"),
    (48, "DNSKEY"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (255, "ANY"),
    (257, "CAA"),
];

const CLASSES: [(u16, &str); 4] = [(1, "IN"), (3, "CH"), (4, "HS"), (255, "ANY")];

fn number(table: &[(u16, &str)], prefix: &str, name: &str) -> u16 {
    let known = table.iter().find(|(_, it)| *it == name).map(|(number, _)| *number);
    let numbered = || name.strip_prefix(prefix)?.parse().ok();
    known.or_else(numbered).unwrap_or_default()
}

fn name_of(table: &[(u16, &str)], prefix: &str, number: u16) -> String {
    let known = table.iter().find(|(it, _)| *it == number);
    known.map_or_else(|| format!("{prefix}{number}"), |(_, name)| (*name).to_owned())
}

/// Makes the content of a flow; a record that has no wire form here is left out, and told.
pub(super) fn exchange(
    exchange: &Exchange,
    query: &DnsMessage,
    lacks: &mut Vec<String>,
) -> dump::Dns {
    let timing = &exchange.timing;
    let answered_at = timing.response_started.unwrap_or(timing.started);
    let answer = exchange.answer.as_ref().map(|it| to_wire(it, answered_at, lacks));
    dump::Dns { query: to_wire(query, timing.started, lacks), answer }
}

/// Makes a message as on the wire; a record that has no such form here is left out, and told.
pub(crate) fn to_wire(
    message: &DnsMessage,
    at: SystemTime,
    lacks: &mut Vec<String>,
) -> dump::DnsMessage {
    let question = |it: &DnsQuestion| dump::DnsQuestion {
        name: it.name.clone(),
        kind: number(&KINDS, "TYPE", &it.kind),
        class: number(&CLASSES, "CLASS", &it.class),
    };
    let mut record = |it: &DnsRecord| {
        let data = rdata(&it.kind, &it.data);
        if data.is_none() {
            lacks.push(format!("the record {} {} is left out", it.name, it.kind));
        }
        Some(dump::DnsRecord {
            name: it.name.clone(),
            kind: number(&KINDS, "TYPE", &it.kind),
            class: number(&CLASSES, "CLASS", &it.class),
            ttl: it.ttl,
            data: data?,
        })
    };
    let sections = [&message.answers, &message.authorities, &message.additionals]
        .map(|section| section.iter().filter_map(&mut record).collect());
    let DnsMessage { authoritative, truncated, recursion_desired, recursion_available, .. } =
        message;
    let bits = u8::from(message.authentic_data) << 1 | u8::from(message.checking_disabled);
    dump::DnsMessage {
        at,
        id: message.id,
        is_query: !message.response,
        opcode: message.opcode,
        flags: [*authoritative, *truncated, *recursion_desired, *recursion_available],
        reserved: bits,
        rcode: message.rcode,
        questions: message.questions.iter().map(question).collect(),
        sections,
    }
}

/// Makes a message for people.
pub(crate) fn from_wire(message: &dump::DnsMessage) -> DnsMessage {
    let question = |it: &dump::DnsQuestion| DnsQuestion {
        name: it.name.clone(),
        kind: name_of(&KINDS, "TYPE", it.kind),
        class: name_of(&CLASSES, "CLASS", it.class),
    };
    let record = |it: &dump::DnsRecord| DnsRecord {
        name: it.name.clone(),
        kind: name_of(&KINDS, "TYPE", it.kind),
        class: name_of(&CLASSES, "CLASS", it.class),
        ttl: it.ttl,
        data: shown(it.kind, &it.data),
    };
    let [authoritative, truncated, recursion_desired, recursion_available] = message.flags;
    let [answers, authorities, additionals] =
        [0, 1, 2].map(|at| message.sections[at].iter().map(record).collect());
    DnsMessage {
        id: message.id,
        response: !message.is_query,
        opcode: message.opcode,
        rcode: message.rcode,
        authoritative,
        truncated,
        recursion_desired,
        recursion_available,
        authentic_data: message.reserved & 2 != 0,
        checking_disabled: message.reserved & 1 != 0,
        questions: message.questions.iter().map(question).collect(),
        answers,
        authorities,
        additionals,
        edns: None,
    }
}

/// Returns data as on the wire, for the types that are met most, and for those of no name.
fn rdata(kind: &str, data: &str) -> Option<Vec<u8>> {
    if let Some(hex) = data.strip_prefix("\\# ") {
        let digits: Vec<u8> = hex.split_once(' ')?.1.bytes().filter(|it| *it != b' ').collect();
        let pairs = digits.chunks_exact(2);
        return pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect();
    }
    match kind {
        "A" => Some(data.parse::<Ipv4Addr>().ok()?.octets().to_vec()),
        "AAAA" => Some(data.parse::<Ipv6Addr>().ok()?.octets().to_vec()),
        "CNAME" | "NS" | "PTR" => name(data),
        "MX" => {
            let (preference, host) = data.split_once(' ')?;
            Some([&preference.parse::<u16>().ok()?.to_be_bytes()[..], &name(host)?].concat())
        }
        _ => None,
    }
}

/// Returns a name as on the wire, unless it has escapes.
pub(crate) fn name(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for label in text.trim_end_matches('.').split('.').filter(|label| !label.is_empty()) {
        let length =
            u8::try_from(label.len()).ok().filter(|it| *it < 64 && !label.contains('\\'))?;
        out.push(length);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    Some(out)
}

/// Shows data as text: what is not understood by RFC 3597 §5.
fn shown(kind: u16, data: &[u8]) -> String {
    let known = match (kind, data.len()) {
        (1, 4) => data.first_chunk().map(|it: &[u8; 4]| Ipv4Addr::from(*it).to_string()),
        (28, 16) => data.first_chunk().map(|it: &[u8; 16]| Ipv6Addr::from(*it).to_string()),
        (2 | 5 | 12, _) => labels(data),
        (15, 3..) => labels(&data[2..])
            .map(|host| format!("{} {host}", u16::from_be_bytes([data[0], data[1]]))),
        _ => None,
    };
    known.unwrap_or_else(|| {
        let mut text = format!("\\# {} ", data.len());
        for byte in data {
            // Writing to a String cannot fail.
            _ = write!(text, "{byte:02X}");
        }
        text
    })
}

fn labels(mut data: &[u8]) -> Option<String> {
    let mut labels = Vec::new();
    loop {
        let (length, rest) = data.split_first()?;
        if *length == 0 {
            return rest.is_empty().then(|| labels.join("."));
        }
        let (label, rest) = rest.split_at_checked((*length).into())?;
        let plain = label.iter().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(it));
        labels.push(str::from_utf8(label).ok().filter(|_| plain)?);
        data = rest;
    }
}
