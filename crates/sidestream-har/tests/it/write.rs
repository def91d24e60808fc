//! What is written.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use insta::assert_snapshot;
use sidestream_flow::{ExchangeId, FlowId, FlowKey, MessageId, Peer, Process, Transport};
use sidestream_har::{Creator, Entry, Recorded, Writer, entry};
use sidestream_record::{
    Book, Closed, Event, Failure, Fields, Finished, Opened, Part, RequestHead, ResponseHead,
    Version, WebSocketKind, WebSocketMessage,
};

fn start() -> SystemTime {
    // 2026-01-02 03:04:05 UTC.
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)
}

fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in lines {
        fields.push(name.as_bytes().to_vec(), value.as_bytes().to_vec());
    }
    fields
}

/// Adds events up, ten milliseconds apart.
fn finished(events: Vec<Event>) -> Vec<Finished> {
    let flow = FlowId(7);
    let key = FlowKey {
        transport: Transport::Tcp,
        client: "10.0.0.2:40000".parse().unwrap(),
        server: "192.0.2.1:443".parse().unwrap(),
    };
    let path = Some("/usr/bin/curl".into());
    let process = Process { pid: 42, name: "curl".into(), path, ..Process::default() };
    let opened = Opened { key, process: Some(Arc::new(process)), via: "run".into() };
    let addr = "192.0.2.1:443".parse().unwrap();
    let events =
        [Event::Opened(opened), Event::Connected { server: 0, addr }].into_iter().chain(events);
    let mut book = Book::default();
    let mut at = start();
    let mut out = Vec::new();
    for event in events {
        out.extend(book.apply(&sidestream_record::Entry { at, flow, event }));
        at += Duration::from_millis(10);
    }
    out
}

fn exchange(
    request: RequestHead,
    response: Option<ResponseHead>,
    failure: Option<Failure>,
) -> Vec<Event> {
    let exchange = ExchangeId(3);
    let url = format!("https://example.test{}", String::from_utf8_lossy(&request.target));
    let body = |part, data: &'static [u8]| Event::Body { exchange, part, data: data.into() };
    let mut events = vec![
        Event::Request { exchange, url, head: request },
        body(Part::Request, b"a=1&b=x%20y"),
        Event::PartEnded { exchange, part: Part::Request },
    ];
    if let Some(head) = response {
        events.push(Event::Response { exchange, head });
        events.push(body(Part::Response, b"coded"));
        events.push(Event::PartEnded { exchange, part: Part::Response });
    }
    events.push(Event::ExchangeEnded { exchange, failure });
    events.push(Event::Closed(Closed::default()));
    events
}

fn request() -> RequestHead {
    RequestHead {
        method: "POST".into(),
        target: "/form?q=caf%C3%A9&q=2&bare".into(),
        version: Version::Http11,
        fields: fields(&[
            ("Host", "example.test"),
            ("Cookie", "a=1; b=two"),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ]),
    }
}

fn pretty(entry: &Entry) -> String {
    let creator = Creator { name: "Sidestream", version: "0.0.0" };
    let mut writer = Writer::new(Vec::new(), creator).unwrap();
    writer.write(entry).unwrap();
    let archive = writer.finish().unwrap();
    let value: serde_json::Value = serde_json::from_slice(&archive).unwrap();
    serde_json::to_string_pretty(&value["log"]).unwrap()
}

#[track_caller]
fn of(
    finished: &[Finished],
    content: [&[u8]; 2],
    messages: &[(SystemTime, WebSocketMessage)],
) -> Entry {
    let Some(Finished::Exchange(flow, exchange)) = finished.first() else { panic!("{finished:?}") };
    let bodies = content.map(|content| Recorded { content: content.to_vec(), comment: None });
    entry(flow, exchange, exchange.failure.as_ref(), bodies, messages).unwrap()
}

#[test]
fn an_exchange_is_written_whole() {
    let response = ResponseHead {
        version: Version::Http11,
        status: 302,
        reason: "Found".into(),
        fields: fields(&[
            ("Location", "/next"),
            ("Content-Type", "image/png"),
            (
                "Set-Cookie",
                "id=7; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly; SameSite=Lax",
            ),
        ]),
    };
    let finished = finished(exchange(request(), Some(response), None));
    let entry = of(&finished, [b"a=1&b=x%20y", b"\x89PNG longer than it was sent"], &[]);
    assert_snapshot!(pretty(&entry));
}

#[test]
fn a_failure_has_the_response_that_an_archive_must_have_and_says_why() {
    let failure = Some(Failure::Reset(Peer::Server(0)));
    let finished = finished(exchange(request(), None, failure));
    let entry = of(&finished, [b"\xff\x00", b""], &[]);
    assert_snapshot!(pretty(&entry));
}

#[test]
fn messages_of_a_web_socket_stand_with_the_exchange_that_opened_it() {
    let request = RequestHead {
        method: "GET".into(),
        target: "/chat".into(),
        version: Version::Http11,
        fields: fields(&[("Upgrade", "websocket")]),
    };
    let response = ResponseHead {
        version: Version::Http11,
        status: 101,
        reason: "Switching Protocols".into(),
        fields: fields(&[]),
    };
    let finished = finished(exchange(request, Some(response), None));
    let message = |from, kind, data: &'static [u8], dropped| {
        let at = start() + Duration::from_millis(1500);
        let (exchange, message) = (ExchangeId(3), MessageId(1));
        (
            at,
            WebSocketMessage {
                exchange,
                message,
                from,
                kind,
                data: data.into(),
                dropped,
                fragments: 1,
                compressed: false,
                encoded: false,
                ended: true,
                injected: false,
                edit: None,
            },
        )
    };
    let messages = [
        message(Peer::Client, WebSocketKind::Text, "ünïcödé".as_bytes(), 0),
        message(Peer::Server(0), WebSocketKind::Binary, b"plain", 7),
        message(Peer::Server(0), WebSocketKind::Close { code: Some(1000) }, b"bye", 0),
    ];
    let entry = of(&finished, [b"", b""], &messages);
    let text = pretty(&entry);
    let from = text.find("\"_webSocketMessages\"").unwrap();
    let remarks = entry.remarks.unwrap();
    assert_snapshot!(format!("{remarks}\n{}", &text[from..]));
}

#[test]
fn an_archive_without_entries_is_whole() {
    let writer = Writer::new(Vec::new(), Creator { name: "a\"b", version: "1" }).unwrap();
    let archive = writer.finish().unwrap();
    assert_snapshot!(String::from_utf8(archive).unwrap(), @r#"
    {"log":{"version":"1.2","creator":{"name":"a\"b","version":"1"},"entries":[
    ]}}
    "#);
}
