//! A short recording, on which filters are tried.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use sidestream_flow::{
    Container, ExchangeId, FlowId, FlowKey, MessageId, Peer, Process, Transport, User,
};
use sidestream_record::{
    Book, Closed, DnsMessage, DnsQuestion, Entry, Event, Failure, Field, Fields, Finished, Opened,
    Part, Protocol, RequestHead, ResponseHead, Tls, TlsVersion, Version, WebSocketKind,
    WebSocketMessage,
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
        client_certificate: None,
        differences: None,
    }))
}

fn question(response: bool) -> DnsMessage {
    let question = DnsQuestion { name: "dns.test".into(), kind: "AAAA".into(), class: "IN".into() };
    DnsMessage { response, questions: vec![question], ..DnsMessage::default() }
}

/// Flow 1: two exchanges and a WebSocket. Flow 2: a DNS query. Flow 3: raw bytes, then a reset.
fn entries() -> Vec<Entry> {
    let one = ExchangeId(1);
    let request = RequestHead {
        method: "POST".into(),
        target: "/page".into(),
        version: Version::Http2,
        fields: fields(&[("Content-Type", "text/plain"), ("X-One", "1")]),
    };
    let response = ResponseHead {
        version: Version::Http2,
        status: 404,
        reason: Bytes::new(),
        fields: fields(&[("Content-Type", "text/CSS"), ("Server", "s")]),
    };
    let get = RequestHead { method: "GET".into(), fields: Fields::default(), ..request.clone() };
    let upgrade = ResponseHead {
        status: 101,
        fields: fields(&[("Upgrade", "websocket")]),
        ..response.clone()
    };
    let message = WebSocketMessage {
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
    };
    let url = |path: &str| format!("https://user@a.test:8443/{path}");
    let body = |part, data: &'static str| Event::Body { exchange: one, part, data: data.into() };
    let curl = curl();
    let flow_1 = [
        opened(Transport::Tcp, &curl),
        tls(),
        Event::Recognized(Protocol::Http2),
        Event::Named { host: "a.test".into() },
        Event::Request { exchange: one, url: url("page?q=1"), head: request },
        body(Part::Request, "ask"),
        Event::Response { exchange: one, head: response },
        body(Part::Response, "answer"),
        Event::ExchangeEnded { exchange: one, failure: None },
        Event::Request { exchange: ExchangeId(2), url: url("socket"), head: get.clone() },
        Event::Response { exchange: ExchangeId(2), head: upgrade },
        Event::ExchangeEnded { exchange: ExchangeId(2), failure: None },
        Event::WebSocket(Box::new(message)),
        Event::Request { exchange: ExchangeId(3), url: url("cut"), head: get },
        Event::Closed(Closed { received: 1, sent: 2, failure: Some(Failure::Stopped) }),
    ];
    let four = ExchangeId(4);
    let flow_2 = [
        opened(Transport::Udp, &curl),
        Event::Dns { exchange: four, message: question(false) },
        Event::Dns { exchange: four, message: question(true) },
        Event::ExchangeEnded { exchange: four, failure: None },
        Event::Closed(Closed { received: 1, sent: 2, failure: None }),
    ];
    let raw = Arc::new(Process { pid: 7, name: "ssh".into(), ..Process::default() });
    let flow_3 = [
        opened(Transport::Tcp, &raw),
        Event::Connected { server: 0, addr: ([192, 0, 2, 9], 22).into() },
        Event::Recognized(Protocol::Ssh),
        Event::Named { host: "b.test".into() },
        Event::Data { message: MessageId(2), from: Peer::Client, data: "SSH-2.0".into() },
        Event::Closed(Closed {
            received: 1 << 20,
            sent: 0,
            failure: Some(Failure::Reset(Peer::Server(0))),
        }),
    ];
    let flows = [flow_1.to_vec(), flow_2.to_vec(), flow_3.to_vec()];
    let flows = (1..)
        .zip(flows)
        .flat_map(|(id, events)| events.into_iter().map(move |event| (FlowId(id), event)));
    // An event each second.
    (0..)
        .zip(flows)
        .map(|(second, (flow, event))| Entry {
            at: new_year() + Duration::from_secs(second),
            flow,
            event,
        })
        .collect()
}
