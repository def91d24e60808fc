//! Sessions and filters, at random: what is judged by tables, by rows and by records has to come to
//! the same.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use sidestream_flow::{ExchangeId, FlowId, FlowKey, MessageId, Peer, Process, Transport, User};
use sidestream_record::{
    Alteration, Annotation, Change, Closed, DnsMessage, DnsQuestion, Edit, Entry, Event, Failure,
    Field, Fields, Offered, Opened, Part, PassReason, Passed, Protocol, Replay, RequestHead,
    ResponseHead, SentBody, Tls, TlsVersion, Version, WebSocketKind, WebSocketMessage,
};

const START: u64 = 1_767_225_600;

/// Returns when the sessions begin.
pub fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(START)
}

/// What an exchange is made of.
#[derive(Clone, Debug)]
struct Made {
    method: &'static str,
    url: &'static str,
    ask: &'static str,
    status: Option<u16>,
    /// A rule answers in the server's place.
    answered: Option<u16>,
    answer: &'static str,
    ends: Option<bool>,
    is_dns: bool,
    message: Option<&'static str>,
    /// The content types of what is asked and what is answered.
    types: [Option<&'static str>; 2],
    /// What is noted: at once, or when all is over.
    noted: Vec<(bool, Annotation)>,
}

fn made() -> impl Strategy<Value = Made> {
    let url = select(vec![
        "http://a.test/",
        "https://user@b.test:8443/api?q=100%25_x",
        "http://\u{212A}elvin.test/tas\u{17F}",
        "http://odd.test/\0/behind",
        "http://[2001:db8::1]/KS",
        "",
    ]);
    let text = || select(vec!["", "needle in hay", "other"]);
    let status = || option::of(select(vec![101, 200, 404, 500]));
    let numbers = (status(), option::weighted(0.2, select(vec![403, 444])));
    let noted = vec((any::<bool>(), annotation()), 0..3);
    let kind = || {
        let long = "multipart/form-data; boundary=json----------------------------------------\
                    ------------------------------------------------------------------image/png";
        let plain = ["application/json", "image/png", "Text/CSS; a=b", "", "json\0image/", "a\nb"];
        option::of(select([&plain[..], &[long, "\u{FFFD}/json"]].concat()))
    };
    let ways = (option::weighted(0.8, any::<bool>()), any::<bool>(), option::of(text()));
    let method = select(vec!["GET", "POST", "DNS", "CONNECT"]);
    let bodies = (text(), text(), [kind(), kind()]);
    (method, url, numbers, bodies, ways, noted).prop_map(
        |(method, url, (status, answered), bodies, (ends, is_dns, message), noted)| {
            let (ask, answer, types) = bodies;
            // Whoever answers in a server's place asks none.
            let status = if answered.is_some() { None } else { status };
            Made { method, url, ask, status, answered, answer, ends, is_dns, message, types, noted }
        },
    )
}

fn annotation() -> impl Strategy<Value = Annotation> {
    let text = || select(vec!["", "look here", "other\0needle", "a: b"]);
    let replay = (any::<bool>(), any::<bool>());
    prop_oneof![
        text().prop_map(|text| Annotation::Comment(text.into())),
        text().prop_map(|text| Annotation::Marker(text.into())),
        (text(), option::of(text())).prop_map(|(key, value)| Annotation::Metadata {
            key: key.into(),
            value: value.map(Into::into),
        }),
        replay.prop_map(|(request, response)| {
            Annotation::Replay(Replay { request, response, of: None })
        }),
    ]
}

fn dns(response: bool) -> DnsMessage {
    let question = DnsQuestion { name: "a.test".into(), kind: "AAAA".into(), class: "IN".into() };
    DnsMessage { response, rcode: 3, questions: vec![question], ..DnsMessage::default() }
}

fn head(status: u16, kind: Option<&'static str>) -> ResponseHead {
    let mut fields = Fields::default();
    fields.push("Upgrade", "websocket");
    if let Some(kind) = kind {
        fields.push("Content-Type", kind);
    }
    ResponseHead { version: Version::Http11, status, reason: Bytes::new(), fields }
}

impl Made {
    fn events(&self, id: u64) -> Vec<Event> {
        let exchange = ExchangeId(id);
        let [ask_type, answer_type] = self.types;
        let mut events = Vec::new();
        if self.is_dns {
            events.push(Event::Dns { exchange, message: dns(false) });
            if self.status.is_some() {
                events.push(Event::Dns { exchange, message: dns(true) });
            }
        } else {
            let head = RequestHead {
                method: self.method.into(),
                target: "/".into(),
                // What is connected to is said so in later versions alone.
                version: if self.ends.is_some() { Version::Http2 } else { Version::Http11 },
                fields: [
                    Some(("X-One", "1")),
                    (self.method == "CONNECT").then_some((":protocol", "websocket")),
                    ask_type.map(|it| ("content-type", it)),
                    // More than one, as nobody should send.
                    self.message.and(ask_type).map(|_| ("content-type", "font/a")),
                ]
                .into_iter()
                .flatten()
                .map(|(name, value)| Field::new(name, value))
                .collect(),
            };
            events.push(Event::Request { exchange, url: self.url.into(), head });
            let body = |part, data: &'static str| Event::Body { exchange, part, data: data.into() };
            events.push(body(Part::Request, self.ask));
            if let Some(status) = self.answered {
                let body = SentBody::of(&self.answer.into());
                let change = Change::Answered { head: self::head(status, answer_type), body };
                let edit = Box::new(Edit { by: "a rule".into(), change });
                let alteration = Alteration::Edited(edit);
                events.push(Event::Altered { exchange: Some(exchange), alteration });
            }
            if let Some(status) = self.status {
                events.push(Event::Response { exchange, head: self::head(status, answer_type) });
                events.push(body(Part::Response, self.answer));
            }
        }
        events.extend(self.noted(exchange, true));
        if let Some(well) = self.ends {
            let failure = (!well).then_some(Failure::Unanswered);
            events.push(Event::ExchangeEnded { exchange, failure });
        }
        if let Some(text) = self.message {
            events.push(Event::WebSocket(Box::new(WebSocketMessage {
                exchange,
                message: MessageId(1000 + id),
                from: Peer::Client,
                kind: WebSocketKind::Text,
                data: text.into(),
                dropped: 0,
                fragments: 1,
                compressed: false,
                encoded: false,
                ended: true,
                injected: false,
                edit: None,
            })));
        }
        events.extend(self.noted(exchange, false));
        events
    }

    fn noted(&self, exchange: ExchangeId, at_once: bool) -> impl Iterator<Item = Event> {
        let noted = self.noted.iter().filter(move |(early, _)| *early == at_once);
        noted.map(move |(_, annotation)| Event::Annotated {
            exchange: Some(exchange),
            annotation: Box::new(annotation.clone()),
        })
    }
}

fn process() -> impl Strategy<Value = Arc<Process>> {
    let parent = Arc::new(Process { pid: 1, name: "init".into(), ..Process::default() });
    let one = move |pid, name: &str, path: Option<&str>| {
        Arc::new(Process {
            pid,
            name: name.into(),
            path: path.map(Into::into),
            user: Some(User { uid: pid, name: Some("ann".into()) }),
            parent: Some(Arc::clone(&parent)),
            ..Process::default()
        })
    };
    select(vec![one(7, "curl", Some("/usr/bin/curl")), one(8, "Sk\u{212A}", None)])
}

/// What becomes known of a flow, sooner or later: where it goes, what its client asks TLS for.
fn told() -> impl Strategy<Value = Event> {
    let name = || select(vec!["a.test", "b.test", "s\u{17F}.test", "", "a\nb", "\u{FFFD}"]);
    let names = || option::of(name().prop_map(str::to_owned));
    let addr = (1..4_u8, select(vec![80, 443]));
    let reached = (0..3_u32, addr).prop_map(|(server, (last, port))| Event::Connected {
        server,
        addr: ([192, 0, 2, last], port).into(),
    });
    let far = (0..8_u16).prop_map(|last| Event::Connected {
        server: 9,
        addr: ([0x2001, 0xdb8, 0x1111, 0x2222, 0x3333, 0x4444, 0x5555, last], 443).into(),
    });
    let protocol =
        select(vec![Protocol::Tls, Protocol::Http1, Protocol::Http2, Protocol::WebSocket]);
    let alpn = || option::of(select(vec!["h2", "http/1.1"]).prop_map(str::to_owned));
    let ja4 = || option::of(select(vec!["t13d1516h2_8daaf6152771_b0da82dd1658", "t12d"]));
    let leg = (any::<bool>(), names(), alpn(), ja4()).prop_map(|(is_client, sni, alpn, ja4)| {
        Event::Secured(Box::new(Tls {
            peer: if is_client { Peer::Client } else { Peer::Server(0) },
            version: TlsVersion::Tls13,
            cipher: "TLS_AES_128_GCM_SHA256".into(),
            group: None,
            resumed: false,
            sni,
            alpn,
            ja4: ja4.map(Into::into),
            certificates: Vec::new(),
            client_certificate: None,
            differences: None,
        }))
    });
    let offered = (names(), vec(select(vec!["h2", "http/1.1", "spdy"]), 0..3), ja4());
    let passed = option::of(offered).prop_map(|offered| {
        let offered = offered.map(|(sni, alpn, ja4)| Offered {
            sni,
            alpn: alpn.into_iter().map(Into::into).collect(),
            ja4: ja4.unwrap_or_default().into(),
        });
        Event::Passed(Box::new(Passed { why: PassReason::Untrusted, offered }))
    });
    prop_oneof![
        3 => reached,
        1 => far,
        2 => name().prop_map(|host| Event::Named { host: host.into() }),
        2 => protocol.prop_map(Event::Recognized),
        3 => leg,
        1 => passed,
    ]
}

/// A flow: how it is opened, what is in it, how it ends.
fn flow() -> impl Strategy<Value = Vec<Event>> {
    let transport = select(vec![Transport::Tcp, Transport::Udp]);
    let opened = (transport, option::of(process()), option::of(select(vec!["a.test", "b.test"])));
    let failure = option::of(select(vec![Failure::Stopped, Failure::Unanswered]));
    let closed = option::weighted(0.8, (0..3_000_u64, failure));
    let noted = vec(annotation(), 0..2);
    // Where in between it comes, and what.
    let told = vec((0..40_usize, told()), 0..7);
    (opened, vec(made(), 0..4), option::of(Just("raw needle")), closed, (noted, told)).prop_map(
        |((transport, process, host), made, data, closed, (noted, told))| {
            let (client, server) = (([10, 0, 0, 2], 4000).into(), ([192, 0, 2, 1], 443).into());
            let key = FlowKey { transport, client, server };
            let mut events = vec![Event::Opened(Opened { key, process, via: "run".into() })];
            events.push(Event::Recognized(Protocol::Http1));
            events.extend(host.map(|host| Event::Named { host: host.into() }));
            // Ids stand here as places, and are given out later.
            events.extend((0..).zip(&made).flat_map(|(place, made)| made.events(place)));
            events.extend(data.map(|data| Event::Data {
                message: MessageId(0),
                from: Peer::Server(0),
                data: data.into(),
            }));
            for (place, event) in told {
                events.insert(1 + place % events.len(), event);
            }
            events.extend(
                closed.map(|(received, failure)| {
                    Event::Closed(Closed { received, sent: 10, failure })
                }),
            );
            let annotated = |it| Event::Annotated { exchange: None, annotation: Box::new(it) };
            events.extend(noted.into_iter().map(annotated));
            events
        },
    )
}

/// Makes the entries of a session: of flows whose events are mixed, each id given out once.
pub fn session() -> impl Strategy<Value = Vec<Entry>> {
    let steps = vec((any::<u32>(), -1000..4000_i64), 200);
    (vec(flow(), 1..5), steps).prop_map(|(flows, steps)| {
        let mut left: Vec<_> =
            (1_u64..).zip(flows).map(|(flow, events)| (flow, events.into_iter())).collect();
        let mut at = start();
        let mut entries = Vec::new();
        for (pick, step) in steps.into_iter().cycle() {
            if left.is_empty() {
                break;
            }
            let index = pick as usize % left.len();
            let (flow, events) = &mut left[index];
            let flow = *flow;
            match events.next() {
                Some(event) => {
                    let span = Duration::from_millis(step.unsigned_abs());
                    at = if step < 0 { at - span } else { at + span };
                    let event = with_ids(event, flow);
                    entries.push(Entry { at, flow: FlowId(flow), event });
                }
                None => _ = left.remove(index),
            }
        }
        entries
    })
}

fn with_ids(mut event: Event, flow: u64) -> Event {
    let id = |exchange: &mut ExchangeId| exchange.0 += flow * 10;
    match &mut event {
        Event::Request { exchange, .. }
        | Event::Response { exchange, .. }
        | Event::Body { exchange, .. }
        | Event::Dns { exchange, .. }
        | Event::Altered { exchange: Some(exchange), .. }
        | Event::Annotated { exchange: Some(exchange), .. }
        | Event::ExchangeEnded { exchange, .. } => id(exchange),
        Event::WebSocket(message) => {
            id(&mut message.exchange);
            message.message.0 += flow * 10;
        }
        Event::Data { message, .. } => message.0 = flow,
        _ => {}
    }
    event
}

/// Terms of filters, of which some are true of something in these sessions.
const TERMS: [&str; 107] = [
    "~all",
    "~a",
    "~e",
    "~http",
    "~dns",
    "~tcp",
    "~udp",
    "~websocket",
    "~q",
    "~s",
    "~marked",
    "~replay",
    "~replayq",
    "~replays",
    "~marker .",
    "~marker here",
    "~marker ^other",
    "~comment look",
    "~comment needle",
    "~comment ''",
    "~c 200",
    "~c 403",
    "~c 3",
    "~m get",
    "~m dns",
    "~m ^post$",
    "~u a.test",
    "~u behind",
    "~u kelvin",
    "~u tas",
    "~u '100%25_'",
    "~u ks$",
    "~u 'api|odd'",
    "~u .",
    "~u ''",
    "~u '^a.test$'",
    "~u 'A+'",
    "~d a.test",
    "~d ^b",
    "~d 2001",
    "~b needle",
    "~bq needle",
    "~bs hay",
    "~b ''",
    "~h x-one",
    "~hs upgrade",
    "~t .",
    "~t json",
    "~t '^json'",
    "~t ^a$",
    "~t '^$'",
    "~t png",
    "~t '(b|c)$'",
    "~tq 'font|json'",
    "~ts '[jt]'",
    "~m connect",
    "~proto http/2",
    "~tq image",
    "~ts css",
    "~src 4000",
    "~dst 443",
    "~dst :80$",
    "~dst '^192.0.2.2:'",
    "~dst '^192.0.2.1:443$'",
    "~dst a.test",
    "~dst '^b.test:80$'",
    "~dst 'SS.test'",
    "~dst '^2001|4444'",
    "~dst '\\[.*:6\\]'",
    "~process curl",
    "~process 'bin/cu'",
    "~process skk",
    "~pid 7",
    "~tree init",
    "~tree 8",
    "~user ann",
    "~user 7",
    "~container .",
    "~sni .",
    "~sni ''",
    "~sni '^a.test$'",
    "~sni '^b$'",
    "~sni ss",
    "~alpn .",
    "~alpn h2",
    "~alpn '^http/1.1$'",
    "~alpn spdy",
    "~ja4 .",
    "~ja4 ^t13d",
    "~ja4 'b0da82dd1658$'",
    "~proto http",
    "~proto '^tls$'",
    "~proto 'http/1$'",
    "~proto '1.1'",
    "~proto websocket",
    "~size>0",
    "~size<20",
    "~size=0",
    "~size>=1K",
    "~time>1s",
    "~time<=0ms",
    "~time<1h",
    "~since 10s",
    "~since 2026-01-01T00:00:05Z",
    "~since 9999d",
    "~meta .",
    "~meta ^a",
];

/// Makes the text of a filter.
pub fn filter() -> impl Strategy<Value = String> {
    select(TERMS.as_slice()).prop_map(str::to_owned).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(|all| format!("({})", all.join(" & "))),
            vec(inner.clone(), 2..4).prop_map(|any| format!("({})", any.join(" | "))),
            inner.prop_map(|it| format!("!{it}")),
        ]
    })
}
