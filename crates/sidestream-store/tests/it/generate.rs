//! Entries of every kind, at random.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use sidestream_flow::{
    Container, ExchangeId, FlowId, FlowKey, MessageId, Peer, Process, Redacted, Transport, User,
};
use sidestream_record::{
    Advice, Advised, Alteration, Annotation, Certificate, Change, ClientCertificate, Closed,
    DialFailure, DnsMessage, DnsQuestion, DnsRecord, Edit, Edns, Entry, Event, Failure, Field,
    Fields, HelloDifference, HelloPart, MessageChange, MessageEdit, Offered, Opened, Part,
    PassReason, Passed, Point, Protocol, ProxyFailure, Replay, RequestHead, ResponseHead, Secrets,
    SentBody, Tls, TlsVersion, Version, WebSocketKind, WebSocketMessage, Wire,
};

/// Some flows, opened and mostly closed, with what happens in them mixed.
pub(crate) fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let flow = 1..4_u64;
    let middle = vec((flow, time(), event()), 0..40);
    let flows = vec((time(), opened(), option::of((time(), closed()))), 3);
    (flows, middle).prop_map(|(flows, middle)| {
        let entry = |(flow, at, event)| Entry { at, flow: FlowId(flow), event };
        let opened = (1..).zip(flows.clone()).map(|(flow, (at, opened, _))| (flow, at, opened));
        let closed = (1..)
            .zip(flows)
            .filter_map(|(flow, (_, _, closed))| closed.map(|(at, closed)| (flow, at, closed)));
        opened.chain(middle).chain(closed).map(entry).collect()
    })
}

fn time() -> impl Strategy<Value = SystemTime> {
    (-3_000_000_000_i64..3_000_000_000, 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| {
        let span = Duration::new(seconds.unsigned_abs(), nanos);
        if seconds < 0 { SystemTime::UNIX_EPOCH - span } else { SystemTime::UNIX_EPOCH + span }
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,12}", any::<String>()]
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..64).prop_map(Bytes::from)
}

fn addr() -> impl Strategy<Value = SocketAddr> {
    let v4 = any::<[u8; 4]>().prop_map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    let v6 = any::<[u8; 16]>().prop_map(|octets| IpAddr::V6(Ipv6Addr::from(octets)));
    (prop_oneof![v4, v6], any::<u16>(), any::<(u32, u32)>()).prop_map(
        |(ip, port, (info, scope))| match SocketAddr::new(ip, port) {
            SocketAddr::V6(mut addr) => {
                addr.set_flowinfo(info);
                addr.set_scope_id(scope);
                addr.into()
            }
            v4 => v4,
        },
    )
}

fn peer() -> impl Strategy<Value = Peer> {
    prop_oneof![Just(Peer::Client), any::<u32>().prop_map(Peer::Server)]
}

fn process() -> impl Strategy<Value = Arc<Process>> {
    let path = || option::of(text().prop_map(PathBuf::from));
    let user = || {
        option::of((any::<u32>(), option::of(text())).prop_map(|(uid, name)| User { uid, name }))
    };
    let container = (text(), option::of(text()), option::of(text()), option::of(text()))
        .prop_map(|(id, name, image, runtime)| Container { id, name, image, runtime });
    let program = (0..4_u32, option::of(time()), text(), path(), vec(text(), 0..3), path());
    let place = (path(), option::of(text()), option::of(container), option::of(any::<u64>()));
    let one = (program, user(), user(), place, option::of(text())).prop_map(
        |(program, user, effective_user, place, package)| {
            let (pid, started, name, path, args, cwd) = program;
            let (cgroup, unit, container, netns) = place;
            Process {
                pid,
                started,
                name,
                path,
                args,
                cwd,
                user,
                effective_user,
                cgroup,
                unit,
                container,
                netns,
                package,
                parent: None,
            }
        },
    );
    vec(one, 1..4).prop_map(|line| {
        let child = |parent: Option<Arc<Process>>, process: Process| {
            Some(Arc::new(Process { parent, ..process }))
        };
        line.into_iter().fold(None, child).unwrap()
    })
}

fn opened() -> impl Strategy<Value = Event> {
    let transport = prop_oneof![Just(Transport::Tcp), Just(Transport::Udp)];
    (transport, addr(), addr(), option::of(process()), text()).prop_map(
        |(transport, client, server, process, via)| {
            Event::Opened(Opened { key: FlowKey { transport, client, server }, process, via })
        },
    )
}

fn failure() -> impl Strategy<Value = Failure> {
    let dial = prop_oneof![
        Just(DialFailure::Refused),
        text().prop_map(|host| DialFailure::Unknown { host }),
        Just(DialFailure::Unreachable),
        Just(DialFailure::TimedOut),
        text().prop_map(|reason| DialFailure::Other { reason }),
        (text(), proxy_failure())
            .prop_map(|(proxy, failure)| DialFailure::Proxy { proxy, failure }),
    ];
    let awaited = prop_oneof![Just("the response"), Just("the handshake")];
    prop_oneof![
        text().prop_map(|by| Failure::Blocked { by }),
        text().prop_map(|reason| Failure::Reported { reason }),
        (peer(), option::of(any::<u64>()))
            .prop_map(|(peer, missing)| Failure::CutShort { peer, missing }),
        dial.prop_map(Failure::Dial),
        (text(), option::of(text()), option::of(any::<u32>())).prop_map(
            |(host, alert, seconds)| {
                let passed_for = seconds.map(|seconds| Duration::from_secs(seconds.into()));
                Failure::CertificateRefused { host, alert, passed_for }
            }
        ),
        (peer(), text()).prop_map(|(peer, what)| Failure::Limit { peer, what }),
        (peer(), text()).prop_map(|(peer, reason)| Failure::Malformed { peer, reason }),
        peer().prop_map(Failure::Reset),
        (peer(), any::<u32>()).prop_map(|(peer, code)| Failure::GoneAway { peer, code }),
        (peer(), any::<u32>()).prop_map(|(peer, code)| Failure::StreamReset { peer, code }),
        Just(Failure::Stopped),
        (peer(), awaited).prop_map(|(peer, what)| Failure::TimedOut { peer, what: what.into() }),
        (peer(), text()).prop_map(|(peer, reason)| Failure::Tls { peer, reason }),
        Just(Failure::Unauthorized),
        Just(Failure::Unanswered),
        text().prop_map(|what| Failure::Unsupported { what }),
        text().prop_map(|reason| Failure::Internal { reason }),
    ]
}

fn proxy_failure() -> impl Strategy<Value = ProxyFailure> {
    prop_oneof![
        text().prop_map(|reason| ProxyFailure::Broken { reason }),
        Just(ProxyFailure::NoDatagrams),
        text().prop_map(|reason| ProxyFailure::Refused { reason }),
        Just(ProxyFailure::TimedOut),
        text().prop_map(|reason| ProxyFailure::Tls { reason }),
        Just(ProxyFailure::Unauthorized),
        text().prop_map(|reason| ProxyFailure::Unreached { reason }),
    ]
}

pub(crate) fn closed() -> impl Strategy<Value = Event> {
    (any::<u64>(), any::<u64>(), option::of(failure()))
        .prop_map(|(received, sent, failure)| Event::Closed(Closed { received, sent, failure }))
}

fn fields() -> impl Strategy<Value = Fields> {
    vec((bytes(), bytes()), 0..4)
        .prop_map(|fields| fields.into_iter().map(|(name, value)| Field { name, value }).collect())
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![
        Just(Version::Http10),
        Just(Version::Http11),
        Just(Version::Http2),
        Just(Version::Http3),
    ]
}

fn tls() -> impl Strategy<Value = Tls> {
    let version = prop_oneof![Just(TlsVersion::Tls12), Just(TlsVersion::Tls13)];
    let texts = (text(), option::of(text()), option::of(text()), option::of(text()));
    let certificate = option::of(prop_oneof![
        Just(ClientCertificate::Absent),
        (text(), text()).prop_map(|(subject, sha256)| ClientCertificate::Given { subject, sha256 }),
    ]);
    let shown = vec(certificates(), 0..3);
    let more = (option::of(text()), any::<bool>(), certificate, option::of(differences()), shown);
    (peer(), version, texts, more).prop_map(|(peer, version, (cipher, sni, alpn, ja4), more)| {
        let (group, resumed, client_certificate, differences, certificates) = more;
        Tls {
            peer,
            version,
            cipher,
            group,
            resumed,
            sni,
            alpn,
            ja4,
            certificates,
            client_certificate,
            differences,
        }
    })
}

/// Certificates of which each comes often, as nobody makes two with one hash.
pub(crate) fn certificates() -> impl Strategy<Value = Arc<Certificate>> {
    (0..8_u64).prop_map(|number| Arc::new(certificate(number)))
}

pub(crate) fn certificate(number: u64) -> Certificate {
    let der = [&number.to_be_bytes()[..], b"a certificate"].concat();
    let at = |days| (number > 0).then(|| UNIX_EPOCH + Duration::from_secs(days * 86_400));
    Certificate {
        sha256: Sha256::digest(&der).into(),
        der: der.into(),
        subject: format!("CN=server {number}"),
        issuer: "CN=issuer".into(),
        serial: format!("{number:02x}"),
        names: (0..number).map(|name| format!("{name}.test")).collect(),
        not_before: at(number),
        not_after: at(number + 90),
    }
}

fn differences() -> impl Strategy<Value = Vec<HelloDifference>> {
    let part = proptest::sample::select(HelloPart::ALL.to_vec());
    let lists = (vec(text(), 0..3), vec(text(), 0..3));
    let difference = (part, lists, any::<bool>()).prop_map(|(part, lists, reordered)| {
        let (withheld, added) = lists;
        HelloDifference { part, withheld, added, reordered }
    });
    vec(difference, 0..3)
}

fn dns() -> impl Strategy<Value = DnsMessage> {
    let question =
        (text(), text(), text()).prop_map(|(name, kind, class)| DnsQuestion { name, kind, class });
    let records = || {
        let record = (text(), text(), text(), any::<u32>(), text())
            .prop_map(|(name, kind, class, ttl, data)| DnsRecord { name, kind, class, ttl, data });
        vec(record, 0..3)
    };
    let edns = any::<(u8, u16, bool)>().prop_map(|(version, payload_bytes, dnssec_ok)| Edns {
        version,
        payload_bytes,
        dnssec_ok,
    });
    let sections = (vec(question, 0..2), records(), records(), records(), option::of(edns));
    let numbers = any::<(u16, u8, u16)>();
    (numbers, any::<[bool; 7]>(), sections).prop_map(|(numbers, flags, sections)| {
        let (id, opcode, rcode) = numbers;
        let (questions, answers, authorities, additionals, edns) = sections;
        DnsMessage {
            id,
            response: flags[0],
            opcode,
            rcode,
            authoritative: flags[1],
            truncated: flags[2],
            recursion_desired: flags[3],
            recursion_available: flags[4],
            authentic_data: flags[5],
            checking_disabled: flags[6],
            questions,
            answers,
            authorities,
            additionals,
            edns,
        }
    })
}

fn alteration() -> impl Strategy<Value = Alteration> {
    prop_oneof![
        vec(text(), 0..3).prop_map(Alteration::AlpnWithheld),
        vec(text(), 0..3).prop_map(Alteration::FieldsRemoved),
        Just(Alteration::TlsTerminated),
        (bytes(), bytes()).prop_map(|(from, to)| Alteration::TargetForm { from, to }),
        text().prop_map(|proxy| Alteration::Proxied { proxy }),
        (text(), option::of(bytes()), bytes()).prop_map(|(name, from, to)| Alteration::FieldSet {
            name,
            from,
            to
        }),
        (version(), version()).prop_map(|(from, to)| Alteration::Translated { from, to }),
        any::<u64>().prop_map(|with| Alteration::ConnectionShared { with: FlowId(with) }),
        Just(Alteration::Continued),
        Just(Alteration::FramesRemade),
        Just(Alteration::HooksBypassed),
        (text(), change())
            .prop_map(|(by, change)| Alteration::Edited(Box::new(Edit { by, change }))),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let body =
        || (any::<u64>(), bytes()).prop_map(|(bytes, beginning)| SentBody { bytes, beginning });
    let head = || {
        (version(), any::<u16>(), bytes(), fields()).prop_map(
            |(version, status, reason, fields)| ResponseHead { version, status, reason, fields },
        )
    };
    let request =
        (bytes(), bytes(), version(), fields()).prop_map(|(method, target, version, fields)| {
            RequestHead { method, target, version, fields }
        });
    prop_oneof![
        (head(), body()).prop_map(|(head, body)| Change::Answered { head, body }),
        Just(Change::Killed),
        (text(), any::<u16>()).prop_map(|(host, port)| Change::Redirected { host, port }),
        (text(), request, option::of(body())).prop_map(|(url, head, body)| Change::Request {
            url,
            head,
            body
        }),
        (head(), option::of(body())).prop_map(|(head, body)| Change::Response { head, body }),
        (part(), any::<u64>())
            .prop_map(|(part, limit_bytes)| Change::TooLong { part, limit_bytes }),
    ]
}

fn exchange() -> impl Strategy<Value = ExchangeId> {
    (1..6_u64).prop_map(ExchangeId)
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![Just(Part::Request), Just(Part::Response)]
}

fn http() -> impl Strategy<Value = Event> {
    let request = (exchange(), text(), bytes(), bytes(), version(), fields()).prop_map(
        |(exchange, url, method, target, version, fields)| {
            let head = RequestHead { method, target, version, fields };
            Event::Request { exchange, url, head }
        },
    );
    let response = (exchange(), version(), any::<u16>(), bytes(), fields()).prop_map(
        |(exchange, version, status, reason, fields)| {
            let head = ResponseHead { version, status, reason, fields };
            Event::Response { exchange, head }
        },
    );
    prop_oneof![
        request,
        response,
        (exchange(), part(), bytes()).prop_map(|(exchange, part, data)| Event::Body {
            exchange,
            part,
            data
        }),
        (exchange(), part(), fields()).prop_map(|(exchange, part, fields)| Event::Trailers {
            exchange,
            part,
            fields
        }),
        (exchange(), part()).prop_map(|(exchange, part)| Event::PartEnded { exchange, part }),
        (exchange(), option::of(failure()))
            .prop_map(|(exchange, failure)| Event::ExchangeEnded { exchange, failure }),
    ]
}

fn websocket() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![
        Just(WebSocketKind::Binary),
        option::of(any::<u16>()).prop_map(|code| WebSocketKind::Close { code }),
        Just(WebSocketKind::Ping),
        Just(WebSocketKind::Pong),
        prop_oneof![Just(0), 3..8_u8, 11..16_u8]
            .prop_map(|opcode| WebSocketKind::Reserved { opcode }),
        Just(WebSocketKind::Text),
    ];
    let ids = (exchange(), any::<u64>().prop_map(MessageId), peer());
    let counts = (0..1_u64 << 40, any::<u32>());
    let marks = (any::<[bool; 4]>(), option::of(message_edit()));
    (ids, kind, bytes(), counts, marks).prop_map(|(ids, kind, data, counts, (marks, edit))| {
        let ((exchange, message, from), (dropped, fragments)) = (ids, counts);
        let [compressed, encoded, ended, injected] = marks;
        Event::WebSocket(Box::new(WebSocketMessage {
            exchange,
            message,
            from,
            kind,
            data,
            dropped,
            fragments,
            compressed,
            encoded,
            ended,
            injected,
            edit: edit.map(Box::new),
        }))
    })
}

fn wire() -> impl Strategy<Value = Event> {
    let of = (peer(), any::<bool>(), bytes()).prop_map(|(peer, sent, data)| {
        let mut wire = Wire::of(peer, sent, data);
        if wire.data.is_empty() {
            wire = Wire::end(peer, sent);
        }
        Event::Wire(Box::new(wire))
    });
    let secrets = (peer(), text()).prop_map(|(peer, lines)| {
        Event::Secrets(Box::new(Secrets { peer, lines: Redacted(lines) }))
    });
    let dropped =
        (peer(), any::<bool>(), 1..u64::from(u32::MAX)).prop_map(|(peer, sent, bytes)| {
            Event::Wire(Box::new(Wire { dropped: bytes, ..Wire::of(peer, sent, Bytes::new()) }))
        });
    prop_oneof![4 => of, 1 => secrets, 1 => dropped]
}

fn message_edit() -> impl Strategy<Value = MessageEdit> {
    let change = prop_oneof![
        Just(MessageChange::Dropped),
        Just(MessageChange::Replaced),
        any::<u64>().prop_map(|limit_bytes| MessageChange::TooLong { limit_bytes }),
    ];
    let of = any::<u64>().prop_map(MessageId);
    (of, text(), change).prop_map(|(of, by, change)| MessageEdit { of, by, change })
}

fn annotation() -> impl Strategy<Value = Annotation> {
    let replay = (any::<bool>(), any::<bool>(), option::of(exchange()));
    prop_oneof![
        text().prop_map(Annotation::Comment),
        text().prop_map(Annotation::Marker),
        (text(), option::of(text())).prop_map(|(key, value)| Annotation::Metadata { key, value }),
        replay.prop_map(|(request, response, of)| {
            Annotation::Replay(Replay { request, response, of })
        }),
    ]
}

fn advised() -> impl Strategy<Value = Advised> {
    let advice = prop_oneof![
        (option::of(bytes()), bytes())
            .prop_map(|(origin, value)| Advice::Alternative { origin, value }),
        vec(bytes(), 0..3).prop_map(Advice::Origins),
        (any::<u32>(), bytes()).prop_map(|(stream, value)| Advice::Priority { stream, value }),
    ];
    (peer(), advice).prop_map(|(from, advice)| Advised { from, advice })
}

fn passed() -> impl Strategy<Value = Passed> {
    let why = prop_oneof![
        (text(), time()).prop_map(|(host, until)| PassReason::Refused { host, until }),
        text().prop_map(|by| PassReason::Hook { by }),
        option::of(text()).prop_map(|host| PassReason::Hosts { host }),
        option::of(text()).prop_map(|host| PassReason::Spec { host }),
        text().prop_map(|what| PassReason::Unsupported { what }),
        Just(PassReason::Untrusted),
    ];
    let offered = (option::of(text()), vec(text(), 0..3), text())
        .prop_map(|(sni, alpn, ja4)| Offered { sni, alpn, ja4 });
    (why, option::of(offered)).prop_map(|(why, offered)| Passed { why, offered })
}

fn event() -> impl Strategy<Value = Event> {
    let protocol = prop_oneof![
        Just(Protocol::Dns),
        Just(Protocol::Dtls),
        Just(Protocol::Ftp),
        Just(Protocol::Http1),
        Just(Protocol::Http2),
        Just(Protocol::Imap),
        Just(Protocol::Pop3),
        Just(Protocol::Quic),
        Just(Protocol::Raw),
        Just(Protocol::Smtp),
        Just(Protocol::Ssh),
        Just(Protocol::Tls),
        Just(Protocol::WebSocket),
    ];
    let point = || prop_oneof![Just(Point::Request), Just(Point::Response)];
    prop_oneof![
        6 => http(),
        2 => websocket(),
        1 => (any::<u32>(), addr()).prop_map(|(server, addr)| Event::Connected { server, addr }),
        1 => protocol.prop_map(Event::Recognized),
        1 => text().prop_map(|host| Event::Named { host }),
        1 => passed().prop_map(|passed| Event::Passed(Box::new(passed))),
        1 => tls().prop_map(|tls| Event::Secured(Box::new(tls))),
        2 => (exchange(), dns()).prop_map(|(exchange, message)| Event::Dns { exchange, message }),
        2 => (any::<u64>().prop_map(MessageId), peer(), bytes())
            .prop_map(|(message, from, data)| Event::Data { message, from, data }),
        2 => wire(),
        1 => (any::<u64>().prop_map(MessageId), peer(), 1..u64::from(u32::MAX))
            .prop_map(|(message, from, bytes)| Event::DataDropped { message, from, bytes }),
        1 => (option::of(exchange()), peer(), text())
            .prop_map(|(exchange, from, what)| Event::Defect { exchange, from, what }),
        1 => (option::of(exchange()), annotation()).prop_map(|(exchange, annotation)| {
            Event::Annotated { exchange, annotation: Box::new(annotation) }
        }),
        1 => (option::of(exchange()), advised()).prop_map(|(exchange, advised)| {
            Event::Advised { exchange, advised: Box::new(advised) }
        }),
        1 => (option::of(exchange()), alteration())
            .prop_map(|(exchange, alteration)| Event::Altered { exchange, alteration }),
        1 => (exchange(), point()).prop_map(|(exchange, point)| Event::Held { exchange, point }),
        1 => (exchange(), point())
            .prop_map(|(exchange, point)| Event::Resumed { exchange, point }),
    ]
}
