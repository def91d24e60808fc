//! Streams that are held, or that nobody reads, stop no other one.

use bytes::Bytes;
use insta::assert_snapshot;
use sidestream_flow::{Peer, Transport};
use sidestream_proto::endpoint::{Endpoint, Event, Limits};
use sidestream_proto::http2::ErrorCode;
use sidestream_proto::{Config, Input};
use sidestream_record::{Field, Fields, Point};

use crate::play::{Ca, Play, config};

/// A client and a server, with a machine between them that holds exchanges.
struct Stage {
    play: Play,
    client: Endpoint,
    server: Endpoint,
    now: std::time::Instant,
    /// What each of them heard.
    at_client: Vec<Event>,
    at_server: Vec<Event>,
}

impl Stage {
    fn holding(points: &[Point]) -> Self {
        let config = Config { hold: points.to_vec(), ..config(&Ca::new()) };
        let mut play = Play::with(config, Transport::Tcp, 80, false);
        play.open();
        let limits = Limits::default();
        let mut stage = Self {
            play,
            client: Endpoint::client(limits),
            server: Endpoint::server(limits),
            now: std::time::Instant::now(),
            at_client: Vec::new(),
            at_server: Vec::new(),
        };
        stage.settle();
        stage.play.take_events();
        stage
    }

    /// Moves bytes until nobody has anything more to say.
    fn settle(&mut self) {
        loop {
            let mut moved = false;
            for (peer, end) in
                [(Peer::Client, &mut self.client), (Peer::Server(0), &mut self.server)]
            {
                for wire in end.take_wire() {
                    moved = true;
                    self.play.quiet_input(Input::Data(peer, wire));
                }
                let sent = self.play.take_sent(peer);
                moved |= !sent.is_empty();
                end.feed(sent.into(), self.now);
            }
            self.at_client.extend(std::iter::from_fn(|| self.client.poll_event()));
            self.at_server.extend(std::iter::from_fn(|| self.server.poll_event()));
            if !moved {
                return;
            }
        }
    }

    fn get(&mut self, path: &str) -> u32 {
        let head = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", path)];
        let stream = self.client.open(&fields(&head), true).unwrap();
        self.settle();
        stream
    }

    fn answer(&mut self, stream: u32, body: Bytes) {
        self.server.send_head(stream, &fields(&[(":status", "200")]), false);
        self.server.send_data(stream, body, true);
        self.settle();
    }

    /// Reads all that the client was given, and lets more come.
    fn read(&mut self, stream: u32) -> usize {
        let mut read = 0;
        for event in &mut self.at_client {
            if let Event::Data { stream: of, bytes, .. } = event
                && *of == stream
            {
                read += bytes.len();
                self.client.consumed(stream, bytes.len());
                bytes.clear();
            }
        }
        self.settle();
        read
    }

    /// Returns the paths that the server was asked for, with the streams.
    fn asked(&self) -> Vec<(u32, String)> {
        let asked = self.at_server.iter().filter_map(|event| match event {
            Event::Head { stream, fields, .. } => {
                let path = fields.get(":path").unwrap();
                Some((*stream, String::from_utf8(path.to_vec()).unwrap()))
            }
            _ => None,
        });
        asked.collect()
    }
}

fn fields(fields: &[(&'static str, &str)]) -> Fields {
    fields.iter().map(|(name, value)| Field::new(*name, value.to_string())).collect()
}

#[test]
fn a_held_request_lets_its_siblings_pass() {
    let mut stage = Stage::holding(&[Point::Request]);
    stage.get("/held");
    stage.get("/passes");
    assert_eq!(stage.asked(), []);
    stage.play.resume(2);
    stage.settle();
    assert_eq!(stage.asked(), [(1, "/passes".into())]);
    stage.answer(1, Bytes::from_static(b"first"));
    assert_eq!(stage.read(3), 5);
    stage.play.resume(1);
    stage.settle();
    assert_eq!(stage.asked()[1..], [(3, "/held".into())]);
    stage.answer(3, Bytes::from_static(b"second"));
    assert_eq!(stage.read(1), 6);
    assert_snapshot!(stage.play.take_events());
}

#[test]
fn a_held_response_with_a_large_body_leaves_the_connection_to_its_siblings() {
    let mut stage = Stage::holding(&[Point::Response]);
    let held = stage.get("/held");
    stage.answer(1, vec![b'x'; 1 << 20].into());
    // Far more than a window of the connection, if it were not opened for others.
    for _ in 0..40 {
        let other = stage.get("/other");
        stage.answer(other, vec![b'y'; 1 << 16].into());
        stage.play.resume(u64::from(other).div_ceil(2));
        stage.settle();
        let mut read = 0;
        while read < 1 << 16 {
            let more = stage.read(other);
            assert_ne!(more, 0, "{read} bytes of stream {other}");
            read += more;
        }
    }
    stage.play.resume(1);
    stage.settle();
    let mut read = 0;
    while read < 1 << 20 {
        let more = stage.read(held);
        assert_ne!(more, 0, "{read} bytes of the one that was held");
        read += more;
    }
}

#[test]
fn a_response_that_nobody_reads_stops_no_other_one() {
    let mut stage = Stage::holding(&[Point::Request]);
    let open = |stage: &mut Stage, path| {
        let stream = stage.get(path);
        stage.play.resume(u64::from(stream).div_ceil(2));
        stage.settle();
        stream
    };
    let slow = open(&mut stage, "/slow");
    stage.answer(slow, vec![b'x'; 8 << 20].into());
    for _ in 0..20 {
        let other = open(&mut stage, "/other");
        stage.answer(other, vec![b'y'; 60_000].into());
        assert_eq!(stage.read(other), 60_000);
    }
    assert!(stage.server.queued(slow) > 0, "the slow one's server has to wait");
}

#[test]
fn a_held_request_that_is_given_up_was_never_asked() {
    let mut stage = Stage::holding(&[Point::Request]);
    let held = stage.get("/held");
    stage.client.reset(held, ErrorCode::CANCEL);
    stage.settle();
    stage.play.resume(1);
    stage.settle();
    assert_eq!(stage.asked(), []);
    assert_snapshot!(stage.play.take_events());
}

#[test]
fn what_waits_for_a_server_that_goes_away_can_be_asked_elsewhere() {
    let mut stage = Stage::holding(&[Point::Request]);
    let held = stage.get("/held");
    stage.server.go_away(ErrorCode::NO_ERROR);
    stage.settle();
    let code = ErrorCode::REFUSED_STREAM;
    assert!(stage.at_client.contains(&Event::Reset { stream: held, code }));
    assert_snapshot!(stage.play.take_events());
}
