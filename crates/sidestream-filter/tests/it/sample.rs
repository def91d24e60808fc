//! A short recording, on which filters are tried.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use sidestream_flow::{
    Container, ExchangeId, FlowId, FlowKey, MessageId, Peer, Process, Transport, User,
};
use sidestream_record::{
    Annotation, Book, Closed, DnsMessage, DnsQuestion, Entry, Event, Failure, Field, Fields,
    Finished, Opened, Part, Protocol, Replay, RequestHead, ResponseHead, Tls, TlsVersion, Version,
    WebSocketKind, WebSocketMessage,
};

/// 2026-01-01T00:00:00Z.
pub(crate) fn new_year() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

pub(crate) fn fields(fields: &[(&'static str, &'static str)]) -> Fields {
    fields.iter().map(|(name, value)| Field::new(*name, *value)).collect()
}

pub(crate) fn finished() -> Vec<Finished> {
    let mut book = Book::keeping(1024);
    entries().iter().flat_map(|entry| book.apply(entry)).collect()
}

fn opened(transport: Transport, process: &Arc<Process>) -> Event {
    let key = FlowKey {
        transport,
        client: ([10, 0, 0, 2], 40000).into(),
        server: ([192, 0, 2, 1], 443).into(),
    };
    Event::Opened(Opened { key, process: Some(Arc::clone(process)), via: "run".into() })
}

fn curl() -> Arc<Process> {
    let shell = Process { pid: 41, name: "make".into(), ..Process::default() };
    let container = Container {
        id: "4f66ad9a".into(),
        name: Some("web".into()),
        image: Some("nginx:1.27".into()),
        runtime: None,
    };
    Arc::new(Process {
        pid: 42,
        name: "curl".into(),
        path: Some("/usr/bin/curl".into()),
        user: Some(User { uid: 1000, name: Some("ann".into()) }),
        container: Some(container),
        parent: Some(Arc::new(shell)),
        ..Process::default()
    })
}

fn tls() -> Event {
    Event::Secured(Box::new(Tls {
        peer: Peer::Client,
        version: TlsVersion::Tls13,
        cipher: "TLS_AES_128_GCM_SHA256".into(),
        group: None,
        resumed: false,
        sni: Some("www.a.test".into()),
        alpn: Some("h2".into()),
        ja4: Some("t13d1516h2_8daaf6152771_02713d6af862".into()),
        certificates: Vec::new(),
        client_certificate: None,
        differences: None,
    }))
}

fn question(response: bool) -> DnsMessage {
    let question = DnsQuestion { name: "dns.test".into(), kind: "AAAA".into(), class: "IN".into() };
    DnsMessage { response, questions: vec![question], ..DnsMessage::default() }
}

fn head(method: &'static str, fields: Fields) -> RequestHead {
    RequestHead { method: method.into(), target: "/page".into(), version: Version::Http2, fields }
}

fn answer(status: u16, fields: Fields) -> ResponseHead {
    ResponseHead { version: Version::Http2, status, reason: Bytes::new(), fields }
}

fn tick() -> Event {
    Event::WebSocket(Box::new(WebSocketMessage {
        exchange: ExchangeId(2),
        message: MessageId(1),
        from: Peer::Server(0),
        kind: WebSocketKind::Text,
        data: "tick".into(),
        dropped: 0,
        fragments: 1,
        compressed: false,
        encoded: false,
        ended: true,
        injected: false,
        edit: None,
    }))
}

/// Two exchanges, a WebSocket, and one that is cut off.
fn http() -> Vec<Event> {
    let [one, two, three] = [1, 2, 3].map(ExchangeId);
    let request = head("POST", fields(&[("Content-Type", "text/plain"), ("X-One", "1")]));
    let get = || head("GET", Fields::default());
    let response = answer(404, fields(&[("Content-Type", "text/CSS"), ("Server", "s")]));
    let upgrade = answer(101, fields(&[("Upgrade", "websocket")]));
    let url = |path: &str| format!("https://user@a.test:8443/{path}");
    let body = |part, data: &'static str| Event::Body { exchange: one, part, data: data.into() };
    vec![
        opened(Transport::Tcp, &curl()),
        tls(),
        Event::Recognized(Protocol::Http2),
        Event::Named { host: "a.test".into() },
        Event::Request { exchange: one, url: url("page?q=1"), head: request },
        body(Part::Request, "ask"),
        Event::Response { exchange: one, head: response },
        body(Part::Response, "answer"),
        Event::ExchangeEnded { exchange: one, failure: None },
        Event::Request { exchange: two, url: url("socket"), head: get() },
        Event::Response { exchange: two, head: upgrade },
        Event::ExchangeEnded { exchange: two, failure: None },
        tick(),
        Event::Request { exchange: three, url: url("cut"), head: get() },
        Event::Closed(Closed { received: 1, sent: 2, failure: Some(Failure::Stopped) }),
    ]
}

/// A DNS query.
fn dns() -> Vec<Event> {
    let exchange = ExchangeId(4);
    vec![
        opened(Transport::Udp, &curl()),
        Event::Dns { exchange, message: question(false) },
        Event::Dns { exchange, message: question(true) },
        Event::ExchangeEnded { exchange, failure: None },
        Event::Closed(Closed { received: 1, sent: 2, failure: None }),
    ]
}

/// Raw bytes, then a reset.
fn raw() -> Vec<Event> {
    let process = Arc::new(Process { pid: 7, name: "ssh".into(), ..Process::default() });
    let failure = Some(Failure::Reset(Peer::Server(0)));
    vec![
        opened(Transport::Tcp, &process),
        Event::Connected { server: 0, addr: ([192, 0, 2, 9], 22).into() },
        Event::Recognized(Protocol::Ssh),
        Event::Named { host: "b.test".into() },
        Event::Data { message: MessageId(2), from: Peer::Client, data: "SSH-2.0".into() },
        Event::Closed(Closed { received: 1 << 20, sent: 0, failure }),
    ]
}

/// What is noted as soon as something is told: of exchanges 1 and 3, and of flow 3.
fn noted(entry: &Entry) -> Vec<Entry> {
    let note = |exchange, annotation| Entry {
        event: Event::Annotated { exchange, annotation: Box::new(annotation) },
        ..entry.clone()
    };
    let metadata = |key: &str, value: &str| Annotation::Metadata {
        key: key.into(),
        value: Some(value.into()),
    };
    match &entry.event {
        Event::Request { exchange: one @ ExchangeId(1), .. } => vec![
            note(Some(*one), Annotation::Marker(":red_circle:".into())),
            note(Some(*one), Annotation::Comment("first\nlook here".into())),
            note(Some(*one), metadata("a", "1")),
            note(Some(*one), metadata("b", "2")),
        ],
        Event::Request { exchange: three @ ExchangeId(3), .. } => {
            let replay = Replay { request: true, response: false, of: Some(ExchangeId(1)) };
            vec![note(Some(*three), Annotation::Replay(replay))]
        }
        Event::Recognized(Protocol::Ssh) => vec![
            note(None, Annotation::Marker(Annotation::DEFAULT_MARKER.into())),
            note(None, Annotation::Comment("taken back".into())),
            note(None, Annotation::Comment(String::new())),
        ],
        _ => Vec::new(),
    }
}

/// Three flows, an event each second.
fn entries() -> Vec<Entry> {
    let flows = (1..).zip([http(), dns(), raw()]);
    let events = flows.flat_map(|(id, events)| events.into_iter().map(move |it| (FlowId(id), it)));
    let at = |second| new_year() + Duration::from_secs(second);
    let entries = (0..).zip(events).map(|(n, (flow, event))| Entry { at: at(n), flow, event });
    entries.flat_map(|entry| [entry.clone()].into_iter().chain(noted(&entry))).collect()
}
