//! Makes flows out of the entries of an HTTP archive.

use std::io::{BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sidestream::flow::{ExchangeId, FlowId, FlowKey, Peer, Process, Transport, User};
use sidestream::har::{self, Direction, Entry, ReadError, Reader, SocketMessage};
use sidestream::record::{
    Alteration, Annotation, Closed, Event, Failure, Fields, Opened, Part, Protocol, RequestHead,
    ResponseHead, Version, WebSocketKind, WebSocketMessage,
};

use super::place::{Place, cut};
use super::url::{Authority, target};

/// Imports an archive; each entry becomes a flow of its own.
pub(super) fn import(file: impl Read, place: &mut Place) -> anyhow::Result<()> {
    for (index, entry) in Reader::new(BufReader::new(file)).enumerate() {
        match entry {
            Ok(entry) => {
                one(entry, place);
                place.end_flow(format_args!("entry {index}"))?;
            }
            Err(ReadError::Entry(error)) => place.skip(error),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Where an entry's flow goes on.
struct Flow<'a> {
    place: &'a Place,
    id: FlowId,
    exchange: ExchangeId,
}

fn one(entry: Entry, place: &Place) {
    let flow = Flow { place, id: place.ids.flow(), exchange: place.ids.exchange() };
    let comment = entry.comment.map(Annotation::Comment);
    let Entry { started, request, response, timings, server, messages, process, failure, .. } =
        entry;
    let authority = Authority::of(&request.url);
    let server =
        SocketAddr::new(server.unwrap_or_else(|| Ipv4Addr::UNSPECIFIED.into()), authority.port);
    let client = SocketAddr::new(unspecified(server.ip()), 0);
    let key = FlowKey { transport: Transport::Tcp, client, server };
    let process = process.map(|process| Arc::new(known(process)));
    flow.tell(started, Event::Opened(Opened { key, process, via: "har".into() }));
    if !server.ip().is_unspecified() {
        flow.tell(started, Event::Connected { server: 0, addr: server });
    }
    if let Some(host) = authority.host {
        flow.tell(started, Event::Named { host });
    }
    let version = request.http_version().unwrap_or(Version::Http11);
    let protocol = if version == Version::Http2 { Protocol::Http2 } else { Protocol::Http1 };
    flow.tell(started, Event::Recognized(protocol));

    let parts = [timings.blocked, timings.dns, timings.connect, timings.send];
    let sum = |parts: &[Option<Duration>]| parts.iter().flatten().sum::<Duration>();
    let later = |after: Duration| started.checked_add(after).unwrap_or(started);
    let sent_at = later(sum(&parts));
    let answered_at = later(sum(&parts) + timings.wait.unwrap_or_default());
    let ended_at = later(timings.total());

    flow.request(started, sent_at, version, request);
    if let Some(comment) = comment {
        let (exchange, annotation) = (Some(flow.exchange), Box::new(comment));
        flow.tell(started, Event::Annotated { exchange, annotation });
    }
    let switched = response.as_ref().is_some_and(|response| response.status == 101);
    if let Some(response) = response {
        flow.response(answered_at, ended_at, version, response);
    }
    let failure = failure.map(|reason| Failure::Reported { reason });
    let ended = Event::ExchangeEnded { exchange: flow.exchange, failure };
    let (before, after) = if switched { (Some(ended), None) } else { (None, Some(ended)) };
    before.into_iter().for_each(|ended| flow.tell(ended_at, ended));
    let last = messages.iter().map(|message| message.at).max();
    messages.into_iter().for_each(|message| flow.message(message));
    after.into_iter().for_each(|ended| flow.tell(ended_at, ended));
    let at = last.map_or(ended_at, |last| last.max(ended_at));
    flow.tell(at, Event::Closed(Closed::default()));
}

impl Flow<'_> {
    fn tell(&self, at: SystemTime, event: Event) {
        self.place.tell(self.id, at, event);
    }

    fn request(
        &self,
        at: SystemTime,
        sent_at: SystemTime,
        version: Version,
        request: har::Request,
    ) {
        let exchange = self.exchange;
        let har::Request { method, url, fields, body, .. } = request;
        let url = of_http(url);
        let target = target(&url).to_owned();
        let (fields, uncoded) = plain(fields, body.content.as_deref());
        let head = RequestHead { method: method.into(), target: target.into(), version, fields };
        self.tell(at, Event::Request { exchange, url, head });
        self.body(sent_at, Part::Request, body, uncoded);
    }

    fn response(
        &self,
        at: SystemTime,
        ended_at: SystemTime,
        asked: Version,
        response: har::Response,
    ) {
        let exchange = self.exchange;
        let version = response.http_version().unwrap_or(asked);
        let har::Response { status, reason, fields, body, .. } = response;
        let (fields, uncoded) = plain(fields, body.content.as_deref());
        let head = ResponseHead { version, status, reason: reason.into(), fields };
        self.tell(at, Event::Response { exchange, head });
        self.body(ended_at, Part::Response, body, uncoded);
    }

    fn body(&self, at: SystemTime, part: Part, body: har::Body, uncoded: Vec<String>) {
        let exchange = self.exchange;
        if !uncoded.is_empty() {
            let alteration = Alteration::FieldsRemoved(uncoded);
            self.tell(at, Event::Altered { exchange: Some(exchange), alteration });
        }
        match (body.content, body.bytes.or(body.transferred)) {
            (Some(content), _) => self.place.tell_body(self.id, at, content, |data| Event::Body {
                exchange,
                part,
                data,
            }),
            // Archives are often made without bodies.
            (None, Some(bytes)) if bytes > 0 => {
                self.tell(at, Event::BodyDropped { exchange, part, bytes });
            }
            _ => {}
        }
        self.tell(at, Event::PartEnded { exchange, part });
    }

    fn message(&self, message: SocketMessage) {
        let SocketMessage { direction, at, opcode, mut data } = message;
        let kind = match opcode {
            1 => WebSocketKind::Text,
            2 => WebSocketKind::Binary,
            8 => WebSocketKind::Close {
                code: data.first_chunk().map(|code| u16::from_be_bytes(*code)),
            },
            9 => WebSocketKind::Ping,
            10 => WebSocketKind::Pong,
            opcode => WebSocketKind::Reserved { opcode },
        };
        if matches!(kind, WebSocketKind::Close { code: Some(_) }) {
            data.drain(..2);
        }
        let dropped = cut(&mut data);
        let message = WebSocketMessage {
            exchange: self.exchange,
            message: self.place.ids.message(),
            from: if direction == Direction::Sent { Peer::Client } else { Peer::Server(0) },
            kind,
            data: data.into(),
            dropped,
            fragments: 1,
            compressed: false,
            encoded: false,
            ended: true,
            injected: false,
            edit: None,
        };
        self.tell(at, Event::WebSocket(Box::new(message)));
    }
}

/// Returns the fields of a head, without a content coding that the body in the archive no more
/// has, and the names of what was left out.
fn plain(fields: Vec<har::Field>, content: Option<&[u8]>) -> (Fields, Vec<String>) {
    let is_coded = content.is_none_or(|it| it.is_empty() || it.starts_with(b"\x1f\x8b"));
    let (mut kept, mut left) = (Fields::default(), Vec::new());
    for har::Field { name, value } in fields {
        if name.eq_ignore_ascii_case("content-encoding") && !is_coded {
            left.push(name);
        } else {
            kept.push(name, value);
        }
    }
    (kept, left)
}

fn known(process: har::Process) -> Process {
    let har::Process { pid, name, path, user, .. } = process;
    let user = user.map(|name| match name.parse() {
        Ok(uid) => User { uid, name: None },
        // An archive has the name alone; no account has this number.
        Err(_) => User { uid: u32::MAX, name: Some(name) },
    });
    Process { pid, name, path: path.map(Into::into), user, ..Process::default() }
}

/// Returns the URL under which a WebSocket's opening is a request of HTTP (RFC 6455 §3).
fn of_http(url: String) -> String {
    match url.strip_prefix("ws") {
        Some(rest) if rest.starts_with("://") || rest.starts_with("s://") => format!("http{rest}"),
        _ => url,
    }
}

const fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
    }
}
