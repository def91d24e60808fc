//! Entries made out of what was recorded.

use std::time::{Duration, SystemTime};

use sidestream_flow::Peer;
use sidestream_record::{
    Exchange, Failure, Fields, Flow, Part, Version, WebSocketKind, WebSocketMessage, wording,
};

use crate::entry::{
    Body, Direction, Entry, Field, Process, Request, Response, SocketMessage, Timings,
};
use crate::query;

/// A body as it was recorded, for an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The content, its content codings taken off where that could be done.
    pub content: Vec<u8>,
    /// What is to be said of it: that a part is missing, that a coding is still on.
    pub comment: Option<String>,
}

/// Makes an entry of an exchange of HTTP, with its bodies and the messages of its WebSocket, each
/// with its time; `None` if the exchange is none of HTTP.
///
/// `failure` is why it did not end well: the exchange's own, or that of its flow where it ended
/// with that.
pub fn entry(
    flow: &Flow,
    exchange: &Exchange,
    failure: Option<&Failure>,
    bodies: [Recorded; 2],
    messages: &[(SystemTime, WebSocketMessage)],
) -> Option<Entry> {
    let head = exchange.request.as_ref()?;
    let [request_body, response_body] = bodies;
    let failure = failure.map(ToString::to_string);
    let request = Request {
        method: query::text(&head.method),
        url: exchange.url.clone(),
        version: head.version.name().into(),
        fields: fields(&head.fields),
        body: body(exchange, Part::Request, &head.fields, request_body),
        params: Vec::new(),
    };
    let response = exchange.response.as_ref().map(|head| Response {
        status: head.status,
        reason: query::text(&head.reason),
        version: head.version.name().into(),
        fields: fields(&head.fields),
        body: body(exchange, Part::Response, &head.fields, response_body),
    });
    let cut = messages.iter().map(|(_, message)| message.dropped).sum::<u64>();
    let cut = (cut > 0).then(|| format!("{cut} bytes of its messages are not in the archive"));
    let altered = exchange.alterations.iter().map(wording::alteration);
    let remarks: Vec<_> = failure.iter().cloned().chain(altered).chain(cut).collect();
    Some(Entry {
        started: exchange.timing.started,
        request,
        response,
        timings: timings(exchange),
        server: flow.servers.last().map(|(_, addr)| addr.ip()),
        connection: Some(flow.id.to_string()),
        messages: messages
            .iter()
            .filter_map(|(at, message)| socket_message(*at, message))
            .collect(),
        process: flow.process.as_deref().map(process),
        failure,
        comment: exchange.notes.comment.clone(),
        remarks: (!remarks.is_empty()).then(|| remarks.join("; ")),
    })
}

fn fields(fields: &Fields) -> Vec<Field> {
    let field = |field: &sidestream_record::Field| Field {
        name: query::text(&field.name),
        value: query::text(&field.value),
    };
    fields.iter().map(field).collect()
}

fn body(exchange: &Exchange, part: Part, fields: &Fields, recorded: Recorded) -> Body {
    let body = exchange.body(part);
    let media_type = fields.get("content-type").map(|value| query::text(value));
    let had = body.bytes > 0 || !recorded.content.is_empty();
    Body {
        bytes: Some(recorded.content.len() as u64),
        content: had.then_some(recorded.content),
        transferred: Some(body.bytes),
        media_type: media_type.unwrap_or_default(),
        comment: recorded.comment,
    }
}

/// Returns how long the parts took. Who looked up a name, and waited for a connection, is the
/// client; we do not see it.
fn timings(exchange: &Exchange) -> Timings {
    let timing = &exchange.timing;
    let sent = timing.since_start(timing.request_ended);
    let began = timing.since_start(timing.response_started);
    let ended = timing.since_start(timing.ended);
    let between = |from: Option<Duration>, to: Option<Duration>| {
        Some(to?.saturating_sub(from.unwrap_or_default()))
    };
    // A response may begin, and a failure come, before the request has ended.
    let send = match (sent, began.or(ended)) {
        (Some(sent), Some(next)) => Some(sent.min(next)),
        (sent, next) => sent.or(next),
    };
    Timings {
        send,
        wait: between(send, began.or(ended)),
        receive: between(began, ended).filter(|_| began.is_some()),
        ..Timings::default()
    }
}

/// Puts a message into the form that browsers use, in which what they do not know has no place.
fn socket_message(at: SystemTime, message: &WebSocketMessage) -> Option<SocketMessage> {
    let opcode = match message.kind {
        WebSocketKind::Text => 1,
        WebSocketKind::Binary => 2,
        WebSocketKind::Close { .. } => 8,
        WebSocketKind::Ping => 9,
        WebSocketKind::Pong => 10,
        WebSocketKind::Reserved { opcode } => opcode,
        _ => return None,
    };
    let code = match message.kind {
        WebSocketKind::Close { code } => code,
        _ => None,
    };
    let mut data = code.map(|code| code.to_be_bytes().to_vec()).unwrap_or_default();
    data.extend_from_slice(&message.data);
    let direction =
        if message.from == Peer::Client { Direction::Sent } else { Direction::Received };
    Some(SocketMessage { direction, at, opcode, data })
}

fn process(process: &sidestream_flow::Process) -> Process {
    let user = process.user.as_ref();
    let container = process.container.as_ref();
    Process {
        pid: process.pid,
        name: process.name.clone(),
        path: process.path.as_ref().map(|path| path.display().to_string()),
        user: user.map(|user| user.name.clone().unwrap_or_else(|| user.uid.to_string())),
        container: container.map(|it| it.name.clone().unwrap_or_else(|| it.id.clone())),
    }
}

/// Reads a version as archives write it: `HTTP/1.1`, `http/2.0`, `h2`, `h3`, `h3-29`.
pub(crate) fn version(text: &str) -> Option<Version> {
    let text = text.trim().to_ascii_lowercase();
    let number = text.strip_prefix("http/").unwrap_or(&text);
    Some(match number {
        "1.0" => Version::Http10,
        "1.1" => Version::Http11,
        "2" | "2.0" | "h2" | "spdy" => Version::Http2,
        "3" | "3.0" | "h3" | "quic" => Version::Http3,
        other if other.starts_with("h3-") => Version::Http3,
        _ => return None,
    })
}

impl Request {
    /// Returns the version; `None` where the archive does not say, or names none that is known.
    pub fn http_version(&self) -> Option<Version> {
        version(&self.version)
    }
}

impl Response {
    /// Returns the version; `None` where the archive does not say, or names none that is known.
    pub fn http_version(&self) -> Option<Version> {
        version(&self.version)
    }
}
