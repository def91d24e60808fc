//! Over HTTP/1.

use bytes::Bytes;
use sidestream_flow::Peer;
use sidestream_proto::Input;
use sidestream_proto::hooks::{Verdict, Want};
use sidestream_record::{Alteration, Change, Event, Failure};

use super::{HEADS, REQUESTS, RESPONSES, Wants, play, play_to, response, sent, with_field};
use crate::play::Play;

const SERVER: Peer = Peer::Server(0);
const GET: &str = "GET /a HTTP/1.1\r\nhost:  a.test \r\nX-B: 1\r\nx-b: 2\r\n\r\n";
const NEXT: &str = "GET /next HTTP/1.1\r\nHOST:a.test\r\n\r\n";
const CHUNKED: &str = "POST /c HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n\
                       003;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n";
const ANSWER: &str = "HTTP/1.1 200 OK\r\nX-A:  b\r\nContent-Length: 5\r\n\r\nhello";

fn by() -> String {
    "a hook".into()
}

fn changes(play: &Play) -> Vec<Change> {
    let edits = play.events().filter_map(|event| match event {
        Event::Altered { alteration: Alteration::Edited(edit), .. } => Some(edit.change.clone()),
        _ => None,
    });
    edits.collect()
}

#[test]
fn what_no_hook_wants_passes_as_sent() {
    let mut play = play(Wants { of: "elsewhere", ..REQUESTS });
    play.client(format!("{GET}{CHUNKED}"));
    assert_eq!(sent(&mut play, SERVER), format!("{GET}{CHUNKED}"));
    play.server(ANSWER);
    assert_eq!(sent(&mut play, Peer::Client), ANSWER);
    assert_eq!(play.take_questions(), []);
}

#[test]
fn a_request_waits_for_its_verdict_and_passes_as_sent() {
    for (wants, whole) in [(HEADS, false), (REQUESTS, true)] {
        for wire in [GET, CHUNKED] {
            let mut play = play(wants);
            play.client(wire);
            assert_eq!(sent(&mut play, SERVER), "");
            let asked = play.take_questions();
            assert_eq!(asked.len(), 1);
            let body = if wire == GET { Some(Bytes::new()) } else { whole.then(|| "abcde".into()) };
            assert_eq!(asked[0].body, body);
            play.judge(1, Verdict::Pass);
            assert_eq!(sent(&mut play, SERVER), wire);
        }
    }
}

#[test]
fn a_changed_head_keeps_the_other_fields_and_the_true_length() {
    let mut play = play(HEADS);
    play.client("POST /a HTTP/1.1\r\nhost: a.test\r\nContent-Length: 2\r\nX-b: 1\r\n\r\n");
    let asked = play.take_questions();
    let mut head = with_field(&asked[0].request.head, "X-New", "n");
    head.fields.0.retain(|field| !field.is("content-length"));
    play.judge(1, Verdict::Request { by: by(), url: None, head, body: Some("long".into()) });
    play.client(format!("ok{NEXT}"));
    let expected =
        "POST /a HTTP/1.1\r\nhost: a.test\r\nX-b: 1\r\nX-New: n\r\nContent-Length: 2\r\n\r\nok";
    assert_eq!(sent(&mut play, SERVER), expected);
    play.judge(2, Verdict::Pass);
    assert_eq!(sent(&mut play, SERVER), NEXT);
}

#[test]
fn a_changed_body_has_its_true_length() {
    let cases = [
        (
            "POST /a HTTP/1.1\r\nhost: a.test\r\nContent-Length: 2\r\nX-b: 1\r\n\r\nok",
            "POST /a HTTP/1.1\r\nhost: a.test\r\nContent-Length: 7\r\nX-b: 1\r\n\r\nchanged",
        ),
        (
            CHUNKED,
            "POST /c HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n\
             7\r\nchanged\r\n0\r\nT: v\r\n\r\n",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 7\r\n\r\nchanged",
        ),
    ];
    for (wire, expected) in cases {
        let mut play = play(REQUESTS);
        play.client(wire);
        let head = play.take_questions()[0].request.head.clone();
        play.judge(1, Verdict::Request { by: by(), url: None, head, body: Some("changed".into()) });
        assert_eq!(sent(&mut play, SERVER), expected);
        let changed = changes(&play);
        let [Change::Request { body: Some(body), .. }] = &changed[..] else {
            panic!("{changed:?}")
        };
        assert_eq!((body.bytes, &body.beginning[..]), (7, &b"changed"[..]));
    }
}

#[test]
fn a_body_over_the_limit_goes_on_as_it_came() {
    let mut play = play(REQUESTS);
    let body = "x".repeat(3000);
    let head = "POST /a HTTP/1.1\r\nhost:a.test\r\nContent-Length:3000\r\n\r\n";
    play.client(format!("{head}{}", &body[..1500]));
    let asked = play.take_questions();
    assert_eq!((asked.len(), &asked[0].body), (1, &None));
    assert!(matches!(changes(&play)[..], [Change::TooLong { limit_bytes: 1000, .. }]));
    // A body that nobody saw is not replaced.
    let head_of = asked[0].request.head.clone();
    let verdict =
        Verdict::Request { by: by(), url: None, head: head_of, body: Some("short".into()) };
    play.judge(1, verdict);
    play.client(&body[1500..]);
    assert_eq!(sent(&mut play, SERVER), format!("{head}{body}"));
}

#[test]
fn a_held_body_that_is_broken_is_refused_once() {
    let mut play = play(REQUESTS);
    play.client("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n");
    assert!(sent(&mut play, Peer::Client).starts_with("HTTP/1.1 400 Bad Request\r\n"));
    assert_eq!(sent(&mut play, SERVER), "");
    let ended = |event: &&Event| matches!(event, Event::ExchangeEnded { .. });
    assert_eq!(play.events().filter(ended).count(), 1, "{play}");
}

#[test]
fn an_answer_reaches_the_client_alone_and_in_its_turn() {
    let mut play = play(Wants { of: "t/a", ..HEADS });
    play.client(format!("{NEXT}{GET}{NEXT}"));
    let body: Bytes = "made".into();
    let head = response(203, &[("X-Made", "1"), ("Content-Length", "77")]);
    play.judge(2, Verdict::Answer { by: by(), head, body });
    assert_eq!(sent(&mut play, SERVER), NEXT);
    assert_eq!(sent(&mut play, Peer::Client), "");
    play.server(ANSWER);
    let made = "HTTP/1.1 203 Made\r\nX-Made: 1\r\nContent-Length: 4\r\n\r\nmade";
    assert_eq!(sent(&mut play, Peer::Client), format!("{ANSWER}{made}"));
    assert_eq!(sent(&mut play, SERVER), NEXT);
    play.server(ANSWER);
    assert_eq!(sent(&mut play, Peer::Client), ANSWER);
}

#[test]
fn the_body_of_an_answered_request_goes_nowhere() {
    let mut play = play(Wants { of: "/up", ..HEADS });
    play.client("POST /up HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nab");
    let head = response(404, &[]);
    play.judge(1, Verdict::Answer { by: by(), head, body: Bytes::new() });
    play.client(format!("cd{NEXT}"));
    assert_eq!(sent(&mut play, SERVER), NEXT);
}

#[test]
fn a_killed_exchange_ends_without_a_word() {
    let mut requests = play(HEADS);
    requests.client(GET);
    requests.judge(1, Verdict::Kill { by: by() });
    assert_eq!(sent(&mut requests, SERVER) + &sent(&mut requests, Peer::Client), "");
    let mut responses = play(RESPONSES);
    responses.client(GET);
    responses.server(ANSWER);
    responses.judge(1, Verdict::Kill { by: by() });
    assert_eq!(sent(&mut responses, Peer::Client), "");
    for play in [requests, responses] {
        let failure = Some(Failure::Blocked { by: by() });
        let over = |event: &Event| matches!(event, Event::ExchangeEnded { failure: it, .. } if *it == failure);
        assert!(play.events().any(over), "{play}");
    }
}

#[test]
fn a_request_goes_to_another_server_and_the_next_one_to_its_own() {
    let mut play = play(Wants { of: "t/a", ..HEADS });
    play.client(format!("{GET}{NEXT}"));
    let head = play.take_questions()[0].request.head.clone();
    let url = Some("http://b.test:8080/other?x".into());
    play.judge(1, Verdict::Request { by: by(), url, head, body: None });
    play.input(Input::Opened { server: 1, addr: ([192, 0, 2, 2], 8080).into() });
    let moved = "GET /other?x HTTP/1.1\r\nhost: b.test:8080\r\nX-B: 1\r\nx-b: 2\r\n\r\n";
    assert_eq!(sent(&mut play, Peer::Server(1)), moved);
    assert_eq!(sent(&mut play, SERVER), "");
    play.data(Peer::Server(1), ANSWER);
    assert_eq!(sent(&mut play, Peer::Client), ANSWER);
    assert_eq!(sent(&mut play, SERVER), NEXT);
    play.input(Input::Eof(Peer::Server(1)));
    play.server(ANSWER);
    assert_eq!(sent(&mut play, Peer::Client), ANSWER);
    assert!(play.to_string().contains("open 1 b.test:8080"), "{play}");
}

#[test]
fn a_request_to_a_proxy_goes_to_another_server() {
    let mut play = play_to(HEADS, true);
    play.client("GET http://a.test/a HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let head = play.take_questions()[0].request.head.clone();
    let url = Some("http://b.test/other".into());
    play.judge(1, Verdict::Request { by: by(), url, head, body: None });
    play.input(Input::Opened { server: 0, addr: ([192, 0, 2, 2], 80).into() });
    assert_eq!(sent(&mut play, SERVER), "GET /other HTTP/1.1\r\nHost: b.test\r\n\r\n");
}

#[test]
fn a_server_that_cannot_be_reached_is_a_bad_gateway() {
    let mut play = play(HEADS);
    play.client(GET);
    let head = play.take_questions()[0].request.head.clone();
    let url = Some("http://b.test/".into());
    play.judge(1, Verdict::Request { by: by(), url, head, body: None });
    play.input(crate::play::refused(1));
    assert!(sent(&mut play, Peer::Client).starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
}

#[test]
fn a_response_waits_for_its_verdict_and_outlives_its_server() {
    let until_close = "HTTP/1.1 200 OK\r\nX-A:  b\r\n\r\nhello";
    for wants in [RESPONSES, Wants { response: Want::Head, ..RESPONSES }] {
        for wire in [ANSWER, until_close] {
            let mut play = play(wants);
            play.client(GET);
            play.server(wire);
            play.input(Input::Eof(SERVER));
            assert_eq!(sent(&mut play, Peer::Client), "");
            play.judge(1, Verdict::Pass);
            assert_eq!(sent(&mut play, Peer::Client), wire);
            let well = |event: &Event| matches!(event, Event::ExchangeEnded { failure: None, .. });
            assert!(play.events().any(well), "{play}");
        }
    }
}

#[test]
fn a_changed_response_has_its_true_length() {
    let mut play = play(RESPONSES);
    play.client(format!("{GET}{NEXT}"));
    play.server(ANSWER);
    let head = play.take_questions()[0].response.clone().unwrap();
    play.judge(1, Verdict::Response { by: by(), head, body: Some("no".into()) });
    let changed = "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 2\r\n\r\nno";
    assert_eq!(sent(&mut play, Peer::Client), changed);
    play.server(ANSWER);
    play.judge(2, Verdict::Pass);
    assert_eq!(sent(&mut play, Peer::Client), ANSWER);
}

#[test]
fn a_client_that_waits_with_its_body_is_told_to_go_on() {
    let mut play = play(REQUESTS);
    let head = "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    play.client(head);
    assert_eq!(sent(&mut play, Peer::Client), "HTTP/1.1 100 Continue\r\n\r\n");
    play.client("ok");
    play.judge(1, Verdict::Pass);
    assert_eq!(sent(&mut play, SERVER), format!("{head}ok"));
}

#[test]
fn what_a_hook_makes_is_no_way_to_smuggle() {
    let injected = [("X", "1\r\nInjected: 1"), ("A b", "1"), ("", "1")];
    for (name, value) in injected {
        let mut play = play(HEADS);
        play.client(GET);
        let head = with_field(&play.take_questions()[0].request.head, name, value);
        play.judge(1, Verdict::Request { by: by(), url: None, head, body: None });
        assert_eq!(sent(&mut play, SERVER), "", "{name}");
    }
    for url in
        ["http://b.test/a b", "ftp://b.test/", "http:///", "b.test", "http://b.test/\r\nX: y"]
    {
        let mut play = play(HEADS);
        play.client(GET);
        let head = play.take_questions()[0].request.head.clone();
        play.judge(1, Verdict::Request { by: by(), url: Some(url.into()), head, body: None });
        assert_eq!(sent(&mut play, SERVER), "", "{url}");
    }
}

#[test]
fn an_upgrade_to_http2_is_not_a_way_around() {
    let mut play = play(Wants { of: "elsewhere", ..HEADS });
    play.client(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABk\r\n\r\n",
    );
    let expected = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n";
    assert_eq!(sent(&mut play, SERVER), expected);
}
