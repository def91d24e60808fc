//! Dumps, written and read.

use std::time::{Duration, SystemTime};

use proptest::collection::vec;
use proptest::prelude::*;
use sidestream_dump::{
    Connection, Content, Dns, DnsMessage, DnsQuestion, DnsRecord, Endpoint, Failure, Flow, Http,
    Message, Reader, Replayed, Request, Response, Socket, SocketMessage, Value, write,
};

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-1e9..1e9_f64).prop_map(Value::Float),
        vec(any::<u8>(), 0..9).prop_map(Value::Bytes),
        ".{0,9}".prop_map(Value::Text),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::List),
            vec((inner.clone(), inner), 0..4).prop_map(Value::Map),
        ]
    })
}

fn time() -> impl Strategy<Value = SystemTime> {
    (0..4_000_000_000_000_000_u64)
        .prop_map(|micros| SystemTime::UNIX_EPOCH + Duration::from_micros(micros))
}

fn fields() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    vec((vec(any::<u8>(), 1..5), vec(any::<u8>(), 0..5)), 0..3)
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    ("[a-z.]{1,9}", any::<u16>()).prop_map(|(host, port)| Endpoint { host, port })
}

prop_compose! {
    fn connection(is_client: bool)(
        id in "[0-9a-f-]{8}", peer in endpoint(), local in endpoint(),
        address in proptest::option::of(endpoint()), is_udp in any::<bool>(), is_tls in any::<bool>(),
        sni in proptest::option::of("[a-z]{1,5}"), alpn in proptest::option::of(vec(any::<u8>(), 1..4)),
        started in time(), ended in proptest::option::of(time()),
        certificates in vec(vec(any::<u8>(), 1..200), 0..3),
    ) -> Connection {
        let address = address.filter(|_| !is_client);
        let (cipher, tls_version) = (Some("x".into()), Some("TLSv1.3".into()));
        Connection {
            id, address, is_udp, is_tls, sni, alpn, cipher, tls_version, ended, certificates,
            peer: Some(peer), local: Some(local), started: Some(started),
        }
    }
}

prop_compose! {
    fn http()(
        method in vec(any::<u8>(), 1..5), host in ".{1,5}", port in any::<u16>(),
        path in vec(any::<u8>(), 1..9), fields in fields(), trailers in proptest::option::of(fields()),
        content in proptest::option::of(vec(any::<u8>(), 0..30)), started in time(),
        ended in proptest::option::of(time()), status in proptest::option::of(any::<u16>()),
        messages in proptest::option::of(vec(
            (0..16_u8, any::<bool>(), vec(any::<u8>(), 0..9), time(), any::<bool>(), any::<bool>()), 0..3,
        )),
    ) -> Http {
        let version = b"HTTP/1.1".to_vec();
        let response = status.map(|status| Response {
            status, reason: b"odd \xff".to_vec(), version: version.clone(), fields: fields.clone(),
            content: content.clone(), trailers: None, started, ended,
        });
        let message = |(opcode, from_client, data, at, dropped, injected)| SocketMessage {
            opcode, from_client, data, at, dropped, injected,
        };
        let socket = messages.map(|messages| Socket {
            messages: messages.into_iter().map(message).collect(),
            closed_by_client: Some(true), close_code: Some(1000), close_reason: None, ended,
        });
        let (scheme, authority) = (b"https".to_vec(), Vec::new());
        let request = Request {
            method, scheme, host, port, authority, path, version, fields, content, trailers, started, ended,
        };
        Http { request, response, socket }
    }
}

fn dns() -> impl Strategy<Value = Dns> {
    let record = ("[a-z.]{1,9}", any::<u16>(), any::<u16>(), any::<u32>(), vec(any::<u8>(), 0..9));
    let record = record.prop_map(|(name, kind, class, ttl, data)| DnsRecord {
        name,
        kind,
        class,
        ttl,
        data,
    });
    (time(), any::<u16>(), any::<[bool; 4]>(), vec(record, 0..3), any::<bool>()).prop_map(
        |(at, id, flags, answers, answered)| {
            let questions = vec![DnsQuestion { name: "a.test".into(), kind: 1, class: 1 }];
            let query = DnsMessage {
                at,
                id,
                is_query: true,
                opcode: 0,
                flags,
                reserved: 2,
                rcode: 0,
                questions,
                sections: Default::default(),
            };
            let sections = [answers.clone(), Vec::new(), answers];
            let answer = DnsMessage { is_query: false, rcode: 3, sections, ..query.clone() };
            Dns { query, answer: answered.then_some(answer) }
        },
    )
}

fn contents() -> impl Strategy<Value = Content> {
    let message = || {
        let parts = (any::<bool>(), vec(any::<u8>(), 0..9), time());
        parts.prop_map(|(from_client, data, at)| Message { from_client, data, at })
    };
    prop_oneof![
        http().prop_map(|http| Content::Http(Box::new(http))),
        dns().prop_map(|dns| Content::Dns(Box::new(dns))),
        vec(message(), 0..3).prop_map(Content::Tcp),
        vec(message(), 0..3).prop_map(Content::Udp),
    ]
}

prop_compose! {
    fn flows()(
        id in "[0-9a-f-]{8}", created in time(), client in connection(true),
        server in connection(false), error in proptest::option::of((".{0,9}", time())),
        comment in ".{0,9}", marker in prop_oneof![Just(""), Just(":default:")],
        metadata in vec((".{0,5}", ".{0,5}"), 0..3),
        replay in proptest::sample::select(vec![None, Some(Replayed::Request), Some(Replayed::Response)]),
        content in contents(),
    ) -> Flow {
        let failure = error.map(|(message, at)| Failure { message, at });
        let marker = marker.to_owned();
        Flow { id, created, client, server, failure, comment, marker, metadata, replay, content }
    }
}

fn errors(dump: &[u8]) -> Vec<String> {
    let chain = |error: sidestream_dump::ReadError| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        error.to_string() + &cause.unwrap_or_default()
    };
    let told = |it: Result<Flow, _>| it.map_or_else(chain, |flow| flow.id);
    Reader::new(dump).map(told).collect()
}

fn map(pairs: &[(&str, Value)]) -> Value {
    let key = |name: &str| Value::Bytes(name.as_bytes().to_vec());
    Value::Map(pairs.iter().map(|(name, value)| (key(name), value.clone())).collect())
}

fn bytes(text: &str) -> Value {
    Value::Bytes(text.as_bytes().to_vec())
}

fn address(host: &str) -> Value {
    Value::List(vec![bytes(host), Value::Int(80)])
}

/// In lines that are cut, behind what some tools write there, and one that is broken.
const PEM: &str = "subject=a\n-----BEGIN CERTIFICATE-----\r\nbm8gY2Vyd\r\nGlmaWNhdGU=\r\n\
    -----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----";

/// A flow as mitmproxy 0.13 wrote it, in Python 2, where all text was bytes.
fn old() -> Value {
    let inner = |host| map(&[("address", address(host)), ("use_ipv6", Value::Bool(false))]);
    let connection = map(&[
        ("address", inner("192.0.2.1")),
        ("source_address", inner("10.0.0.2")),
        ("ssl_established", Value::Bool(true)),
        ("timestamp_start", Value::Float(1000.5)),
        ("sni", Value::Bool(true)),
        ("cert", bytes(PEM)),
    ]);
    let head = |rest: &[(&str, Value)]| {
        let mut all = vec![
            ("httpversion", Value::List(vec![Value::Int(1), Value::Int(0)])),
            ("headers", Value::List(vec![Value::List(vec![bytes("A"), bytes("b")])])),
            ("content", bytes("body")),
            ("timestamp_start", Value::Int(1001)),
            ("timestamp_end", Value::Null),
        ];
        all.extend_from_slice(rest);
        map(&all)
    };
    map(&[
        ("version", Value::List(vec![Value::Int(0), Value::Int(13)])),
        ("id", bytes("old")),
        ("error", Value::Null),
        ("client_conn", connection.clone()),
        ("server_conn", connection),
        (
            "request",
            head(&[("method", bytes("GET")), ("host", bytes("a.test")), ("path", bytes("/"))]),
        ),
        ("response", head(&[("code", Value::Int(200)), ("msg", bytes("OK"))])),
    ])
}

fn dumped(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    value.write(&mut out);
    out
}

#[test]
fn members_are_found_under_the_names_that_they_had() {
    let flow = Reader::new(&dumped(&old())[..]).next().unwrap().unwrap();
    assert_eq!(flow.client.peer, Some(Endpoint { host: "192.0.2.1".into(), port: 80 }));
    assert_eq!(flow.server.local, Some(Endpoint { host: "10.0.0.2".into(), port: 80 }));
    assert_eq!(flow.server.sni.as_deref(), Some("192.0.2.1"));
    assert!(flow.server.is_tls);
    assert_eq!(flow.server.certificates, [b"no certificate"]);
    let Content::Http(http) = flow.content else { panic!() };
    assert_eq!((&*http.request.host, &http.request.version[..]), ("a.test", &b"HTTP/1.0"[..]));
    assert_eq!(http.request.fields, [(b"A".to_vec(), b"b".to_vec())]);
    let response = http.response.unwrap();
    assert_eq!((response.status, response.content.as_deref()), (200, Some(&b"body"[..])));
    assert_eq!(response.reason, b"OK");
}

#[test]
fn web_sockets_that_were_flows_of_their_own_are_read() {
    let Value::Map(mut pairs) = old() else { panic!() };
    let message =
        Value::List(vec![Value::Int(1), Value::Bool(true), bytes("hi"), Value::Int(1002)]);
    pairs.retain(
        |(key, _)| !matches!(key, Value::Bytes(key) if key == b"request" || key == b"version"),
    );
    pairs.push((bytes("type"), bytes("websocket")));
    pairs.push((bytes("version"), Value::Int(11)));
    pairs.push((bytes("messages"), Value::List(vec![message])));
    pairs.push((bytes("close_sender"), bytes("client")));
    let flow = Reader::new(&dumped(&Value::Map(pairs))[..]).next().unwrap().unwrap();
    let Content::Http(http) = flow.content else { panic!() };
    let socket = http.socket.unwrap();
    assert_eq!(
        (socket.messages[0].data.as_slice(), socket.closed_by_client),
        (&b"hi"[..], Some(true))
    );
    assert_eq!((&*http.request.host, &http.request.scheme[..]), ("192.0.2.1", &b"https"[..]));
}

#[test]
fn a_broken_flow_is_told_and_the_others_are_read() {
    let with = |name: &str, value: Value| {
        let Value::Map(mut pairs) = old() else { panic!() };
        pairs.retain(|(key, _)| *key != bytes(name));
        if value != Value::Null {
            pairs.push((bytes(name), value));
        }
        dumped(&Value::Map(pairs))
    };
    let deep = (0..80).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    let dump = [
        with("version", Value::Int(22)),
        with("version", Value::List(vec![Value::Int(0), Value::Int(10)])),
        with("type", bytes("carrier pigeon")),
        with("request", Value::Null),
        with("server_conn", Value::Null),
        b"4:1:x#]".to_vec(),
        b"4:1:x?]".to_vec(),
        b"3:9:x]".to_vec(),
        dumped(&deep),
        dumped(&old()),
    ];
    let told = errors(&dump.concat());
    assert_eq!(
        told,
        [
            "flow 0 is of version 22, and 0.11 to 21 are read",
            "flow 1 is of version 0.10, and 0.11 to 21 are read",
            "flow 2 is of the kind \"carrier pigeon\", which is not known",
            "flow 3: request is missing, or not of its type",
            "flow 4: server_conn is missing, or not of its type",
            "flow 5 is broken: a whole number is none, at byte 4",
            "flow 6 is broken: there is no type '?', at byte 5",
            "flow 7 is broken: a length is missing, or leads beyond the end, at byte 2",
            "flow 8 is broken: it is nested deeper than 64 levels, at byte 250",
            "old",
        ]
    );
}

#[test]
fn what_is_no_dump_or_is_cut_off_is_told() {
    assert_eq!(errors(b"{}"), ["no flow begins at byte 0"]);
    assert_eq!(errors(b"9999999999999:"), ["no flow begins at byte 0"]);
    assert!(errors(b"").is_empty());
    let whole = dumped(&old());
    for end in 1..whole.len() {
        assert_eq!(errors(&whole[..end]), ["the dump ends too early, within flow 0"], "{end}");
    }
    assert_eq!(errors(b"999999999999:x"), ["the dump ends too early, within flow 0"]);
    let mut reader = Reader::new(&whole[..]).with_flow_bytes(10);
    assert!(reader.next().unwrap().unwrap_err().to_string().contains("more than the 10"));
    assert!(reader.next().is_none());
}

#[test]
fn hostile_dumps_are_bounded() {
    // Lists in lists.
    let mut deep = b"0:]".to_vec();
    for _ in 0..5000 {
        deep = [format!("{}:", deep.len()).as_bytes(), &deep, b"]"].concat();
    }
    let told = errors(&[&deep[..], &dumped(&old())].concat());
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("nested deeper than 64 levels"), "{told:?}");
    assert_eq!(told[1], "old");

    // Lengths within that lead beyond what holds them, numbers that are none, text that is none.
    for inner in ["99:x,", "1:", "3:1e9#", "30:999999999999999999999999999999#", "2:--#", "1:x^"] {
        let told = errors(format!("{}:{inner}]", inner.len()).as_bytes());
        assert_eq!(told.len(), 1, "{inner}: {told:?}");
        assert!(told[0].starts_with("flow 0 is broken: "), "{inner}: {told:?}");
    }

    // Times that no clock shows.
    for time in [f64::NAN, f64::INFINITY, 1e308, -1e308, -1e18, f64::MIN_POSITIVE] {
        let mut flow = old();
        let Value::Map(members) = &mut flow else { panic!("a flow is a map") };
        for (_, member) in members {
            let Value::Map(members) = member else { continue };
            for (name, value) in members {
                if matches!(name, Value::Bytes(name) if name.starts_with(b"timestamp")) {
                    *value = Value::Float(time);
                }
            }
        }
        let told = errors(&[dumped(&flow), dumped(&old())].concat());
        assert_eq!(told.len(), 2, "{time}: {told:?}");
        assert!(told[0] == "old" || told[0].starts_with("flow 0"), "{time}: {told:?}");
        assert_eq!(told[1], "old", "{time}");
    }
}

proptest! {
    #[test]
    fn a_value_comes_back_as_it_was(value in values()) {
        prop_assert_eq!(Value::parse(&dumped(&value)).unwrap(), value);
    }

    #[test]
    fn flows_come_back_as_they_were(flows in vec(flows(), 0..4)) {
        let dump: Vec<u8> = flows.iter().flat_map(write).collect();
        let read: Vec<_> = Reader::new(&dump[..]).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read, flows);
    }

    #[test]
    fn nothing_makes_it_panic(noise in vec(any::<u8>(), 0..60), at in any::<usize>()) {
        _ = Value::parse(&noise);
        let mut dump = dumped(&old());
        let at = at % dump.len();
        dump.splice(at..at, noise);
        _ = errors(&dump);
    }
}

#[test]
fn notes_are_read_as_each_version_wrote_them() {
    let with = |members: &[(&str, Value)], in_request: &[(&str, Value)]| {
        let Value::Map(mut pairs) = old() else { panic!() };
        for (name, value) in members {
            pairs.retain(|(key, _)| key != &bytes(name));
            pairs.push((bytes(name), value.clone()));
        }
        for (_, value) in pairs.iter_mut().filter(|(key, _)| *key == bytes("request")) {
            let Value::Map(request) = value else { panic!() };
            request.extend(in_request.iter().map(|(name, value)| (bytes(name), value.clone())));
        }
        Reader::new(&dumped(&Value::Map(pairs))[..]).next().unwrap().unwrap()
    };
    let flow = with(&[], &[]);
    assert_eq!((&*flow.marker, &flow.metadata[..], flow.replay), ("", &[][..], None));
    // Versions 4 to 8: yes or no, and of each message by itself.
    let members = [("version", Value::Int(8)), ("marked", Value::Bool(true))];
    let flow = with(&members, &[("is_replay", Value::Bool(true))]);
    assert_eq!((&*flow.marker, flow.replay), (":default:", Some(Replayed::Request)));
    let flow = with(&[("marked", Value::Bool(false)), ("is_replay", bytes("response"))], &[]);
    assert_eq!((&*flow.marker, flow.replay), ("", Some(Replayed::Response)));
    // Values that are no text.
    let text = |text: &str| Value::Text(text.into());
    let list = Value::List(vec![Value::Int(1), Value::Float(0.5), Value::Null, text("a\"\n")]);
    let metadata = Value::Map(vec![
        (text("list"), list),
        (text("map"), map(&[("k", Value::Bool(true))])),
        (text("text"), text("plain")),
    ]);
    let flow = with(&[("metadata", metadata)], &[]);
    let shown: Vec<_> = flow.metadata.iter().map(|(key, value)| format!("{key} {value}")).collect();
    assert_eq!(shown, [r#"list [1,0.5,null,"a\"\u000a"]"#, r#"map {"k":true}"#, "text plain"]);
}
