//! Peers that want more of the machine than it has.

use proptest::prelude::*;
use sidestream_flow::Peer;
use sidestream_proto::http2::{ErrorCode, PREFACE};
use sidestream_record::{Event, Failure};

use crate::endpoint::wire::{data, frame, get, head, post, reset, settings, window};
use crate::translate::stage::{Stage, down, up};

const S0: Peer = Peer::Server(0);

fn greeted() -> Stage {
    let mut stage = down();
    stage.say(Peer::Client, [&PREFACE[..], &settings(&[])].concat());
    stage
}

fn closed(stage: &mut Stage) -> Option<Failure> {
    stage.events().iter().find_map(|event| match event {
        Event::Closed(closed) => closed.failure.clone(),
        _ => None,
    })
}

#[test]
fn a_client_that_begins_and_resets_streams_is_let_go() {
    let mut stage = greeted();
    let mut streams = (1..).step_by(2);
    while !stage.play.done {
        let frames: Vec<_> = streams
            .by_ref()
            .take(50)
            .flat_map(|stream| [get(stream), reset(stream, ErrorCode::CANCEL)].concat())
            .collect();
        stage.say(Peer::Client, frames);
    }
    assert!(matches!(closed(&mut stage), Some(Failure::Limit { peer: Peer::Client, .. })));
    let begun =
        stage.events().iter().filter(|event| matches!(event, Event::Request { .. })).count();
    assert_eq!(begun, 1001);
    // Nobody was dialled for a stream that was over before anybody could be.
    assert!(stage.servers.len() <= 7, "{}", stage.servers.len());
}

#[test]
fn a_client_whose_streams_cost_a_connection_each_begins_anew_in_the_end() {
    let mut stage = greeted();
    let mut streams = (1..).step_by(2);
    // Each second one is answered, so that the resets alone end nothing.
    while !stage.play.done {
        let [first, second] = [(); 2].map(|()| streams.next().unwrap());
        stage.say(Peer::Client, [get(first), get(second)].concat());
        let servers = stage.servers.len();
        stage.say(Peer::Client, reset(first, ErrorCode::CANCEL));
        for server in (0..servers).rev().take(2) {
            let peer = Peer::Server(u32::try_from(server).unwrap());
            if !stage.aborted.contains(&peer) && !stage.play.done {
                stage.say(peer, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
                break;
            }
        }
        assert!(stage.servers.len() < 220);
        // The client gives up what it has, too.
        if stage.servers.len() > 205 {
            stage.close(Peer::Client);
        }
        stage.play.skip();
    }
    assert!(stage.servers.len() >= 200);
}

#[test]
fn a_server_that_floods_is_let_go() {
    let mut stage = up();
    stage.say(Peer::Client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    stage.say(S0, settings(&[]));
    let ping = frame(sidestream_proto::http2::Kind::PING, 0, 0, [0; 8]);
    for _ in 0..100 {
        if !stage.play.done {
            stage.say(S0, ping.repeat(100));
        }
    }
    assert!(matches!(closed(&mut stage), Some(Failure::Limit { peer: S0, .. })));
    // What it was answered: less than 2,001 pings.
    let answers = stage.heard(S0).len();
    assert!(answers < 40 * 1024, "{answers}");
}

#[test]
fn interim_responses_that_wait_their_turn_are_bounded() {
    let mut stage = up();
    stage.say(Peer::Client, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    stage.say(S0, settings(&[]));
    let value = "x".repeat(10_000);
    let hint = head(3, 0, &[(":status", "103"), ("x", &value)]);
    for _ in 0..60 {
        stage.say(S0, hint.repeat(30));
    }
    assert!(stage.play.done);
    assert!(matches!(closed(&mut stage), Some(Failure::Limit { peer: S0, .. })));
}

#[test]
fn a_server_that_goes_on_behind_its_response_is_not_read_without_bound() {
    let mut stage = greeted();
    stage.say(Peer::Client, post(1, &[]));
    stage.say(S0, "HTTP/1.1 204 No Content\r\n\r\n");
    assert!(stage.play.conn.wants(S0));
    stage.say(S0, vec![b'x'; 64 * 1024]);
    assert!(!stage.play.conn.wants(S0));
}

#[test]
fn interim_responses_without_end_are_told_a_hundred_times() {
    let mut stage = greeted();
    stage.say(Peer::Client, get(1));
    for _ in 0..500 {
        stage.say(S0, "HTTP/1.1 103 Early Hints\r\n\r\n");
    }
    let told =
        stage.events().iter().filter(|event| matches!(event, Event::Response { .. })).count();
    assert_eq!(told, 100);
}

#[test]
fn a_response_whose_head_is_never_whole_is_given_up_alone() {
    let mut stage = greeted();
    stage.say(Peer::Client, [get(1), get(3)].concat());
    stage.say(S0, "HTTP/1.1 200 OK\r\nX:");
    stage.play.expire();
    stage.settle();
    assert_eq!(stage.aborted, [S0]);
    assert!(stage.transcript().contains("over 1: timed out waiting for the server"));
    stage.say(Peer::Server(1), "HTTP/1.1 204 No Content\r\n\r\n");
    assert!(stage.transcript().contains("<< * over 2"));
}

#[test]
fn a_head_that_is_never_whole_is_given_up() {
    let mut stage = up();
    stage.say(Peer::Client, "GET / HTTP/1.1\r\nHo");
    stage.play.expire();
    stage.settle();
    assert!(stage.text(Peer::Client).starts_with("HTTP/1.1 408 "));
    assert!(stage.play.done);
}

/// A conversation of a client of HTTP/2 with two requests, and of the servers that answer.
fn conversation(sizes: &[usize]) -> (Vec<Event>, String, String) {
    let mut stage = down();
    let client = [
        &PREFACE[..],
        &settings(&[]),
        &post(1, &[]),
        &data(1, 0, "hippo"),
        &head(1, 1, &[("sum", "1")]),
        &window(0, 1000),
        &get(3),
    ];
    let mut sizes = sizes.iter().copied().cycle();
    let mut say = |stage: &mut Stage, peer, bytes: &[u8]| {
        let mut bytes = bytes;
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(sizes.next().unwrap_or(1).clamp(1, bytes.len()));
            stage.say(peer, piece);
            bytes = rest;
        }
    };
    say(&mut stage, Peer::Client, &client.concat());
    let one = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nworld\r\n0\r\nsum: 2\r\n\r\n";
    say(&mut stage, S0, one);
    if stage.servers.len() > 1 {
        say(&mut stage, Peer::Server(1), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
    let heard = stage.text(S0);
    let other = if stage.servers.len() > 1 { stage.text(Peer::Server(1)) } else { String::new() };
    (stage.events().to_vec(), heard, other)
}

/// Leaves out what depends on when things came, and joins content.
fn settled(events: Vec<Event>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut bodies = std::collections::BTreeMap::<_, Vec<u8>>::new();
    for event in events {
        match event {
            Event::Body { exchange, part, data } => {
                bodies
                    .entry((exchange, part == sidestream_record::Part::Request))
                    .or_default()
                    .extend(&data);
            }
            Event::Connected { .. } | Event::Secured(_) => {}
            event => lines.push(format!("{event:?}")),
        }
    }
    lines.sort();
    lines.extend(bodies.into_iter().map(|body| format!("{body:?}")));
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_cuts_of_the_input_make_no_difference(
        sizes in proptest::collection::vec(1_usize..40, 1..6),
    ) {
        let (events, one, two) = conversation(&sizes);
        let (expected, one_too, two_too) = conversation(&[usize::MAX]);
        prop_assert_eq!(settled(events), settled(expected));
        prop_assert_eq!(without_chunks(&one), without_chunks(&one_too));
        prop_assert_eq!(two, two_too);
    }

    #[test]
    fn nothing_that_comes_makes_it_panic(
        from_client in proptest::collection::vec(any::<u8>(), 0..300),
        from_server in proptest::collection::vec(any::<u8>(), 0..300),
        heads in any::<bool>(),
    ) {
        let mut stage = greeted();
        stage.say(Peer::Client, get(1));
        if heads {
            stage.say(S0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        }
        stage.say(S0, &from_server);
        stage.say(Peer::Client, &from_client);

        let mut stage = up();
        stage.say(Peer::Client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        stage.say(S0, settings(&[]));
        if heads {
            stage.say(S0, head(1, 0, &[(":status", "200")]));
        }
        stage.say(Peer::Client, &from_client);
        stage.say(S0, &from_server);
    }
}

/// Chunks may be cut otherwise: what is in them may not.
fn without_chunks(text: &str) -> String {
    let lines =
        text.split("\r\n").filter(|line| !line.bytes().all(|byte| byte.is_ascii_hexdigit()));
    lines.collect()
}
