//! Over HTTP/2.

use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use sidestream_flow::{Peer, Transport};
use sidestream_proto::endpoint::{Endpoint, Event, Limits};
use sidestream_proto::hooks::{self, Verdict, Want};
use sidestream_proto::http2::ErrorCode;
use sidestream_proto::{Config, Input};
use sidestream_record::Fields;

use super::{HEADS, REQUESTS, RESPONSES, Wants, fields, response, with_field};
use crate::play::{Ca, Play, config};

/// A client and a server, with a machine between them that hooks see.
struct Stage {
    play: Play,
    client: Endpoint,
    server: Endpoint,
    now: Instant,
    at_client: Vec<Event>,
    at_server: Vec<Event>,
}

impl Stage {
    fn new(wants: Wants) -> Self {
        let hook_limits = hooks::Limits { body_bytes: 300_000, connection_bytes: 2_000_000 };
        let config = Config { hooks: Some(Arc::new(wants)), hook_limits, ..config(&Ca::new()) };
        let mut play = Play::with(config, Transport::Tcp, 80, false);
        play.open();
        let (at_client, at_server) = (Vec::new(), Vec::new());
        let client = Endpoint::client(Limits::default());
        let server = Endpoint::server(Limits::default());
        let mut stage = Self { play, client, server, now: Instant::now(), at_client, at_server };
        stage.settle();
        stage
    }

    /// Moves bytes until nobody has anything more to say; all content is read at once.
    fn settle(&mut self) {
        loop {
            let mut moved = false;
            let ends = [
                (Peer::Client, &mut self.client, &mut self.at_client),
                (Peer::Server(0), &mut self.server, &mut self.at_server),
            ];
            for (peer, end, events) in ends {
                for wire in end.take_wire() {
                    moved = true;
                    self.play.quiet_input(Input::Data(peer, wire));
                }
                let sent = self.play.take_sent(peer);
                moved |= !sent.is_empty();
                end.feed(sent.into(), self.now);
                while let Some(event) = end.poll_event() {
                    if let Event::Data { stream, bytes, .. } = &event {
                        end.consumed(*stream, bytes.len());
                    }
                    events.push(event);
                }
            }
            if !moved {
                return;
            }
        }
    }

    fn ask(&mut self, path: &'static str, body: Option<&[u8]>) -> u32 {
        let method = if body.is_some() { "POST" } else { "GET" };
        let head =
            [(":method", method), (":scheme", "http"), (":authority", "a.test"), (":path", path)];
        let stream = self.client.open(&fields(&head), body.is_none()).unwrap();
        if let Some(body) = body {
            self.client.send_data(stream, Bytes::copy_from_slice(body), true);
        }
        self.settle();
        stream
    }

    fn judge(&mut self, exchange: u64, verdict: Verdict) {
        self.play.judge(exchange, verdict);
        self.settle();
    }
}

/// Returns the head and the content of a stream that has ended.
fn whole(events: &[Event], of: u32) -> Option<(Fields, Bytes)> {
    let (mut head, mut body, mut ended) = (None, BytesMut::new(), false);
    for event in events {
        match event {
            Event::Head { stream, fields, end } if *stream == of => {
                (head, ended) = (Some(fields.clone()), *end);
            }
            Event::Data { stream, bytes, end } if *stream == of => {
                body.extend_from_slice(bytes);
                ended |= end;
            }
            _ => {}
        }
    }
    head.filter(|_| ended).map(|head| (head, body.freeze()))
}

fn by() -> String {
    "a hook".into()
}

#[test]
fn a_stream_that_waits_lets_its_siblings_pass() {
    let mut stage = Stage::new(Wants { of: "/held", ..REQUESTS });
    stage.ask("/held", Some(b"body"));
    stage.ask("/passes", Some(b"other"));
    let (head, body) = whole(&stage.at_server, 1).unwrap();
    assert_eq!((&head.get(":path").unwrap()[..], &body[..]), (&b"/passes"[..], &b"other"[..]));
    stage.server.send_head(1, &fields(&[(":status", "204")]), true);
    stage.settle();
    assert!(whole(&stage.at_client, 3).is_some());
    stage.judge(1, Verdict::Pass);
    let (head, body) = whole(&stage.at_server, 3).unwrap();
    assert_eq!((&head.get(":path").unwrap()[..], &body[..]), (&b"/held"[..], &b"body"[..]));
}

#[test]
fn a_body_longer_than_a_window_is_held_and_changed() {
    let mut stage = Stage::new(REQUESTS);
    let long = vec![b'x'; 250_000];
    stage.ask("/", Some(&long));
    let asked = stage.play.take_questions();
    assert_eq!(asked[0].body.as_ref().map(Bytes::len), Some(long.len()));
    let head = with_field(&asked[0].request.head, "X-New", "n");
    let url = None;
    stage.judge(1, Verdict::Request { by: by(), url, head, body: Some("short".into()) });
    let (head, body) = whole(&stage.at_server, 1).unwrap();
    assert_eq!((&head.get("x-new").unwrap()[..], &body[..]), (&b"n"[..], &b"short"[..]));
    // It named no length before.
    assert_eq!(head.get("content-length"), None);
}

#[test]
fn a_body_over_the_limit_goes_on_as_it_came() {
    let mut stage = Stage::new(REQUESTS);
    let long = vec![b'x'; 1_000_000];
    stage.ask("/", Some(&long));
    let asked = stage.play.take_questions();
    assert_eq!((asked.len(), &asked[0].body), (1, &None));
    stage.judge(1, Verdict::Pass);
    assert_eq!(whole(&stage.at_server, 1).unwrap().1, long);
}

#[test]
fn an_answer_reaches_the_client_alone() {
    let mut stage = Stage::new(Wants { of: "t/a", ..HEADS });
    let stream = stage.ask("/a", None);
    let head = response(203, &[("X-Made", "1"), ("Connection", "close")]);
    stage.judge(1, Verdict::Answer { by: by(), head, body: "made".into() });
    let (head, body) = whole(&stage.at_client, stream).unwrap();
    let expected = fields(&[(":status", "203"), ("x-made", "1"), ("content-length", "4")]);
    assert_eq!((head, &body[..]), (expected, &b"made"[..]));
    assert!(!stage.at_server.iter().any(|event| matches!(event, Event::Head { .. })));
}

#[test]
fn a_killed_stream_is_reset_alone() {
    let mut stage = Stage::new(Wants { of: "t/a", ..HEADS });
    let killed = stage.ask("/a", None);
    stage.ask("/b", None);
    stage.judge(1, Verdict::Kill { by: by() });
    let code = ErrorCode::CANCEL;
    assert!(stage.at_client.contains(&Event::Reset { stream: killed, code }));
    stage.server.send_head(1, &fields(&[(":status", "204")]), true);
    stage.settle();
    assert!(whole(&stage.at_client, 3).is_some());
}

#[test]
fn a_response_is_changed() {
    let mut stage = Stage::new(RESPONSES);
    let stream = stage.ask("/", None);
    let head = fields(&[(":status", "200"), ("content-length", "5"), ("x-a", "b")]);
    stage.server.send_head(1, &head, false);
    stage.server.send_data(1, "hello".into(), true);
    stage.settle();
    assert_eq!(whole(&stage.at_client, stream), None);
    let asked = stage.play.take_questions();
    assert_eq!(asked[0].body.as_deref(), Some(&b"hello"[..]));
    let head = asked[0].response.clone().unwrap();
    stage.judge(1, Verdict::Response { by: by(), head, body: Some("no".into()) });
    let expected = fields(&[(":status", "200"), ("content-length", "2"), ("x-a", "b")]);
    assert_eq!(whole(&stage.at_client, stream), Some((expected, "no".into())));
}

#[test]
fn a_stream_goes_to_another_server_in_http1() {
    let mut stage = Stage::new(Wants { request: Want::Head, of: "t/a", ..HEADS });
    let stream = stage.ask("/a", Some(b"body"));
    let head = stage.play.take_questions()[0].request.head.clone();
    let url = Some("http://b.test:8080/other".into());
    stage.judge(1, Verdict::Request { by: by(), url, head, body: None });
    stage.play.input(Input::Opened { server: 1, addr: ([192, 0, 2, 2], 8080).into() });
    stage.settle();
    let sent = String::from_utf8(stage.play.take_sent(Peer::Server(1))).unwrap();
    let expected = "POST /other HTTP/1.1\r\nhost: b.test:8080\r\ntransfer-encoding: chunked\r\n\r\n\
                    4\r\nbody\r\n0\r\n\r\n";
    assert_eq!(sent, expected);
    let wire = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n";
    stage.play.data(Peer::Server(1), wire);
    stage.settle();
    assert_eq!(
        whole(&stage.at_client, stream),
        Some((fields(&[(":status", "200")]), "yes".into()))
    );
}
