//! Heads of HTTP/1 that are long, or never end.

use std::time::Duration;

use insta::assert_snapshot;
use sidestream_flow::Peer;

use super::{Attacked, KIB, MIB, SERVER, holds_at_most};
use crate::play::Play;

const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn half_a_request_is_passed_raw_after_a_while() {
    let mut play = Play::opened();
    play.client("GET / HTTP/1.1\r\nHost: a");
    play.skip();
    play.expire();
    play.client(".test\r\n\r\n");
    play.server(OK);
    assert_snapshot!(play);
}

#[test]
fn half_a_response_is_passed_raw_after_a_while() {
    let mut play = Play::opened();
    play.client(GET);
    play.server("HTTP/1.1 200 OK\r\nContent-Le");
    play.skip();
    play.expire();
    play.server("ngth: 2\r\n\r\nok");
    assert_snapshot!(play);
}

#[test]
fn half_a_request_to_a_proxy_is_answered_with_408() {
    let mut play = Play::proxy();
    play.client("GET http://a.test/ HTTP/1.1\r\nHost: a");
    play.skip();
    play.expire();
    assert_snapshot!(play);
}

#[test]
fn half_a_request_line_to_a_proxy_ends_the_flow() {
    let mut play = Play::proxy();
    play.client("GE");
    play.skip();
    play.expire();
    assert_snapshot!(play);
}

#[test]
fn half_a_response_through_a_proxy_is_answered_with_504() {
    let mut play = Play::proxy();
    play.client("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n");
    play.open();
    play.server("HTTP/1.1 200 OK\r\nContent-Le");
    play.skip();
    play.expire();
    assert_snapshot!(play);
}

#[test]
fn half_a_request_to_a_proxy_behind_a_whole_one_does_not_cost_that_its_answer() {
    let mut play = Play::proxy();
    play.client("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n");
    play.open();
    play.client("GET http://a.te");
    play.skip();
    play.expire();
    play.server(OK);
    assert_snapshot!(play);
}

#[test]
fn a_byte_now_and_then_wins_no_time() {
    for from in [Peer::Client, SERVER] {
        let mut attacked = Attacked::tunnel();
        if from == SERVER {
            attacked.pass(Peer::Client, GET);
        }
        let begin = if from == SERVER { "HTTP/1.1 200 OK\r\nX: " } else { "GET / HTTP/1.1\r\nX: " };
        attacked.say(from, begin);
        for second in 0..60 {
            assert_eq!(attacked.held(from), begin.len() + second, "after {second} s");
            attacked.wait(Duration::from_secs(1));
            attacked.say(from, "x");
        }
        assert_eq!(attacked.held(from), 0);
        attacked.pass(from, "x");
    }
}

#[test]
fn each_head_has_its_own_time() {
    let mut attacked = Attacked::tunnel();
    for _ in 0..10 {
        for (from, head) in [(Peer::Client, GET), (SERVER, OK)] {
            let (first, second) = head.split_at(20);
            attacked.say(from, first);
            attacked.wait(Duration::from_secs(59));
            attacked.say(from, second);
        }
    }
    assert_eq!((attacked.ended, attacked.deadline), (10, None));
    assert_eq!(attacked.last().failure, None);
}

#[test]
fn what_takes_long_to_begin_is_waited_for() {
    let mut attacked = Attacked::tunnel();
    // A connection that is idle, a response that is awaited, and one that follows an interim one.
    assert_eq!(attacked.deadline, None);
    attacked.pass(Peer::Client, GET);
    assert_eq!(attacked.deadline, None);
    attacked.pass(SERVER, "HTTP/1.1 102 Processing\r\n\r\n");
    assert_eq!(attacked.deadline, None);
    attacked.pass(SERVER, OK);
    // Empty lines behind a request are no beginning of another one.
    attacked.say(Peer::Client, "\r\n");
    assert_eq!(attacked.deadline, None);
    attacked.pass(Peer::Client, GET);
    assert_eq!((attacked.ended, attacked.defects()), (1, Vec::new()));
}

#[test]
fn a_client_that_asks_a_proxy_for_nothing_is_let_go() {
    let mut play = Play::proxy();
    play.expire();
    assert_snapshot!(play);
}

#[test]
fn a_client_that_asked_a_proxy_for_something_may_then_be_silent() {
    let mut attacked = Attacked::proxy();
    attacked.ask("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n");
    attacked
        .input(sidestream_proto::Input::Opened { server: 0, addr: ([192, 0, 2, 1], 80).into() });
    attacked.say(SERVER, OK);
    assert_eq!((attacked.ended, attacked.deadline), (1, None));
}

#[test]
fn a_header_of_a_gibibyte_passes_without_being_held() {
    for from in [Peer::Client, SERVER] {
        holds_at_most(2 * MIB, || {
            let mut attacked = Attacked::tunnel();
            if from == SERVER {
                attacked.pass(Peer::Client, GET);
                attacked.say(SERVER, "HTTP/1.1 200 OK\r\nX: ");
            } else {
                attacked.say(Peer::Client, "GET / HTTP/1.1\r\nX: ");
            }
            let piece = vec![b'x'; 64 * 1024];
            for _ in 0..16 * 1024 {
                attacked.say(from, piece.clone());
            }
            assert_eq!(attacked.held(from), 0);
            let failure = attacked.exchanges.last().map(|it| it.failure.clone().unwrap());
            let marked = match failure {
                Some(failure) => failure.to_string(),
                None => attacked.defects().concat(),
            };
            assert!(marked.contains("the head is longer than 262144 bytes"), "{marked}");
        });
    }
}

#[test]
fn a_hundred_thousand_header_lines_pass_without_being_held() {
    for from in [Peer::Client, SERVER] {
        holds_at_most(2 * MIB, || {
            let mut attacked = Attacked::tunnel();
            if from == SERVER {
                attacked.pass(Peer::Client, GET);
                attacked.say(SERVER, "HTTP/1.1 200 OK\r\n");
            } else {
                attacked.say(Peer::Client, "GET / HTTP/1.1\r\n");
            }
            for line in 0..100_000 {
                attacked.say(from, format!("X-{line}: y\r\n"));
            }
            attacked.pass(from, "\r\n");
            let failure = attacked.exchanges.last().map(|it| it.failure.clone().unwrap());
            let marked = match failure {
                Some(failure) => failure.to_string(),
                None => attacked.defects().concat(),
            };
            assert!(marked.contains("more than 1024 fields"), "{marked}");
        });
    }
}

#[test]
fn endless_empty_lines_before_a_request_pass() {
    holds_at_most(2 * MIB, || {
        let mut attacked = Attacked::tunnel();
        attacked.pass(Peer::Client, GET);
        for _ in 0..MIB {
            attacked.say(Peer::Client, "\r\n");
        }
        assert!(attacked.held(Peer::Client) < 256 * KIB as usize);
    });
}
