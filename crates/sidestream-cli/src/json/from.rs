//! Turns what was recorded into lines.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sidestream::flow::Peer;
use sidestream::record::{
    self, Blame, DnsMessage, DnsRecord, Exchange, Failure, Fields, Finished, Flow, PassReason,
    RequestHead, ResponseHead, WebSocketKind, WebSocketMessage, wording,
};

use super::process::Process;
use super::schema::{
    Advice, Alteration, Certificate, ClientCertificate, Content, Difference, Differences, Dns,
    Error, Headers, Interim, Line, Message, MessageEdit, Notes, Offered, Passed, Question, Record,
    Replay, Request, Response, ServerTls, Timing, Tls,
};
use super::text::Text;
use crate::outcome::outcome;
use crate::redact::{REDACTED, Redact};

/// Returns the line that tells of it, if it has one.
pub(super) fn line(finished: &Finished, redact: &Redact) -> Option<Line> {
    match finished {
        Finished::Exchange(flow, exchange) => Some(exchange_line(flow, exchange, redact)),
        Finished::Flow(flow) if has_line(flow) => Some(flow_line(flow)),
        Finished::WebSocket { flow, url, message, at } => {
            Some(web_socket_line(flow, url, message, *at))
        }
        _ => None,
    }
}

/// A flow that its exchanges tell of wholly has no line.
fn has_line(flow: &Flow) -> bool {
    flow.exchanges == 0
        || flow.data_bytes != [0; 2]
        || flow.failure().is_some()
        || !flow.advice.is_empty()
        || !flow.notes.is_empty()
}

fn exchange_line(flow: &Flow, exchange: &Exchange, redact: &Redact) -> Line {
    let (kind, content) = match (&exchange.query, &exchange.answer) {
        (None, None) => ("http", http(exchange, redact)),
        (query, answer) => {
            let [query, answer] = [query, answer].map(|message| message.as_ref().map(dns));
            ("dns", Content::Dns { query, answer })
        }
    };
    let since = |point| exchange.timing.since_start(point).map(micros);
    // What else was done to the flow as a whole is the same for all, and stands in its own line.
    let is_of_way = |it: &&record::Alteration| {
        matches!(
            it,
            record::Alteration::ConnectionShared { .. } | record::Alteration::Proxied { .. }
        )
    };
    let of_way = flow.alterations.iter().filter(is_of_way);
    Line {
        exchange: Some(exchange.id.0),
        error: outcome(flow, exchange).map(error),
        timing: Timing {
            started: time(exchange.timing.started),
            request_us: since(exchange.timing.request_ended),
            response_us: since(exchange.timing.response_started),
            end_us: since(exchange.timing.ended),
        },
        advice: exchange.advice.iter().map(advice).collect(),
        defects: exchange.defects.clone(),
        alterations: of_way.chain(&exchange.alterations).map(alteration).collect(),
        notes: notes(&exchange.notes),
        ..frame(kind, flow, content)
    }
}

fn web_socket_line(flow: &Flow, url: &str, message: &WebSocketMessage, at: SystemTime) -> Line {
    let content = Content::WebSocket { message: web_socket(url, message) };
    Line {
        exchange: Some(message.exchange.0),
        timing: Timing { started: time(at), request_us: None, response_us: None, end_us: Some(0) },
        // Those of the flow stand in its own line.
        advice: Vec::new(),
        defects: Vec::new(),
        alterations: Vec::new(),
        notes: None,
        ..frame("websocket", flow, content)
    }
}

fn flow_line(flow: &Flow) -> Line {
    let closed = flow.closed.as_ref();
    let content = Content::Flow {
        protocol: flow.protocol.map(record::Protocol::name),
        exchanges: flow.exchanges,
        bytes_received: closed.map(|(_, closed)| closed.received).unwrap_or_default(),
        bytes_sent: closed.map(|(_, closed)| closed.sent).unwrap_or_default(),
        passed: passed(flow),
    };
    frame(flow.key.transport.name(), flow, content)
}

fn passed(flow: &Flow) -> Option<Passed> {
    let record::Passed { why, offered } = flow.passed.as_ref()?;
    let (why, until) = match why {
        PassReason::Refused { until, .. } => ("refused", Some(time(*until))),
        PassReason::Hook { .. } => ("hook", None),
        PassReason::Hosts { .. } => ("hosts", None),
        PassReason::Spec { .. } => ("spec", None),
        PassReason::Unsupported { .. } => ("unsupported", None),
        PassReason::Untrusted => ("untrusted", None),
        _ => ("other", None),
    };
    let offered = offered.clone();
    let offered = offered.map(|record::Offered { sni, alpn, ja4 }| Offered { sni, alpn, ja4 });
    Some(Passed { why, text: wording::passed(flow).unwrap_or_default(), until, offered })
}

/// Makes a line with what is known of the flow alone.
fn frame(kind: &'static str, flow: &Flow, content: Content) -> Line {
    let since = |at: &SystemTime| micros(at.duration_since(flow.opened_at).unwrap_or_default());
    Line {
        kind,
        flow: flow.id.0,
        exchange: None,
        via: flow.via.clone(),
        process: flow.process.as_deref().map(Process::from),
        client: flow.key.client,
        server: server(flow),
        host: flow.host.clone(),
        tls: flow.client_tls().map(tls),
        server_tls: flow.server_tls().map(server_tls),
        content,
        error: flow.failure().map(error),
        timing: Timing {
            started: time(flow.opened_at),
            request_us: None,
            response_us: None,
            end_us: flow.closed.as_ref().map(|(at, _)| since(at)),
        },
        advice: flow.advice.iter().map(advice).collect(),
        defects: flow.defects.clone(),
        alterations: flow.alterations.iter().map(alteration).collect(),
        notes: notes(&flow.notes),
    }
}

/// Returns the server that was reached last, or that the client meant to reach.
///
/// The address that a client of an explicit proxy connected to is the proxy's own; one that was
/// only named has none.
fn server(flow: &Flow) -> Option<SocketAddr> {
    let reached = flow.servers.last().map(|(_, addr)| *addr);
    let is_known = |addr: &SocketAddr| !addr.ip().is_unspecified();
    let meant = !matches!(&*flow.via, "regular" | "upstream");
    reached.or_else(|| meant.then_some(flow.key.server)).filter(is_known)
}

fn http(exchange: &Exchange, redact: &Redact) -> Content {
    let request = exchange.request.as_ref().map(|head| {
        let RequestHead { method, target, version, fields } = head;
        Request {
            method: Text::from(&method[..]),
            url: exchange.url.clone(),
            target: Text::from(&target[..]),
            version: version.name(),
            headers: headers(fields, redact),
            body_bytes: exchange.request_body.bytes,
            trailers: headers(&exchange.request_body.trailers, redact),
        }
    });
    let response = exchange.response.as_ref().map(|head| {
        let ResponseHead { version, status, reason, fields } = head;
        Response {
            status: *status,
            reason: Text::from(&reason[..]),
            version: version.name(),
            headers: headers(fields, redact),
            body_bytes: exchange.response_body.bytes,
            trailers: headers(&exchange.response_body.trailers, redact),
        }
    });
    let interim = exchange
        .interim
        .iter()
        .map(|head| Interim { status: head.status, headers: headers(&head.fields, redact) });
    Content::Http { request, interim: interim.collect(), response }
}

fn web_socket(url: &str, message: &WebSocketMessage) -> Message {
    let (code, opcode) = match message.kind {
        WebSocketKind::Close { code } => (code, None),
        WebSocketKind::Reserved { opcode } => (None, Some(opcode)),
        _ => (None, None),
    };
    Message {
        id: message.message.0,
        url: wording::web_socket_url(url),
        from: if message.from == Peer::Client { "client" } else { "server" },
        kind: message.kind.name(),
        code,
        opcode,
        beginning: Text::from(message.beginning()),
        bytes: message.bytes(),
        fragments: message.fragments,
        compressed: message.compressed,
        encoded: message.encoded,
        ended: message.ended,
        injected: message.injected,
        edit: message.edit.as_deref().map(message_edit),
    }
}

fn message_edit(edit: &record::MessageEdit) -> MessageEdit {
    let what = match edit.change {
        record::MessageChange::Dropped => "dropped",
        record::MessageChange::Replaced => "replaced",
        record::MessageChange::TooLong { .. } => "too_long",
        _ => "other",
    };
    MessageEdit { of: edit.of.0, by: edit.by.clone(), what, text: wording::message_edit(edit) }
}

fn headers(fields: &Fields, redact: &Redact) -> Headers {
    let pair = |field: &record::Field| {
        let value: &[u8] = if redact.hides(field) { REDACTED.as_bytes() } else { &field.value };
        (Text::from(&field.name[..]), Text::from(value))
    };
    fields.iter().map(pair).collect()
}

fn tls(tls: &record::Tls) -> Tls {
    Tls {
        version: tls.version.to_string(),
        cipher: tls.cipher.clone(),
        group: tls.group.clone(),
        resumed: tls.resumed,
        sni: tls.sni.clone(),
        alpn: tls.alpn.clone(),
        ja4: tls.ja4.clone(),
        certificate: certificate(&tls.certificates),
        client_certificate: tls.client_certificate.as_ref().map(client_certificate),
    }
}

fn server_tls(leg: &record::Tls) -> ServerTls {
    let list = |list: &Vec<record::HelloDifference>| match &list[..] {
        [] => Differences::Same("same"),
        list => Differences::List(list.iter().map(difference).collect()),
    };
    ServerTls { tls: tls(leg), differences: leg.differences.as_ref().map(list) }
}

fn difference(difference: &record::HelloDifference) -> Difference {
    let record::HelloDifference { part, withheld, added, reordered } = difference.clone();
    Difference { part: part.name(), withheld, added, reordered }
}

fn certificate(shown: &[Arc<record::Certificate>]) -> Option<Certificate> {
    let (own, chain) = shown.split_first()?;
    Some(Certificate {
        subject: own.subject.clone(),
        issuer: own.issuer.clone(),
        serial: own.serial.clone(),
        names: own.names.clone(),
        not_before: own.not_before.map(time),
        not_after: own.not_after.map(time),
        sha256: own.fingerprint(),
        chain: chain.iter().map(|certificate| certificate.fingerprint()).collect(),
    })
}

fn client_certificate(certificate: &record::ClientCertificate) -> ClientCertificate {
    match certificate.clone() {
        record::ClientCertificate::Absent => ClientCertificate::Absent("absent"),
        record::ClientCertificate::Given { subject, sha256 } => {
            ClientCertificate::Given { subject, sha256 }
        }
    }
}

fn dns(message: &DnsMessage) -> Dns {
    let record = |record: &DnsRecord| {
        let DnsRecord { name, kind, class, ttl, data } = record.clone();
        Record { name, kind, class, ttl, data }
    };
    let records = |records: &[DnsRecord]| records.iter().map(record).collect();
    let questions = message.questions.iter().map(|question| Question {
        name: question.name.clone(),
        kind: question.kind.clone(),
        class: question.class.clone(),
    });
    Dns {
        id: message.id,
        rcode: wording::rcode(message.rcode),
        questions: questions.collect(),
        answers: records(&message.answers),
        authorities: records(&message.authorities),
        additionals: records(&message.additionals),
    }
}

fn advice(record::Advised { from, advice }: &record::Advised) -> Advice {
    let from = if *from == Peer::Client { "client" } else { "server" };
    let frame = advice.frame();
    let text = |bytes: &[u8]| Text::from(bytes);
    let line = Advice { from, frame, stream: None, origin: None, origins: None, value: None };
    match advice {
        record::Advice::Alternative { origin, value } => {
            let origin = origin.as_deref().map(text);
            Advice { origin, value: Some(text(value)), ..line }
        }
        record::Advice::Origins(origins) => {
            let origins = origins.iter().map(|origin| text(origin)).collect();
            Advice { origins: Some(origins), ..line }
        }
        record::Advice::Priority { stream, value } => {
            Advice { stream: Some(*stream), value: Some(text(value)), ..line }
        }
        _ => line,
    }
}

fn error(failure: &Failure) -> Error {
    let blame = match failure.blame() {
        Blame::Peer(Peer::Client) => "client",
        Blame::Peer(Peer::Server(_)) => "server",
        Blame::Caller => "caller",
        Blame::Machine => "machine",
        _ => "bug",
    };
    Error { message: failure.to_string(), blame }
}

fn alteration(alteration: &record::Alteration) -> Alteration {
    let what = match alteration {
        record::Alteration::AlpnWithheld(_) => "alpn_withheld",
        record::Alteration::ConnectionShared { .. } => "connection_shared",
        record::Alteration::Continued => "continued",
        record::Alteration::Edited(_) => "edited",
        record::Alteration::FieldsRemoved(_) => "fields_removed",
        record::Alteration::FramesRemade => "frames_remade",
        record::Alteration::HooksBypassed => "hooks_bypassed",
        record::Alteration::FieldSet { .. } => "field_set",
        record::Alteration::Proxied { .. } => "proxied",
        record::Alteration::TargetForm { .. } => "target_form",
        record::Alteration::TlsTerminated => "tls_terminated",
        record::Alteration::Translated { .. } => "translated",
        _ => "other",
    };
    Alteration { what, text: wording::alteration(alteration) }
}

fn notes(notes: &record::Notes) -> Option<Notes> {
    if notes.is_empty() {
        return None;
    }
    let record::Notes { comment, marker, metadata, replay } = notes.clone();
    let replay = replay.map(|record::Replay { request, response, of }| Replay {
        request,
        response,
        of: of.map(|id| id.0),
    });
    let metadata = metadata.into_iter().map(|(key, value)| (key, value.into())).collect();
    Some(Notes { comment, marker, metadata, replay })
}

/// Words a time as in RFC 3339, in UTC.
pub(super) fn time(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at).unwrap_or_default().to_string()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
