//! Flows to print: what a small machine might record.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sidestream::flow::{
    Container, ExchangeId, FlowId, FlowKey, MessageId, Peer, Process, Transport, User,
};
use sidestream::record::{
    Alteration, Book, Certificate, ClientCertificate, Closed, DialFailure, DnsMessage, DnsQuestion,
    DnsRecord, Entry, Event, Failure, Fields, Finished, HelloDifference, HelloPart, Opened, Part,
    Protocol, RequestHead, ResponseHead, Tls, TlsVersion, Version, WebSocketKind, WebSocketMessage,
};

/// Entries of one flow, a millisecond apart.
pub(crate) struct Play {
    flow: FlowId,
    at: SystemTime,
    pub(crate) entries: Vec<Entry>,
}

impl Play {
    pub(crate) fn new(flow: u64, transport: Transport, server: &str, via: &str) -> Self {
        Self::by(process(), flow, transport, server, via)
    }

    fn by(process: Process, flow: u64, transport: Transport, server: &str, via: &str) -> Self {
        // 2026-01-02 03:04:05 UTC.
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045);
        let client = "10.0.0.2:40000".parse().unwrap();
        let key = FlowKey { transport, client, server: server.parse().unwrap() };
        let process = Some(Arc::new(process));
        let mut play = Self { flow: FlowId(flow), at, entries: Vec::new() };
        play.tell(Event::Opened(Opened { key, process, via: via.into() }));
        play
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.entries.push(Entry { at: self.at, flow: self.flow, event });
        self.at += Duration::from_millis(1);
    }

    /// Lets so many milliseconds go by.
    pub(crate) fn wait(&mut self, millis: u64) {
        self.at += Duration::from_millis(millis);
    }

    pub(crate) fn close(&mut self, received: u64, sent: u64, failure: Option<Failure>) {
        self.tell(Event::Closed(Closed { received, sent, failure }));
    }

    pub(crate) fn finished(&self, keep_bytes: usize) -> Vec<Finished> {
        let mut book = Book::keeping(keep_bytes);
        self.entries.iter().flat_map(|entry| book.apply(entry)).collect()
    }
}

fn process() -> Process {
    let program = |pid, name: &str, args: &[&str]| Process {
        pid,
        name: name.into(),
        path: Some(format!("/usr/bin/{name}").into()),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        ..Process::default()
    };
    let parent = Some(Arc::new(program(41, "sh", &["sh", "-c", "curl …"])));
    Process { parent, ..program(42, "curl", &["curl", "-sS", "https://example.test/a"]) }
}

/// The same process, where everything is known of it.
fn known_process() -> Process {
    let user = |uid, name: &str| Some(User { uid, name: Some(name.into()) });
    Process {
        started: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_323_044_990)),
        cwd: Some("/srv".into()),
        user: user(0, "root"),
        effective_user: user(33, "www-data"),
        cgroup: Some("/system.slice/web.service".into()),
        unit: Some("web.service".into()),
        container: Some(Container {
            id: "3f6785b9e4a1c0d2f8e7b6a5948372615f0e9d8c7b6a594837261504f3e2d1c0".into(),
            name: Some("shop".into()),
            image: Some("nginx:1.27".into()),
            runtime: Some("docker".into()),
        }),
        netns: Some(4_026_531_840),
        package: Some("curl".into()),
        ..process()
    }
}

fn fields(lines: &[(&str, &[u8])]) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in lines {
        fields.push(name.as_bytes().to_vec(), value.to_vec());
    }
    fields
}

fn request(method: &str, target: &str, lines: &[(&str, &[u8])]) -> RequestHead {
    RequestHead {
        method: method.as_bytes().to_vec().into(),
        target: target.as_bytes().to_vec().into(),
        version: Version::Http11,
        fields: fields(lines),
    }
}

fn response(status: u16, reason: &str, lines: &[(&str, &[u8])]) -> ResponseHead {
    ResponseHead {
        version: Version::Http11,
        status,
        reason: reason.as_bytes().to_vec().into(),
        fields: fields(lines),
    }
}

const OWN: [u8; 32] = [
    0x91, 0x12, 0x84, 0x27, 0xcf, 0x51, 0x08, 0xcf, 0xe7, 0xa4, 0x11, 0x97, 0x4d, 0x6a, 0x71, 0x9d,
    0x10, 0x13, 0x94, 0x8f, 0x15, 0xe2, 0xe8, 0xa5, 0x7b, 0x09, 0x28, 0x72, 0x63, 0x47, 0xd4, 0x21,
];

const ROOT: [u8; 32] = [
    0x2b, 0x10, 0x0f, 0x29, 0x89, 0x0e, 0x3a, 0x4c, 0xd4, 0xc7, 0x0a, 0xd2, 0xc5, 0x81, 0x24, 0xfc,
    0xcc, 0xea, 0x29, 0xd3, 0xbd, 0x3a, 0x71, 0x06, 0x16, 0xd0, 0x1a, 0xf9, 0x47, 0x83, 0x4e, 0x46,
];

/// What a server shows: its own certificate and that of its issuer.
fn chain() -> Vec<Arc<Certificate>> {
    let at = |days: u64| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400));
    let certificate = |der: &'static [u8], sha256, subject: &str, names| Certificate {
        der: der.into(),
        sha256,
        subject: subject.into(),
        issuer: "CN=Example Root".into(),
        serial: "1f".into(),
        names,
        not_before: at(20_000),
        not_after: at(20_090),
    };
    let names = (0..10).map(|name| format!("{name}.example.test")).collect();
    // As sha256sum has them.
    let [own, root] = [OWN, ROOT];
    let own = certificate(b"the server's", own, "CN=example.test", names);
    let root = certificate(b"its issuer's", root, "CN=Example Root", Vec::new());
    [own, root].map(Arc::new).to_vec()
}

/// An upload over TLS with everything that there is to show.
pub(crate) fn https() -> Play {
    let exchange = ExchangeId(1);
    let mut play = Play::by(known_process(), 1, Transport::Tcp, "192.0.2.1:443", "run");
    play.tell(Event::Connected { server: 0, addr: "192.0.2.1:443".parse().unwrap() });
    play.tell(Event::Named { host: "example.test".into() });
    let client = Tls {
        peer: Peer::Client,
        version: TlsVersion::Tls13,
        cipher: "TLS_AES_256_GCM_SHA384".into(),
        group: Some("X25519MLKEM768".into()),
        resumed: false,
        sni: Some("example.test".into()),
        alpn: Some("http/1.1".into()),
        ja4: Some("t13d1516h2_8daaf6152771_02713d6af862".into()),
        certificates: Vec::new(),
        client_certificate: None,
        differences: None,
    };
    let ciphers = HelloDifference {
        part: HelloPart::Ciphers,
        withheld: vec!["TLS_RSA_WITH_AES_128_CBC_SHA".into(), "0x1306".into()],
        added: vec!["TLS_EMPTY_RENEGOTIATION_INFO_SCSV".into()],
        reordered: false,
    };
    let extensions = HelloDifference {
        part: HelloPart::Extensions,
        withheld: Vec::new(),
        added: Vec::new(),
        reordered: true,
    };
    play.tell(Event::Secured(Box::new(Tls {
        peer: Peer::Server(0),
        ja4: Some("t13d0912h1_f91f431d341e_78e6aca7449b".into()),
        certificates: chain(),
        client_certificate: Some(ClientCertificate::Absent),
        differences: Some(vec![ciphers, extensions]),
        ..client.clone()
    })));
    play.tell(Event::Secured(Box::new(client)));
    play.tell(Event::Recognized(Protocol::Http1));
    let secrets: &[(&str, &[u8])] = &[
        ("Host", b"example.test"),
        ("authorization", b"Bearer secret"),
        ("X-Odd", b"caf\xe9"),
        ("X-Id", b"17"),
        ("X-Id", b"18"),
    ];
    let (url, head) = ("https://example.test/a?b".to_owned(), request("POST", "/a?b", secrets));
    play.tell(Event::Request { exchange, url, head });
    play.tell(Event::Response { exchange, head: response(100, "Continue", &[]) });
    let data = b"two\nlines \x1b[31m".to_vec().into();
    play.tell(Event::Body { exchange, part: Part::Request, data });
    play.tell(Event::PartEnded { exchange, part: Part::Request });
    let lines: &[(&str, &[u8])] = &[("Set-Cookie", b"id=secret"), ("Content-Type", b"image/png")];
    play.tell(Event::Response { exchange, head: response(201, "Created", lines) });
    let what = "white space before the colon of a field".into();
    play.tell(Event::Defect { exchange: Some(exchange), from: Peer::Server(0), what });
    let data = (0_u16..600).map(|byte| (byte % 256) as u8).collect::<Vec<_>>().into();
    play.tell(Event::Body { exchange, part: Part::Response, data });
    let trailers = fields(&[("X-Sum", b"1")]);
    play.tell(Event::Trailers { exchange, part: Part::Response, fields: trailers });
    play.tell(Event::PartEnded { exchange, part: Part::Response });
    let alteration = Alteration::AlpnWithheld(vec!["h2".into()]);
    play.tell(Event::Altered { exchange: Some(exchange), alteration });
    play.tell(Event::ExchangeEnded { exchange, failure: None });
    play.close(900, 1200, None);
    play
}

/// A tunnel through an explicit proxy, and a request to a server that refuses.
pub(crate) fn tunnel() -> Play {
    let mut play = Play::new(2, Transport::Tcp, "127.0.0.1:8080", "regular");
    let exchange = ExchangeId(2);
    let (url, head) = ("example.test:443".to_owned(), request("CONNECT", "example.test:443", &[]));
    play.tell(Event::Request { exchange, url, head });
    play.tell(Event::Response { exchange, head: response(200, "OK", &[]) });
    play.tell(Event::ExchangeEnded { exchange, failure: None });
    let exchange = ExchangeId(3);
    let (url, head) = ("https://example.test/".to_owned(), request("GET", "/", &[]));
    play.tell(Event::Request { exchange, url, head });
    let failure = Some(Failure::Dial(DialFailure::Refused));
    play.tell(Event::ExchangeEnded { exchange, failure });
    play.close(100, 0, None);
    play
}

/// A DNS look-up.
pub(crate) fn dns() -> Play {
    let exchange = ExchangeId(4);
    let mut play = Play::new(3, Transport::Udp, "192.0.2.53:53", "run");
    let question =
        DnsQuestion { name: "example.test".into(), kind: "AAAA".into(), class: "IN".into() };
    let query = DnsMessage { id: 7, questions: vec![question.clone()], ..DnsMessage::default() };
    play.tell(Event::Dns { exchange, message: query.clone() });
    let answer = DnsRecord {
        name: question.name,
        kind: question.kind,
        class: question.class,
        ttl: 60,
        data: "2001:db8::1".into(),
    };
    let message = DnsMessage { response: true, answers: vec![answer], ..query };
    play.tell(Event::Dns { exchange, message });
    play.tell(Event::ExchangeEnded { exchange, failure: None });
    play.close(30, 58, None);
    play
}

/// A WebSocket with one message of each kind, which ends odd.
pub(crate) fn web_socket() -> Play {
    let exchange = ExchangeId(5);
    let mut play = Play::new(5, Transport::Tcp, "192.0.2.1:443", "run");
    play.tell(Event::Named { host: "example.test".into() });
    let (url, head) = ("https://example.test/chat".to_owned(), request("GET", "/chat", &[]));
    play.tell(Event::Request { exchange, url, head });
    play.tell(Event::Response { exchange, head: response(101, "Switching Protocols", &[]) });
    play.tell(Event::ExchangeEnded { exchange, failure: None });
    play.tell(Event::Recognized(Protocol::WebSocket));
    let mut tell = |message, from, kind, data: &[u8]| {
        let message = WebSocketMessage {
            exchange,
            message: MessageId(message),
            from,
            kind,
            data: data.to_vec().into(),
            dropped: 0,
            fragments: 1,
            compressed: kind == WebSocketKind::Text,
            encoded: false,
            ended: true,
            injected: false,
            edit: None,
        };
        play.tell(Event::WebSocket(Box::new(message)));
    };
    tell(2, Peer::Client, WebSocketKind::Text, "two\nlines, ünïcödé".as_bytes());
    tell(3, Peer::Server(0), WebSocketKind::Text, "a long text ".repeat(30).as_bytes());
    tell(4, Peer::Server(0), WebSocketKind::Binary, &[0, 1, 0xfe, 0xff]);
    tell(5, Peer::Client, WebSocketKind::Ping, b"1");
    tell(6, Peer::Server(0), WebSocketKind::Pong, b"1");
    tell(7, Peer::Server(0), WebSocketKind::Reserved { opcode: 3 }, b"odd");
    tell(8, Peer::Server(0), WebSocketKind::Close { code: Some(1011) }, b"out of memory");
    let what = "a frame has a reserved opcode".into();
    play.tell(Event::Defect { exchange: None, from: Peer::Server(0), what });
    play.close(300, 500, None);
    play
}

/// A protocol that is not understood, and that is reset.
pub(crate) fn raw() -> Play {
    let mut play = Play::new(4, Transport::Tcp, "[2001:db8::1]:22", "run");
    play.tell(Event::Recognized(Protocol::Raw));
    let data = b"SSH-2.0-test\r\n".to_vec().into();
    play.tell(Event::Data { message: MessageId(1), from: Peer::Server(0), data });
    play.close(0, 14, Some(Failure::Reset(Peer::Client)));
    play
}
