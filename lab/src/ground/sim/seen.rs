//! What the proxy recorded, as the lines of JSON tell it of a real run.

use std::sync::{Mutex, PoisonError};

use sidestream_flow::Peer;
use sidestream_record::{
    Alteration, Blame, Book, Entry, Exchange, Failure, Finished, Flow, Protocol, Recorded, Sink,
    WebSocketKind, WebSocketMessage, wording,
};

use crate::model::FlowSeen;
use crate::origin::Names;

/// Keeps what is finished.
#[derive(Default)]
pub(super) struct Keep(Mutex<(Book, Vec<Finished>)>);

impl Sink for Keep {
    fn record(&self, entry: &Entry) -> Recorded {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let finished = kept.0.apply(entry);
        // Of bytes that belong to no exchange, the flow's line tells how many they were.
        let is_told = |finished: &Finished| !matches!(finished, Finished::Message(..));
        kept.1.extend(finished.into_iter().filter(is_told));
        Recorded::Accepted
    }
}

impl Keep {
    /// Returns what was seen, in the order in which flows and exchanges began.
    pub(super) fn seen(&self, names: &Names) -> Vec<FlowSeen> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines: Vec<_> = kept.1.iter().filter_map(|of| line(of, names)).collect();
        lines.sort_by_key(|(place, _)| *place);
        lines.into_iter().map(|(_, line)| line).collect()
    }
}

/// Flow, exchange, message: the flow's own line comes last, and messages after what opened their
/// WebSocket.
type Place = (u64, u64, u64);

fn line(finished: &Finished, names: &Names) -> Option<(Place, FlowSeen)> {
    match finished {
        Finished::Exchange(flow, exchange) => {
            let place = (flow.id.0, exchange.id.0, 0);
            Some((place, of_exchange(flow, exchange, names)))
        }
        Finished::Flow(flow) if has_line(flow) => {
            Some(((flow.id.0, u64::MAX, 0), of_flow(flow, names)))
        }
        Finished::WebSocket { flow, url, message, .. } => {
            let place = (flow.id.0, message.exchange.0, message.message.0 + 1);
            Some((place, of_message(flow, url, message, names)))
        }
        _ => None,
    }
}

/// A flow that its exchanges tell of wholly has no line.
fn has_line(flow: &Flow) -> bool {
    flow.exchanges == 0 || flow.data_bytes != [0; 2] || flow.failure().is_some()
}

fn of_exchange(flow: &Flow, exchange: &Exchange, names: &Names) -> FlowSeen {
    let is_cut = exchange.timing.ended.is_none();
    let failure = exchange.failure.as_ref().or_else(|| flow.failure().filter(|_| is_cut));
    let seen = FlowSeen {
        error: failure.map(|failure| error(failure, names)),
        notes: notes(&exchange.defects, &exchange.alterations, flow, names),
        ..of(flow, names)
    };
    if exchange.query.is_some() || exchange.answer.is_some() {
        return of_question(exchange, seen, names);
    }
    let asked = exchange.request.as_ref().map(|head| {
        let url = named(&exchange.url, names);
        format!("{} {url} {}", wording::text(&head.method), head.version)
    });
    let answered = exchange.response.as_ref().map(|head| {
        let interim: String =
            exchange.interim.iter().map(|head| format!("{} ", head.status)).collect();
        format!("{interim}{} {}", head.status, head.version)
    });
    let bytes = (exchange.request_body.bytes, exchange.response_body.bytes);
    FlowSeen { kind: "http".to_owned(), asked, answered, bytes, ..seen }
}

fn of_question(exchange: &Exchange, seen: FlowSeen, names: &Names) -> FlowSeen {
    let question = exchange.query.as_ref().and_then(|query| query.questions.first());
    let answered = exchange.answer.as_ref().map(|answer| {
        let data = answer.answers.iter().map(|record| named(&record.data, names));
        let words: Vec<_> = std::iter::once(wording::rcode(answer.rcode)).chain(data).collect();
        words.join(" ")
    });
    FlowSeen {
        kind: "dns".to_owned(),
        asked: question.map(|question| format!("{} {}", question.name, question.kind)),
        answered,
        ..seen
    }
}

fn of_message(flow: &Flow, url: &str, message: &WebSocketMessage, names: &Names) -> FlowSeen {
    let code = match message.kind {
        WebSocketKind::Close { code: Some(code) } => format!(" {code}"),
        _ => String::new(),
    };
    let url = named(&wording::web_socket_url(url), names);
    let words = Some(format!("{}{code} {url}", message.kind.name()));
    let bytes = message.bytes();
    let is_up = message.from == Peer::Client;
    let (asked, answered) = if is_up { (words, None) } else { (None, words) };
    FlowSeen {
        kind: "websocket".to_owned(),
        asked,
        answered,
        bytes: if is_up { (bytes, 0) } else { (0, bytes) },
        // Those of the flow stand in its own line.
        notes: Vec::new(),
        ..of(flow, names)
    }
}

fn of_flow(flow: &Flow, names: &Names) -> FlowSeen {
    // What TLS and handshakes come to differs from program to program, and from run to run.
    let is_plain = flow.exchanges == 0
        && flow.tls.is_empty()
        && flow.passed.is_none()
        && flow.protocol != Some(Protocol::Tls);
    let closed = flow.closed.as_ref().filter(|_| is_plain);
    let after = match flow.exchanges {
        0 => String::new(),
        count => format!(", exchanges: {count}"),
    };
    FlowSeen {
        kind: flow.key.transport.name().to_owned(),
        asked: flow.protocol.map(|protocol| format!("{}{after}", protocol.name())),
        bytes: closed.map_or((0, 0), |(_, closed)| (closed.received, closed.sent)),
        ..of(flow, names)
    }
}

/// Returns what is known of the flow alone.
fn of(flow: &Flow, names: &Names) -> FlowSeen {
    let path = flow.process.as_ref().and_then(|process| process.path.as_ref());
    let name = path.and_then(|path| path.file_name());
    let server = flow.servers.last().map_or(flow.key.server, |(_, addr)| *addr);
    let is_read = flow.client_tls().is_some();
    let is_passed = flow.passed.as_ref().is_some_and(|passed| passed.offered.is_some());
    FlowSeen {
        process: name.map(|name| name.to_string_lossy().into_owned()),
        server: named(&server.to_string(), names),
        tls: match (is_read, is_passed) {
            (true, _) => Some("read".to_owned()),
            (_, true) => Some("passed".to_owned()),
            _ => None,
        },
        error: flow.failure().map(|failure| error(failure, names)),
        notes: notes(&flow.defects, &flow.alterations, flow, names),
        ..FlowSeen::default()
    }
}

fn notes(
    defects: &[String],
    alterations: &[Alteration],
    flow: &Flow,
    names: &Names,
) -> Vec<String> {
    let alterations = alterations.iter().map(wording::alteration);
    // Why it was passed stands in the line of the flow, and such a flow has no others.
    let notes = defects.iter().cloned().chain(alterations).chain(wording::passed(flow));
    notes.map(|note| named(&note, names)).collect()
}

fn error(failure: &Failure, names: &Names) -> String {
    let blame = match failure.blame() {
        Blame::Peer(Peer::Client) => "client",
        Blame::Peer(Peer::Server(_)) => "server",
        Blame::Caller => "caller",
        Blame::Machine => "machine",
        _ => "bug",
    };
    format!("{} ({blame})", named(&failure.to_string(), names))
}

/// Writes names for addresses, of which none is the beginning of another.
fn named(text: &str, names: &Names) -> String {
    let mut addrs: Vec<_> = names
        .iter()
        .flat_map(|(name, ips)| {
            ips.iter().flat_map(move |ip| [(format!("[{ip}]"), name), (ip.to_string(), name)])
        })
        .collect();
    addrs.sort_by_key(|(addr, _)| std::cmp::Reverse(addr.len()));
    addrs.iter().fold(text.to_owned(), |text, (addr, name)| text.replace(addr, name))
}
