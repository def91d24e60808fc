//! What has no words in the other version of HTTP, and what hides a request in another.

use insta::assert_snapshot;
use sidestream_flow::Peer;

use crate::endpoint::wire::{GET, fields};
use crate::translate::down::Down;
use crate::translate::stage;
use crate::translate::up::Up;

type List<'a> = &'a [(&'a str, &'a str)];

/// What the client of HTTP/1 is answered, and how its exchange ended.
fn asked(request: &str) -> String {
    let mut up = Up::new(stage::up());
    let heard = up.ask(request);
    let text = up.stage.text(Peer::Client);
    let transcript = up.stage.transcript();
    let over = transcript.lines().find(|line| line.contains("over 1")).unwrap_or("not over");
    let over = over.trim_start_matches([' ', '<', '*', '0', 'm', 's']);
    let status = text.lines().next().unwrap_or("no answer");
    format!("{} asked, {status}, {over}", heard.len())
}

#[test]
fn a_request_that_http2_cannot_express_is_refused() {
    let cases = [
        asked("GET / HTTP/1.1\r\nHost: a\r\nx y: z\r\n\r\n"),
        asked("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"),
        asked("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
        asked("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        asked("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        asked("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        asked("GET x HTTP/1.1\r\nHost: a\r\n\r\n"),
        asked("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"),
        asked("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        asked(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        asked("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"),
        asked("POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r\n"),
        asked("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        asked("garbage\r\n\r\n"),
    ];
    assert_snapshot!(cases.join("\n"));
}

#[test]
fn what_belongs_to_the_connection_alone_is_dropped_but_nothing_vital() {
    let mut up = Up::new(stage::up());
    let heard = up.ask("POST / HTTP/1.1\r\nHost: a\r\nConnection: content-length, host, cookie, x\r\nContent-Length: 2\r\nCookie: c\r\nX: y\r\nFolded: a\r\n b\r\n\r\nhi");
    assert_eq!(
        heard[0],
        "1 head :method=POST :scheme=https :authority=a :path=/ content-length=2 cookie=c folded=a   b"
    );
}

#[test]
fn a_refusal_waits_for_its_turn() {
    let mut up = Up::new(stage::up());
    let heard = up.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\nCONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\nGET /never HTTP/1.1\r\n\r\n");
    assert_eq!(heard.len(), 1);
    assert_eq!(up.stage.text(Peer::Client), "");
    up.server.send_head(1, &fields(&[(":status", "204")]), true);
    up.settle();
    let text = up.stage.text(Peer::Client);
    assert!(text.starts_with("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 501 "), "{text}");
    assert_snapshot!(up.stage.transcript());
}

/// What comes of a stream of that request, and what a server heard.
fn begun(list: List<'_>) -> String {
    let mut down = Down::new(stage::down());
    down.client.open(&fields(list), true).unwrap();
    let heard = down.settle().join(", ");
    let text = down.stage.text(Peer::Server(0));
    format!("{heard} / {}", text.lines().next().unwrap_or("not asked"))
}

#[test]
fn a_request_that_http1_cannot_express_is_refused() {
    let with = |more: List<'_>| begun(&[&GET[..], more].concat());
    let cases = [
        begun(&[(":method", "CONNECT"), (":authority", "a:1")]),
        begun(&[GET[0], GET[1], GET[3]]),
        begun(&[GET[0], GET[1], GET[3], ("host", "a")]),
        with(&[("host", "b")]),
        with(&[("host", "a.test")]),
        with(&[("content_length", "5")]),
        with(&[("transfer_encoding", "chunked")]),
        with(&[("x", "y\r\nz: a")]),
        begun(&[GET[0], GET[1], GET[2], (":path", "/x HTTP/1.1")]),
        begun(&[(":method", "GET / HTTP/1.1\r\nx:"), GET[1], GET[2], GET[3]]),
        begun(&[GET[0], GET[1], (":authority", "a\r\nx: y"), GET[3]]),
    ];
    assert_snapshot!(cases.join("\n"));
}

#[test]
fn a_response_that_http2_cannot_express_is_a_reset() {
    let check = |text: &str| {
        let mut down = Down::new(stage::down());
        down.client.open(&fields(&GET), true).unwrap();
        down.settle();
        down.stage.say(Peer::Server(0), text);
        down.settle().join(", ")
    };
    let cases = [
        check("HTTP/1.1 200 OK\r\nx y: z\r\n\r\n"),
        check("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"),
        check("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        check("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy"),
        check(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        ),
        check("HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"),
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        check("SSH-2.0-x\r\n"),
    ];
    assert_snapshot!(cases.join("\n"));
}
