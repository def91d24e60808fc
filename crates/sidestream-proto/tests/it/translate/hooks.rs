//! Hooks see exchanges and messages of WebSockets where versions are translated, too.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sidestream_flow::{ExchangeId, Peer};
use sidestream_proto::hooks::{MessageVerdict, Question, Verdict, Want};
use sidestream_proto::websocket::{InjectError, Injection};
use sidestream_proto::{Event, Input};
use sidestream_record::{Change, Failure, Field, ResponseHead, Version, WebSocketKind};

use super::down::Down;
use super::sockets::{opened_down_on, opened_up_on};
use super::stage::{Stage, hooked};
use super::up::Up;
use crate::endpoint::wire::fields;
use crate::hooks::Wants;
use crate::websocket::hooks::{BOTH, read};
use crate::websocket::peer;

const S0: Peer = Peer::Server(0);
const REQUESTS: Wants = Wants { request: Want::Whole, response: Want::Nothing, of: "" };
const RESPONSES: Wants = Wants { request: Want::Nothing, response: Want::Whole, of: "" };

fn hooked_by(wants: Wants) -> (Down, Up) {
    let [down, up] = hooked(Arc::new(wants));
    (Down::new(down), Up::new(up))
}

fn asked(stage: &mut Stage) -> Question {
    let mut asked = stage.play.take_questions();
    assert_eq!(asked.len(), 1, "{asked:?}");
    asked.remove(0)
}

fn by() -> String {
    "a hook".into()
}

/// What is said of changes.
fn changes(stage: &mut Stage) -> Vec<Change> {
    let mut changes = Vec::new();
    for event in stage.events() {
        if let Event::Altered { alteration: sidestream_record::Alteration::Edited(edit), .. } =
            event
        {
            changes.push(edit.change.clone());
        }
    }
    changes
}

fn answer(status: u16) -> ResponseHead {
    let fields = [Field::new("X-Made", "1")].into_iter().collect();
    ResponseHead { version: Version::Http11, status, reason: "Made".into(), fields }
}

#[test]
fn a_request_waits_whole_and_goes_on_as_a_hook_says() {
    let (mut down, mut up) = hooked_by(REQUESTS);
    let stream = down.post(&[("x-a", "1")]);
    down.client.send_data(stream, Bytes::from_static(b"dear"), true);
    down.settle();
    assert_eq!(down.stage.text(S0), "");
    let Question { request, body, .. } = asked(&mut down.stage);
    assert_eq!(body.as_deref(), Some(&b"dear"[..]));
    let mut head = request.head.clone();
    head.fields.push("X-New", "n");
    let verdict = Verdict::Request { by: by(), url: None, head, body: Some("cheap".into()) };
    down.stage.play.judge(1, verdict);
    down.settle();
    assert_eq!(
        down.stage.text(S0),
        "POST / HTTP/1.1\r\nhost: a.test\r\nx-a: 1\r\nx-new: n\r\ncontent-length: 5\r\n\r\ncheap"
            .replace(
                "content-length: 5\r\n\r\ncheap",
                "transfer-encoding: chunked\r\n\r\n5\r\ncheap\r\n0\r\n\r\n"
            )
    );

    let heard = up.ask("POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nde");
    assert_eq!(heard, [""; 0]);
    up.ask("ar");
    let Question { request, body, .. } = asked(&mut up.stage);
    assert_eq!(body.as_deref(), Some(&b"dear"[..]));
    let mut head = request.head.clone();
    head.fields.push("X-New", "n");
    let verdict = Verdict::Request { by: by(), url: None, head, body: Some("cheap".into()) };
    up.stage.play.judge(1, verdict);
    assert_eq!(
        up.settle(),
        [
            "1 head :method=POST :scheme=https :authority=a.test :path=/x content-length=5 x-new=n",
            "1 data 5",
            "1 data 0 end",
        ]
    );
    for stage in [&mut down.stage, &mut up.stage] {
        assert!(matches!(changes(stage)[..], [Change::Request { .. }]));
    }
}

#[test]
fn what_passes_is_what_would_have_been_sent() {
    let (mut down, mut up) = hooked_by(REQUESTS);
    let stream = down.post(&[]);
    down.client.send_data(stream, Bytes::from_static(b"hello"), false);
    down.client.send_trailers(stream, fields(&[("sum", "1")]));
    down.settle();
    down.stage.play.judge(1, Verdict::Pass);
    down.settle();
    let expected = "POST / HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n\
                    5\r\nhello\r\n0\r\nsum: 1\r\n\r\n";
    assert_eq!(down.stage.text(S0), expected);
    up.ask(&expected.replace("sum", "Sum"));
    up.stage.play.judge(1, Verdict::Pass);
    assert_eq!(
        up.settle(),
        [
            "1 head :method=POST :scheme=https :authority=a.test :path=/",
            "1 data 5",
            "1 trailers sum=1"
        ]
    );
}

#[test]
fn an_answer_reaches_the_client_alone() {
    let (mut down, mut up) = hooked_by(Wants { request: Want::Head, ..REQUESTS });
    let stream = down.post(&[]);
    let verdict = Verdict::Answer { by: by(), head: answer(203), body: "made".into() };
    down.stage.play.judge(1, verdict.clone());
    let heard = down.settle();
    assert_eq!(heard[0], format!("{stream} head :status=203 x-made=1 content-length=4"));
    assert_eq!(down.stage.text(S0), "");
    // The rest of the request goes nowhere, and the next is served.
    down.client.send_data(stream, Bytes::from_static(b"late"), true);
    down.settle();
    down.post(&[]);
    down.stage.play.judge(2, Verdict::Pass);
    down.settle();
    assert!(down.stage.text(S0).starts_with("POST / HTTP/1.1\r\n"));

    let get = "GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n";
    up.ask(&format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\n{}", "body"));
    up.stage.play.judge(1, verdict);
    up.settle();
    let made =
        "HTTP/1.1 203 Non-Authoritative Information\r\nX-Made: 1\r\nContent-Length: 4\r\n\r\nmade";
    assert_eq!(up.stage.text(Peer::Client), made);
    up.ask(get);
    up.stage.play.judge(2, Verdict::Pass);
    assert_eq!(up.settle(), ["1 head :method=GET :scheme=https :authority=a.test :path=/a end"]);
}

#[test]
fn a_hook_ends_an_exchange() {
    let (mut down, mut up) = hooked_by(REQUESTS);
    down.client.open(&fields(&crate::endpoint::wire::GET), true).unwrap();
    down.settle();
    down.stage.play.judge(1, Verdict::Kill { by: by() });
    assert_eq!(down.settle(), ["1 reset CANCEL"]);
    assert!(!down.stage.play.done, "the others go on");
    up.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    up.stage.play.judge(1, Verdict::Kill { by: by() });
    up.settle();
    assert!(up.stage.play.done);
    for stage in [&mut down.stage, &mut up.stage] {
        let blocked = stage.events().iter().filter(|event| {
            matches!(event, Event::ExchangeEnded { failure: Some(Failure::Blocked { .. }), .. })
        });
        assert_eq!(blocked.count(), 1);
    }
}

#[test]
fn a_response_waits_whole_and_goes_on_as_a_hook_says() {
    let (mut down, mut up) = hooked_by(RESPONSES);
    let change = |question: Question| {
        assert_eq!(question.body.as_deref(), Some(&b"old body"[..]));
        let mut head = question.response.unwrap();
        head.fields.push("X-New", "n");
        Verdict::Response { by: by(), head, body: Some("new".into()) }
    };
    down.client.open(&fields(&crate::endpoint::wire::GET), true).unwrap();
    down.settle();
    let heard = down.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nold bo");
    assert_eq!(heard, [""; 0]);
    down.stage.say(S0, "dy");
    let verdict = change(asked(&mut down.stage));
    down.stage.play.judge(1, verdict);
    assert_eq!(down.settle(), ["1 head :status=200 content-length=3 x-new=n", "1 data 3 end"]);

    up.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    up.server.send_head(1, &fields(&[(":status", "200"), ("content-length", "8")]), false);
    up.server.send_data(1, Bytes::from_static(b"old "), false);
    up.settle();
    assert_eq!(up.stage.text(Peer::Client), "");
    up.server.send_data(1, Bytes::from_static(b"body"), true);
    up.settle();
    let verdict = change(asked(&mut up.stage));
    up.stage.play.judge(1, verdict);
    up.settle();
    assert_eq!(
        up.stage.text(Peer::Client),
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nX-New: n\r\n\r\nnew"
    );
}

#[test]
fn a_response_that_ends_with_its_connection_is_whole_then() {
    let (mut down, _) = hooked_by(RESPONSES);
    down.client.open(&fields(&crate::endpoint::wire::GET), true).unwrap();
    down.settle();
    down.answer(0, "HTTP/1.1 200 OK\r\n\r\nuntil the end");
    down.stage.close(S0);
    assert_eq!(asked(&mut down.stage).body.as_deref(), Some(&b"until the end"[..]));
    down.stage.play.judge(1, Verdict::Pass);
    assert_eq!(down.settle(), ["1 head :status=200", "1 data 13 end"]);
    // What is cut short is told, and not taken for whole.
    down.client.open(&fields(&crate::endpoint::wire::GET), true).unwrap();
    down.settle();
    let server = Peer::Server(1);
    down.stage.say(server, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ncut");
    down.stage.close(server);
    assert_eq!(asked(&mut down.stage).body, None);
    down.stage.play.judge(2, Verdict::Pass);
    let heard = down.settle();
    assert_eq!(heard.last().unwrap(), "3 reset INTERNAL_ERROR", "{heard:?}");
}

#[test]
fn bodies_over_the_limit_go_on_as_they_come() {
    let big = Bytes::from(vec![b'x'; 150_000]);
    let (mut down, mut up) = hooked_by(REQUESTS);
    let stream = down.post(&[]);
    down.client.send_data(stream, big.clone(), true);
    down.settle();
    assert_eq!(asked(&mut down.stage).body, None);
    down.stage.play.judge(1, Verdict::Pass);
    down.settle();
    assert_eq!(down.stage.text(S0).matches('x').count(), big.len());
    up.ask("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 150000\r\n\r\n");
    up.stage.say(Peer::Client, &big);
    assert_eq!(asked(&mut up.stage).body, None);
    up.stage.play.judge(1, Verdict::Pass);
    let data = up
        .settle()
        .iter()
        .filter_map(|it| it.split(' ').nth(2)?.parse::<usize>().ok())
        .sum::<usize>();
    assert_eq!(data, big.len());

    let (mut down, mut up) = hooked_by(RESPONSES);
    down.client.open(&fields(&crate::endpoint::wire::GET), true).unwrap();
    down.settle();
    down.stage.say(S0, "HTTP/1.1 200 OK\r\nContent-Length: 150000\r\n\r\n");
    down.stage.say(S0, &big);
    assert_eq!(asked(&mut down.stage).body, None);
    down.stage.play.judge(1, Verdict::Pass);
    let data = down
        .settle()
        .iter()
        .filter_map(|it| it.split(' ').nth(2)?.parse::<usize>().ok())
        .sum::<usize>();
    assert_eq!(data, big.len());
    up.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    up.server.send_head(1, &fields(&[(":status", "200")]), false);
    up.server.send_data(1, big.clone(), true);
    up.settle();
    assert_eq!(asked(&mut up.stage).body, None);
    up.stage.play.judge(1, Verdict::Pass);
    up.settle();
    assert_eq!(up.stage.text(Peer::Client).matches('x').count(), big.len());
}

#[test]
fn a_reset_while_a_response_is_held_is_no_response() {
    let (_, mut up) = hooked_by(RESPONSES);
    up.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    up.server.send_head(1, &fields(&[(":status", "200")]), false);
    up.server.send_data(1, Bytes::from_static(b"begun"), false);
    up.settle();
    up.server.reset(1, sidestream_proto::http2::ErrorCode::INTERNAL_ERROR);
    up.settle();
    assert_eq!(asked(&mut up.stage).body, None);
    up.stage.play.judge(1, Verdict::Pass);
    up.settle();
    let text = up.stage.text(Peer::Client);
    assert!(text.contains("begun") && !text.ends_with("0\r\n\r\n"), "{text}");
}

#[test]
fn a_request_goes_to_another_server_whatever_the_versions() {
    let (mut down, mut up) = hooked_by(Wants { request: Want::Head, ..REQUESTS });
    let moved = |question: Question| {
        let head = question.request.head.clone();
        let url = Some("https://a.test:8443/moved".into());
        Verdict::Request { by: by(), url, head, body: None }
    };
    down.client.open(&fields(&crate::endpoint::wire::GET), true).unwrap();
    down.settle();
    let verdict = moved(asked(&mut down.stage));
    down.stage.play.judge(1, verdict);
    down.settle();
    let other = Peer::Server(1);
    assert_eq!(down.stage.text(other), "GET /moved HTTP/1.1\r\nhost: a.test:8443\r\n\r\n");
    let heard = down.answer(1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(heard, ["1 head :status=200 content-length=2", "1 data 2 end"]);
    assert_eq!(down.stage.text(S0), "");

    // In their turn, though the one elsewhere is answered first.
    let get = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    up.ask(get);
    asked(&mut up.stage);
    up.stage.play.judge(1, Verdict::Pass);
    up.ask("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbo");
    let verdict = moved(asked(&mut up.stage));
    up.stage.play.judge(2, verdict);
    up.ask("dy");
    assert_eq!(
        up.stage.text(other),
        "POST /moved HTTP/1.1\r\nhost: a.test:8443\r\ncontent-length: 4\r\n\r\nbody"
    );
    up.stage.say(other, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nelse");
    up.settle();
    assert_eq!(up.stage.text(Peer::Client), "");
    up.server.send_head(1, &fields(&[(":status", "204")]), true);
    up.settle();
    let text = up.stage.text(Peer::Client);
    assert_eq!(
        text,
        "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nelse"
    );
    assert_eq!(up.stage.aborted, [other]);
}

#[test]
fn another_server_that_is_not_there_is_told_to_the_client() {
    let (mut down, mut up) = hooked_by(Wants { request: Want::Head, ..REQUESTS });
    down.stage.reachable = 1;
    up.stage.reachable = 1;
    let url = Some("http://b.test/".to_owned());
    down.client.open(&fields(&crate::endpoint::wire::GET), true).unwrap();
    down.settle();
    let head = asked(&mut down.stage).request.head.clone();
    down.stage.play.judge(1, Verdict::Request { by: by(), url: url.clone(), head, body: None });
    assert_eq!(down.settle(), ["1 reset INTERNAL_ERROR"]);
    up.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let head = asked(&mut up.stage).request.head.clone();
    up.stage.play.judge(1, Verdict::Request { by: by(), url, head, body: None });
    up.settle();
    assert!(up.stage.text(Peer::Client).starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
}

/// Has the messages that wait replaced by their words in reverse.
fn judge_messages(stage: &mut Stage) -> usize {
    stage.settle();
    let asked = stage.play.take_messages();
    for question in &asked {
        let data: Vec<u8> = question.data.iter().rev().copied().collect();
        let verdict = MessageVerdict::Replace { by: by(), data: data.into() };
        stage.play.judge_message(question.message, verdict);
    }
    stage.settle();
    asked.len()
}

#[test]
fn messages_are_changed_both_ways_whatever_the_versions() {
    let [down, up] = hooked(Arc::new(BOTH));
    let mut down = opened_down_on(down);
    down.client.send_data(1, Bytes::from(peer::up(0x81, "hello")), false);
    down.settle();
    assert_eq!(down.stage.heard(S0), b""[..]);
    assert_eq!(judge_messages(&mut down.stage), 1);
    assert_eq!(read(Peer::Client, "", &down.stage.heard(S0)), [b"olleh"]);
    down.stage.say(S0, peer::down(0x81, "welcome"));
    assert_eq!(judge_messages(&mut down.stage), 1);
    assert_eq!(down.settle(), ["1 data 9"]);
    // An end waits for what is held.
    down.client.send_data(1, Bytes::from(peer::up(0x81, "last")), true);
    down.stage.say(S0, peer::down(0x81, "last"));
    down.stage.close(S0);
    assert_eq!(down.settle(), [""; 0]);
    assert_eq!(judge_messages(&mut down.stage), 2);
    assert_eq!(down.settle(), ["1 data 6 end"]);

    let mut up = opened_up_on(up);
    up.stage.say(Peer::Client, peer::up(0x81, "hello"));
    assert_eq!(up.settle(), [""; 0]);
    assert_eq!(judge_messages(&mut up.stage), 1);
    assert_eq!(up.settle(), ["1 data 11"]);
    up.server.send_data(1, Bytes::from(peer::down(0x81, "welcome")), false);
    up.settle();
    assert_eq!(up.stage.heard(Peer::Client), b""[..]);
    assert_eq!(judge_messages(&mut up.stage), 1);
    assert_eq!(up.stage.heard(Peer::Client), peer::down(0x81, "emoclew"));
}

#[test]
fn windows_open_for_as_much_as_hooks_let_through() {
    let [down, up] = hooked(Arc::new(BOTH));
    let (mut down, mut up) = (opened_down_on(down), opened_up_on(up));
    let mut heard = [Vec::new(), Vec::new()];
    for _ in 0..40 {
        down.client.send_data(1, Bytes::from(peer::up(0x82, vec![7; 50_000])), false);
        down.settle();
        assert_eq!(judge_messages(&mut down.stage), 1);
        heard[0].extend(down.stage.heard(S0));
        up.server.send_data(1, Bytes::from(peer::down(0x82, vec![7; 50_000])), false);
        up.settle();
        assert_eq!(judge_messages(&mut up.stage), 1);
        heard[1].extend(up.stage.heard(Peer::Client));
    }
    assert_eq!(read(Peer::Client, "", &heard[0]), vec![vec![7; 50_000]; 40]);
    assert_eq!(read(S0, "", &heard[1]), vec![vec![7; 50_000]; 40]);
}

#[test]
fn messages_of_the_users_own_go_both_ways_whatever_the_versions() {
    let inject = |stage: &mut Stage, to| {
        let ours = Injection { kind: WebSocketKind::Text, data: "ours".into() };
        let injected = stage.play.conn.inject(ExchangeId(1), to, ours, Instant::now());
        stage.play.drain();
        stage.settle();
        injected
    };
    let mut down = opened_down_on(super::stage::down());
    // It waits for the end of a message, and takes no room in the client's window.
    down.client.send_data(1, Bytes::from(peer::up(0x01, "one ")), false);
    down.settle();
    inject(&mut down.stage, S0).unwrap();
    down.client.send_data(1, Bytes::from(peer::up(0x80, "two")), false);
    down.settle();
    let heard = down.stage.heard(S0);
    assert_eq!(read(Peer::Client, "", &heard), [&b"one two"[..], b"ours"]);
    inject(&mut down.stage, Peer::Client).unwrap();
    assert_eq!(down.settle(), ["1 data 6"]);
    down.stage.close(S0);
    down.settle();
    assert_eq!(inject(&mut down.stage, Peer::Client), Err(InjectError::Closed));
    assert_eq!(inject(&mut down.stage, Peer::Server(9)), Err(InjectError::NotOpen));

    let mut up = opened_up_on(super::stage::up());
    inject(&mut up.stage, Peer::Client).unwrap();
    assert_eq!(up.stage.heard(Peer::Client), peer::down(0x81, "ours"));
    inject(&mut up.stage, S0).unwrap();
    assert_eq!(up.settle(), ["1 data 10"]);
    up.stage.close(Peer::Client);
    up.settle();
    assert_eq!(inject(&mut up.stage, S0), Err(InjectError::Closed));
    let told = up
        .stage
        .events()
        .iter()
        .filter(|event| matches!(event, Event::WebSocket(message) if message.injected));
    assert_eq!(told.count(), 2);
}

#[test]
fn a_hook_ends_a_websocket_and_nothing_else() {
    let [down, up] = hooked(Arc::new(BOTH));
    let mut down = opened_down_on(down);
    down.client.send_data(1, Bytes::from(peer::up(0x81, "secret")), false);
    down.settle();
    let message = down.stage.play.take_messages()[0].message;
    down.stage.play.judge_message(message, MessageVerdict::Kill { by: by() });
    assert_eq!(down.settle(), ["1 reset CANCEL"]);
    assert!(!down.stage.play.done);
    let mut up = opened_up_on(up);
    up.stage.say(Peer::Client, peer::up(0x81, "secret"));
    let message = up.stage.play.take_messages()[0].message;
    up.stage.play.judge_message(message, MessageVerdict::Kill { by: by() });
    assert_eq!(up.settle(), ["1 reset CANCEL"]);
    assert!(up.stage.play.done);
    up.stage.play.quiet_input(Input::Timeout);
}
