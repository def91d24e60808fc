//! How what is recorded reads to people: one place for every user interface.

mod advised;
mod altered;
mod noted;

use std::fmt::Write as _;
use std::time::Duration;

use sidestream_flow::{Peer, Process, Transport};

use crate::{
    ClientCertificate, DnsMessage, Exchange, Failure, Flow, HelloDifference, PassReason, Tls,
    WebSocketKind, WebSocketMessage,
};

pub use advised::advice;
pub use altered::{alteration, message_edit};
pub use noted::notes;

/// One finished thing in one line, in parts that a user interface may color or align.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Who: `curl[4711]`.
    pub process: String,
    /// What was asked: a method, `DNS`, `TCP`, `UDP`, `SSH`, `WS ↑`.
    pub verb: String,
    /// Of whom: a URL, a name, an address.
    pub object: String,
    /// How it came out: a status, a response code, an error.
    pub outcome: String,
    /// Whether it came out badly.
    pub failed: bool,
    /// How much: `1.2 KiB`, or for raw flows up and down.
    pub size: String,
    /// How long it took.
    pub time: String,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { process, verb, object, outcome, size, time, failed: _ } = self;
        let parts = [process, verb, object, outcome, size, time];
        let mut parts = parts.into_iter().filter(|part| !part.is_empty());
        if let Some(first) = parts.next() {
            f.write_str(first)?;
        }
        parts.try_for_each(|part| write!(f, "  {part}"))
    }
}

/// Words a leg of TLS.
pub fn tls(tls: &Tls) -> String {
    let mut line = format!("{}, {}", tls.version, tls.cipher);
    let parts = [("", &tls.group), ("SNI ", &tls.sni), ("ALPN ", &tls.alpn), ("JA4 ", &tls.ja4)];
    for (name, value) in parts {
        if let Some(value) = value {
            _ = write!(line, ", {name}{value}");
        }
    }
    if tls.resumed {
        line += ", resumed";
    }
    match &tls.client_certificate {
        Some(ClientCertificate::Absent) => line += ", asked for a client certificate in vain",
        Some(ClientCertificate::Given { subject, .. }) => {
            _ = write!(line, ", client certificate {subject:?}");
        }
        None => {}
    }
    match tls.differences.as_deref() {
        None => {}
        Some([]) => line += "; ClientHello the same as the client's",
        Some(list) => {
            let list: Vec<String> = list.iter().map(hello_difference).collect();
            _ = write!(line, "; ClientHello unlike the client's: {}", list.join(", "));
        }
    }
    line
}

/// Words in what two ClientHellos differ, by counts: `ciphers (22 left out)`.
fn hello_difference(difference: &HelloDifference) -> String {
    let HelloDifference { part, withheld, added, reordered } = difference;
    let mut what = Vec::new();
    if !withheld.is_empty() {
        what.push(format!("{} left out", withheld.len()));
    }
    if !added.is_empty() {
        what.push(format!("{} added", added.len()));
    }
    if *reordered {
        what.push("another order".into());
    }
    format!("{} ({})", part.name().replace('_', " "), what.join(", "))
}

/// Words an exchange.
pub fn exchange(flow: &Flow, exchange: &Exchange) -> Line {
    let line = Line {
        process: process(flow.process.as_deref()),
        time: exchange.timing.since_start(exchange.timing.ended).map(duration).unwrap_or_default(),
        failed: exchange.failure.is_some(),
        ..Line::default()
    };
    match (&exchange.query, &exchange.answer) {
        (None, None) => http(exchange, line),
        (query, answer) => Line {
            verb: "DNS".into(),
            object: query.as_ref().or(answer.as_ref()).map(dns_question).unwrap_or_default(),
            outcome: match answer {
                Some(answer) => dns_answer(answer),
                None => failure(exchange.failure.as_ref()),
            },
            ..line
        },
    }
}

fn http(exchange: &Exchange, line: Line) -> Line {
    let status = exchange.response.as_ref().map(|head| head.status.to_string());
    let outcome = match (status, &exchange.failure) {
        (Some(status), None) => status,
        (Some(status), Some(failure)) => format!("{status} {failure}"),
        (None, failure_or_none) => failure(failure_or_none.as_ref()),
    };
    Line {
        verb: exchange.request.as_ref().map(|head| text(&head.method)).unwrap_or_default(),
        object: exchange.url.clone(),
        outcome,
        size: bytes(exchange.response_body.bytes),
        failed: line.failed || exchange.response.as_ref().is_some_and(|head| head.status >= 400),
        ..line
    }
}

/// Words a flow: one that had no exchanges, or that failed.
pub fn flow(flow: &Flow) -> Line {
    let verb = match (flow.protocol, flow.key.transport) {
        (Some(protocol), _) if !protocol.is_vague() => protocol.name(),
        (_, Transport::Tcp) => "TCP",
        (_, Transport::Udp) => "UDP",
    };
    let object = match &flow.host {
        Some(host) => format!("{host}:{}", flow.key.server.port()),
        None => flow.key.server.to_string(),
    };
    let (size, time) = match &flow.closed {
        None => (String::new(), String::new()),
        Some((at, closed)) => (
            format!("{} up, {} down", bytes(closed.received), bytes(closed.sent)),
            duration(at.duration_since(flow.opened_at).unwrap_or_default()),
        ),
    };
    Line {
        process: process(flow.process.as_deref()),
        verb: verb.into(),
        object,
        outcome: match (flow.failure(), passed(flow)) {
            (Some(failure), _) => failure.to_string(),
            (None, passed) => passed.unwrap_or_default(),
        },
        failed: flow.failure().is_some(),
        size,
        time,
    }
}

/// Words why a flow was passed as it is, if it was.
pub fn passed(flow: &Flow) -> Option<String> {
    Some(match &flow.passed.as_ref()?.why {
        PassReason::Refused { host, until } => {
            let left = until.duration_since(flow.opened_at).unwrap_or_default();
            let left = period(left);
            format!("passed for another {left}: the program refused our certificate for {host}")
        }
        PassReason::Hook { by } => format!("passed: {by} says so"),
        PassReason::Hosts { host: Some(host) } => {
            format!("passed: {host} is not to be looked into")
        }
        PassReason::Hosts { host: None } => "passed: the host is not to be looked into".into(),
        PassReason::Spec { host: Some(host) } => format!("passed: the spec does not select {host}"),
        PassReason::Spec { host: None } => {
            "passed: the spec selects by name, and the host's is not known".into()
        }
        PassReason::Unsupported { what } => format!("passed: {what} is not spoken here"),
        PassReason::Untrusted => "passed: our root is not trusted on this machine".into(),
    })
}

/// Words a WebSocket message; `url` is that of the exchange that opened the WebSocket.
pub fn web_socket(flow: &Flow, url: &str, message: &WebSocketMessage) -> Line {
    let arrow = if message.from == Peer::Client { '↑' } else { '↓' };
    let failure = (!message.ended).then_some("cut short");
    let injected = message.injected.then_some("injected");
    let kind = web_socket_kind(message.kind);
    let edit = message.edit.as_deref().map(message_edit);
    let outcome = [Some(&*kind), Some(&*quoted(message)), injected, edit.as_deref(), failure];
    let outcome: Vec<_> = outcome.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    Line {
        process: process(flow.process.as_deref()),
        verb: format!("WS {arrow}"),
        object: web_socket_url(url),
        outcome: outcome.join(" "),
        failed: !message.ended || is_failure(message.kind),
        size: match message.bytes() {
            0 if message.kind.is_control() => String::new(),
            size => bytes(size),
        },
        time: String::new(),
    }
}

/// Words what a WebSocket message is; of a close, its code and what that means.
pub fn web_socket_kind(kind: WebSocketKind) -> String {
    match kind {
        WebSocketKind::Close { code: Some(code) } => match close_code(code) {
            Some(meaning) => format!("close {code} {meaning}"),
            None => format!("close {code}"),
        },
        WebSocketKind::Reserved { opcode: 0 } => "continuation of nothing".into(),
        WebSocketKind::Reserved { opcode } => format!("opcode {opcode}"),
        kind => kind.name().into(),
    }
}

/// Returns what a WebSocket's close code means (RFC 6455 §7.4.1 and the registry at IANA).
pub const fn close_code(code: u16) -> Option<&'static str> {
    Some(match code {
        1000 => "normal closure",
        1001 => "going away",
        1002 => "protocol error",
        1003 => "unsupported data",
        1007 => "invalid data",
        1008 => "policy violation",
        1009 => "message too big",
        1010 => "extension missing",
        1011 => "internal error",
        1012 => "service restart",
        1013 => "try again later",
        1014 => "bad gateway",
        _ => return None,
    })
}

/// Returns whether a close tells of something that went wrong.
const fn is_failure(kind: WebSocketKind) -> bool {
    match kind {
        WebSocketKind::Close { code: Some(code) } => !matches!(code, 1000 | 1001 | 3000..),
        WebSocketKind::Reserved { .. } => true,
        _ => false,
    }
}

/// Returns the URL under which a WebSocket is opened (RFC 6455 §3).
pub fn web_socket_url(url: &str) -> String {
    // `http` becomes `ws`, and so `https` becomes `wss`.
    url.strip_prefix("http").map_or_else(|| url.to_owned(), |rest| format!("ws{rest}"))
}

/// Shows the beginning of a message: what is text in quotation marks, else in hexadecimal.
fn quoted(message: &WebSocketMessage) -> String {
    const CHARS: usize = 40;
    const BYTES: usize = 16;
    let beginning = message.beginning();
    let (mut shown, bytes) = match std::str::from_utf8(beginning) {
        _ if beginning.is_empty() => return String::new(),
        Ok(start) if message.kind != WebSocketKind::Binary && !message.encoded => {
            let end = start.char_indices().nth(CHARS).map_or(start.len(), |(index, _)| index);
            (format!("\"{}", text(&beginning[..end])), end)
        }
        _ => {
            let start = &beginning[..beginning.len().min(BYTES)];
            let hex: Vec<_> = start.iter().map(|byte| format!("{byte:02x}")).collect();
            (hex.join(" "), start.len())
        }
    };
    if message.bytes() > bytes as u64 {
        shown.push('…');
    }
    if shown.starts_with('"') {
        shown.push('"');
    }
    shown
}

/// Words a process: its name and pid.
pub fn process(process: Option<&Process>) -> String {
    match process {
        None => "?".into(),
        Some(process) => format!("{}[{}]", process.name, process.pid),
    }
}

/// Words a number of bytes in binary units.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Words a duration in the unit that suits it.
pub fn duration(duration: Duration) -> String {
    match duration.as_micros() {
        micros @ 0..=999 => format!("{micros} µs"),
        1_000..=999_999 => format!("{} ms", duration.as_millis()),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    }
}

/// Words a period: in minutes, or where it is shorter in seconds.
pub fn period(period: Duration) -> String {
    match period.as_secs() {
        seconds @ 0..=59 => format!("{seconds} s"),
        // The minute that is under way counts.
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

/// Words what is asked for in a DNS message.
pub fn dns_question(message: &DnsMessage) -> String {
    let mut line = String::new();
    for question in &message.questions {
        let gap = if line.is_empty() { "" } else { ", " };
        let name = if question.name.is_empty() { "." } else { &question.name };
        // Writing to a String cannot fail.
        _ = write!(line, "{gap}{name} {}", question.kind);
    }
    line
}

/// Words a DNS response: what was found, or the response code.
pub fn dns_answer(message: &DnsMessage) -> String {
    if message.rcode != 0 {
        return rcode(message.rcode);
    }
    if message.answers.is_empty() {
        return "no data".into();
    }
    message.answers.iter().map(|record| record.data.as_str()).collect::<Vec<_>>().join(", ")
}

/// Returns the mnemonic of a DNS response code (RFC 6895 §2.3).
pub fn rcode(rcode: u16) -> String {
    match rcode {
        0 => "NOERROR".into(),
        1 => "FORMERR".into(),
        2 => "SERVFAIL".into(),
        3 => "NXDOMAIN".into(),
        4 => "NOTIMP".into(),
        5 => "REFUSED".into(),
        16 => "BADVERS".into(),
        other => format!("RCODE{other}"),
    }
}

/// Shows bytes as text; what would disturb a terminal is escaped.
pub fn text(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for char in String::from_utf8_lossy(bytes).chars() {
        if char.is_control() {
            shown.extend(char.escape_default());
        } else {
            shown.push(char);
        }
    }
    shown
}

fn failure(failure: Option<&Failure>) -> String {
    failure.map(ToString::to_string).unwrap_or_default()
}
