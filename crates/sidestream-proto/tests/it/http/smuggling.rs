//! What comes of each ambiguous message between a client and its server, with another one behind
//! it.

use std::fmt::Write as _;

use insta::assert_snapshot;
use sidestream_flow::Peer;
use sidestream_proto::Event;
use sidestream_record::{Part, Protocol};

use crate::http1::Sender;
use crate::http1::cases::cases;
use crate::play::Play;

const SERVER: Peer = Peer::Server(0);
const NEXT: &str = "GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n";
const LAST: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast";

/// Says what arrived of what was sent.
fn arrived(got: &[u8], sent: &[u8]) -> String {
    match got {
        [] => "nothing".into(),
        got if got == sent => "as sent".into(),
        got if sent.starts_with(got) => format!("the first {}", got.len()),
        got => format!("{:?}", String::from_utf8_lossy(got)),
    }
}

/// Lists the messages of one side that were told, with their content.
fn told(play: &Play, part: Part) -> String {
    let mut told = Vec::<String>::new();
    let mut raw = false;
    for event in play.events() {
        match event {
            Event::Request { head, .. } if part == Part::Request => {
                let (method, target) = (head.method.escape_ascii(), head.target.escape_ascii());
                told.push(format!("{method} {target}"));
            }
            Event::Response { head, .. } if part == Part::Response => {
                told.push(head.status.to_string());
            }
            Event::Body { part: its, data, .. } if *its == part => {
                let last = told.last_mut().unwrap();
                write!(last, " {}", data.escape_ascii()).unwrap();
            }
            Event::Recognized(Protocol::Raw) => raw = true,
            _ => {}
        }
    }
    if raw {
        told.push("then raw".into());
    } else if play.done {
        told.push("then the end".into());
    }
    told.join(", ")
}

#[test]
fn what_a_server_reads_is_what_was_told() {
    let mut text = String::new();
    for (name, _, sender, bytes) in cases() {
        let Sender::Client = sender else { continue };
        let mut play = Play::opened();
        let said = [&bytes, NEXT.as_bytes()].concat();
        play.client(&said);
        let passed = arrived(&play.take_sent(SERVER), &said);
        let answer = play.take_sent(Peer::Client);
        let answer = String::from_utf8_lossy(&answer).lines().next().map(str::to_owned);
        let answer = answer.map_or_else(String::new, |line| format!(", {line}"));
        let read = told(&play, Part::Request);
        writeln!(text, "{name:36} {passed}{answer}: {read}").unwrap();
    }
    assert_snapshot!(text);
}

#[test]
fn what_a_client_reads_is_what_was_told() {
    let mut text = String::new();
    for (name, _, sender, bytes) in cases() {
        let Sender::Server(_) = sender else { continue };
        let mut play = Play::opened();
        play.client(NEXT.repeat(2));
        let said = [&bytes, LAST.as_bytes()].concat();
        play.server(&said);
        let passed = arrived(&play.take_sent(Peer::Client), &said);
        writeln!(text, "{name:36} {passed}: {}", told(&play, Part::Response)).unwrap();
    }
    assert_snapshot!(text);
}

/// Lets a server say what follows its response to the first of two requests, and returns what the
/// client got of it, and what was told.
fn poisoned(method: &str, said: &str) -> String {
    let mut play = Play::opened();
    play.client(format!("{method} / HTTP/1.1\r\nHost: a.test\r\n\r\n{NEXT}"));
    play.server(said);
    let passed = arrived(&play.take_sent(Peer::Client), said.as_bytes());
    format!("{passed}: {}", told(&play, Part::Response))
}

#[test]
fn a_body_where_there_is_none_is_read_as_the_client_reads_it() {
    let length = "Content-Length: 3\r\n\r\nabc";
    let no_content = poisoned("GET", &format!("HTTP/1.1 204 No Content\r\n{length}{LAST}"));
    assert_snapshot!(no_content, @"as sent: 204, then raw");
    let not_modified = poisoned("GET", &format!("HTTP/1.1 304 Not Modified\r\n{length}{LAST}"));
    assert_snapshot!(not_modified, @"as sent: 304, then raw");
    let head = poisoned("HEAD", &format!("HTTP/1.1 200 OK\r\n{length}{LAST}"));
    assert_snapshot!(head, @"as sent: 200, then raw");
    let hidden = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{LAST}{LAST}", LAST.len());
    assert_snapshot!(poisoned("HEAD", &hidden), @"as sent: 200, 200 last, then raw");
    assert_snapshot!(poisoned("GET", &hidden), @r"as sent: 200 HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast, 200 last");
    let third = format!("{LAST}{LAST}{LAST}");
    assert_snapshot!(poisoned("GET", &third), @"as sent: 200 last, 200 last, then raw");
}

/// Has a server change the protocol in answer to these bytes, and returns the requests that were
/// told, and whether anything behind them was sent on before.
fn upgraded(request: &str, answer: &str) -> String {
    let mut play = Play::opened();
    let said = format!("{request}{NEXT}");
    play.client(&said);
    let before = arrived(&play.take_sent(SERVER), said.as_bytes());
    play.server(answer);
    let requests = told(&play, Part::Request);
    let after = play.take_sent(SERVER).escape_ascii().to_string();
    format!("{before}, then {after:?}: {requests}")
}

#[test]
fn what_follows_an_upgrade_is_a_request_only_if_the_server_says_no() {
    let plain = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    let with_body = "POST /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 3\r\n\r\nabc";
    let half = with_body.strip_suffix("bc").unwrap();
    let unasked = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let connect = "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n";
    let switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    let no = "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n";
    let mut text = String::new();
    for (what, request) in [
        ("upgrade", plain),
        ("upgrade with a body", with_body),
        ("upgrade in half a body", half),
        ("no upgrade", unasked),
        ("tunnel", connect),
    ] {
        for (says, answer) in [("yes", switching), ("no", no)] {
            writeln!(text, "{what}, {says}: {}", upgraded(request, answer)).unwrap();
        }
    }
    assert_snapshot!(text);
}
