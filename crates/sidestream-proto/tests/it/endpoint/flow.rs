//! Windows and queues, and that the cuts of the input make no difference.

use std::time::Instant;

use bytes::Bytes;
use insta::assert_snapshot;
use proptest::prelude::*;
use sidestream_proto::endpoint::{Endpoint, Event, Limits};
use sidestream_proto::http2::{ErrorCode, Kind, PREFACE};

use crate::endpoint::wire::{
    END, GET, Host, PADDED, WHOLE, block, data, event, fields, frame, get, head, post, reset,
    settings, window,
};

const OK: [(&str, &str); 1] = [(":status", "200")];

#[test]
fn content_is_sent_as_far_as_the_windows_allow() {
    let mut host = Host::server();
    host.feed([settings(&[(4, 10)]), get(1)].concat());
    host.sent();
    host.end.send_head(1, &fields(&OK), false);
    host.end.send_data(1, Bytes::from(vec![0; 25]), true);
    assert_eq!(host.end.queued(1), 15);
    assert_eq!(host.sent(), ["headers 1", "data 1 10"]);
    host.feed(window(1, 1));
    assert_eq!(host.sent(), ["data 1 1"]);
    host.feed(settings(&[(4, 0)]));
    host.feed(window(1, 10));
    assert_eq!(host.sent(), ["settings ack"], "the smaller window takes ten away first");
    host.feed(window(1, 100));
    assert_eq!(host.sent(), ["data 1 14 end"]);
    assert_eq!(host.end.open_streams(), 0);
}

#[test]
fn trailers_wait_for_the_content_before_them() {
    let mut host = Host::server();
    host.feed([settings(&[(4, 10)]), get(1)].concat());
    host.sent();
    host.end.send_head(1, &fields(&OK), false);
    host.end.send_data(1, Bytes::from(vec![0; 11]), false);
    host.end.send_trailers(1, fields(&[("a", "b")]));
    assert_eq!(host.sent(), ["headers 1", "data 1 10"]);
    host.feed(window(1, 1));
    assert_eq!(host.sent(), ["data 1 1", "headers 1 end"]);
}

#[test]
fn streams_take_turns_when_the_window_of_the_connection_opens() {
    let mut host = Host::server();
    host.feed([settings(&[(4, 1 << 20)]), get(1), get(3), get(5)].concat());
    host.sent();
    for stream in [1, 3, 5] {
        host.end.send_head(stream, &fields(&OK), false);
        host.end.send_data(stream, Bytes::from(vec![0; 60_000]), true);
    }
    host.sent();
    host.feed(window(0, 100_000));
    assert_snapshot!(host.sent().join("\n"), @r"
    data 3 16384
    data 5 16384
    data 3 16384
    data 5 16384
    data 3 16384
    data 5 16384
    data 3 1696
    ");
}

#[test]
fn a_long_head_goes_on_in_further_frames() {
    let mut host = Host::server();
    host.feed(get(1));
    host.end.send_head(1, &fields(&[(":status", "200"), ("x", &"~".repeat(40_000))]), true);
    assert_eq!(host.sent(), ["headers 1 end", "continuation 1", "continuation 1"]);
}

/// Two end points, joined.
struct Pair {
    client: Endpoint,
    server: Endpoint,
    now: Instant,
}

impl Pair {
    fn new() -> Self {
        let limits = Limits::default();
        let (client, server) = (Endpoint::client(limits), Endpoint::server(limits));
        Self { client, server, now: Instant::now() }
    }

    /// Moves bytes until nobody has anything to say, and lets the server read the streams that it
    /// does read. Returns how much content came on each.
    fn settle(
        &mut self,
        reads: impl Fn(u32) -> bool,
    ) -> std::collections::BTreeMap<u32, (usize, bool)> {
        let mut came = std::collections::BTreeMap::new();
        loop {
            let (up, down) = (self.client.take_wire(), self.server.take_wire());
            if up.is_empty() && down.is_empty() {
                return came;
            }
            for piece in up {
                self.server.feed(piece, self.now);
            }
            for piece in down {
                self.client.feed(piece, self.now);
            }
            while let Some(event) = self.server.poll_event() {
                if let Event::Data { stream, bytes, end } = event {
                    let entry: &mut (usize, bool) = came.entry(stream).or_default();
                    *entry = (entry.0 + bytes.len(), end);
                    if reads(stream) {
                        self.server.consumed(stream, bytes.len());
                    }
                }
            }
        }
    }
}

#[test]
fn a_stream_that_nobody_reads_stops_no_other_one() {
    let mut pair = Pair::new();
    let mut post = fields(&GET);
    post.0[0].value = "POST".into();
    let streams: Vec<_> = (0..80).filter_map(|_| pair.client.open(&post, false)).collect();
    assert_eq!(streams.len(), 80);
    for stream in &streams {
        pair.client.send_data(*stream, Bytes::from(vec![0; 1 << 20]), true);
    }
    // Three in four are stuck.
    let came = pair.settle(|stream| stream % 8 == 7);
    let whole = came.values().filter(|(bytes, end)| *end && *bytes == 1 << 20).count();
    assert_eq!(whole, 20);
    let stuck: Vec<_> = came.values().filter(|(_, end)| !end).map(|(bytes, _)| *bytes).collect();
    assert_eq!(stuck, [65_535; 60]);
    assert_eq!(pair.server.unread(), 60 * 65_535);
    assert!(pair.server.unread() < Limits::default().max_buffered_bytes);
}

#[test]
fn a_stream_that_is_read_gets_a_larger_window() {
    let mut host = Host::server();
    host.feed(post(1, &[]));
    let mut opened = Vec::new();
    for _ in 0..40 {
        let bytes = vec![0; 16_384];
        host.feed(data(1, 0, &bytes));
        host.events();
        host.end.consumed(1, bytes.len());
        opened.extend(host.sent());
    }
    assert!(opened.iter().all(|frame| frame.starts_with("window 1 +")), "{opened:?}");
    let most = opened.iter().filter_map(|frame| frame.rsplit_once('+')?.1.parse().ok()).max();
    assert!(most > Some(4 * 65_535), "{opened:?}");
}

#[test]
fn what_is_not_content_is_given_back_to_the_windows() {
    let mut host = Host::server();
    host.feed(post(1, &[]));
    // 256 bytes of padding in each frame, and nobody is asked to consume them.
    for _ in 0..1000 {
        let padded = [&[255][..], &vec![0; 16_383]].concat();
        host.feed(data(1, PADDED, padded));
        for event in host.events() {
            if let Event::Data { stream, bytes, .. } = event {
                assert_eq!(bytes.len(), 16_128);
                host.end.consumed(stream, bytes.len());
            }
        }
    }
    assert!(!host.end.is_closed());
    assert_eq!(host.end.unread(), 0);
    // What comes after a reset counts for the connection alone.
    host.feed(post(3, &[]));
    host.end.reset(3, ErrorCode::CANCEL);
    for _ in 0..1200 {
        host.feed(data(3, 0, vec![0; 16_384]));
    }
    assert!(!host.end.is_closed());
    assert_eq!(host.end.unread(), 0);
}

#[test]
fn more_than_a_window_lets_through_is_an_error() {
    let mut host = Host::server();
    host.feed(post(1, &[]));
    for _ in 0..4 {
        host.feed(data(1, 0, vec![0; 16_384]));
    }
    let outcome = host.outcome();
    let last = outcome.lines().last();
    assert_eq!(last, Some("< reset 1 FLOW_CONTROL_ERROR"));

    let limits = Limits { max_buffered_bytes: 65_535, max_streams: 1, ..Limits::default() };
    let mut host = Host::server_with(limits);
    host.feed(post(1, &[]));
    for _ in 0..4 {
        host.feed(data(1, 0, vec![0; 16_384]));
    }
    let outcome = host.outcome();
    let last = outcome.lines().last();
    assert_eq!(last, Some("< goaway 1 FLOW_CONTROL_ERROR"));
}

/// Frames that make sense by themselves and in some orders, and some that do not.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let stream = prop_oneof![Just(0_u32), Just(1), Just(3), Just(5), Just(2)];
    let head = block(&[(":method", "POST"), GET[1], GET[2], GET[3]]);
    (stream, 0..16_u8, any::<u8>(), proptest::collection::vec(any::<u8>(), 0..40)).prop_map(
        move |(stream, kind, flags, bytes)| match kind {
            0..4 => frame(Kind::DATA, flags & 9, stream, bytes),
            4..8 => frame(Kind::HEADERS, (flags & 5) | 4, stream, &head),
            8 => frame(Kind::HEADERS, flags & 1, stream, &head[..9]),
            9 => frame(Kind::CONTINUATION, WHOLE, stream, &head[9..]),
            10 => frame(Kind::SETTINGS, 0, 0, []),
            11 => window(stream, u32::from(flags)),
            12 => reset(stream, ErrorCode::CANCEL),
            13 => frame(Kind::PING, 0, 0, [0; 8]),
            14 => frame(Kind(flags), flags, stream, bytes),
            _ => bytes,
        },
    )
}

/// Feeds bytes in pieces of these sizes, and describes what came, content joined.
fn in_pieces(mut bytes: &[u8], sizes: &[usize]) -> String {
    let mut host = Host::new(Endpoint::server(Limits::default()));
    let mut sizes = sizes.iter().copied().cycle();
    let mut joined: Vec<Event> = Vec::new();
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at(sizes.next().unwrap_or(1).clamp(1, bytes.len()));
        host.feed(piece.to_vec());
        bytes = rest;
        for event in host.events() {
            if let (
                Some(Event::Data { stream: last, bytes, end: false }),
                Event::Data { stream, bytes: more, end },
            ) = (joined.last_mut(), &event)
                && last == stream
            {
                *bytes = [&bytes[..], more].concat().into();
                let bytes = bytes.clone();
                *joined.last_mut().unwrap() = Event::Data { stream: *stream, bytes, end: *end };
            } else {
                joined.push(event);
            }
        }
    }
    let sent = host.sent().join("\n");
    format!("{}\n{sent}", joined.iter().map(event).collect::<Vec<_>>().join("\n"))
}

proptest! {
    #[test]
    fn the_cuts_of_the_input_make_no_difference(
        frames in proptest::collection::vec(any_frame(), 0..20),
        sizes in proptest::collection::vec(1_usize..30, 1..8),
    ) {
        let bytes = [&PREFACE[..], &settings(&[]), &frames.concat()].concat();
        prop_assert_eq!(in_pieces(&bytes, &sizes), in_pieces(&bytes, &[usize::MAX]));
    }

    #[test]
    fn nothing_that_comes_makes_it_panic(
        frames in proptest::collection::vec(any_frame(), 0..40),
        commands in proptest::collection::vec((0_u8..7, 0_u32..8, 0_usize..70_000), 0..40),
    ) {
        let mut host = Host::server();
        let mut commands = commands.into_iter();
        for bytes in frames {
            host.feed(bytes);
            host.events();
            let Some((command, stream, size)) = commands.next() else { continue };
            match command {
                0 => host.end.send_head(stream, &fields(&OK), size % 2 == 0),
                1 => host.end.send_data(stream, Bytes::from(vec![0; size]), size % 2 == 0),
                2 => host.end.send_trailers(stream, fields(&[("a", "b")])),
                3 => host.end.reset(stream, ErrorCode::CANCEL),
                4 => host.end.consumed(stream, size),
                5 => _ = host.end.take_wire(),
                _ => host.feed(head(stream | 1, END, &OK)),
            }
        }
    }
}
