//! WebSockets between HTTP/1 and HTTP/2 (RFC 8441 §5).

use bytes::Bytes;
use insta::assert_snapshot;
use sidestream_flow::Peer;
use sidestream_proto::endpoint::{Endpoint, Limits};
use sidestream_proto::http2::ErrorCode;

use super::down::Down;
use super::stage::{Stage, down, up};
use super::up::Up;
use crate::endpoint::wire::{GET, fields};
use crate::websocket::peer;

const S0: Peer = Peer::Server(0);

const ASKS: [(&str, &str); 7] = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":path", "/chat"),
    (":authority", "a.test"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-protocol", "talk"),
];

const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: talk\r\n\r\n";

/// What a server of HTTP/1 answers to a request for a WebSocket.
pub(crate) fn accepting(request: &str) -> String {
    let (_, key) = request.split_once("sec-websocket-key: ").unwrap();
    let accept = accept(key.lines().next().unwrap());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: talk\r\n\r\n"
    )
}

/// As RFC 6455 §4.2.2 has it.
fn accept(key: &str) -> String {
    use base64::Engine as _;
    use sha1::Digest as _;
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64::engine::general_purpose::STANDARD.encode(sha1::Sha1::digest(text))
}

/// The request without its key, which is another each time.
fn without_key(request: &str) -> String {
    let lines = request.lines().filter(|line| !line.starts_with("sec-websocket-key"));
    lines.collect::<Vec<_>>().join("\n")
}

fn ask(down: &mut Down) -> u32 {
    let stream = down.client.open(&fields(&ASKS), false).unwrap();
    down.settle();
    stream
}

/// A client of HTTP/2 whose WebSocket a server of HTTP/1 has opened on stream 1.
fn opened_down() -> Down {
    opened_down_on(down())
}

pub(super) fn opened_down_on(stage: Stage) -> Down {
    let mut down = Down::new(stage);
    assert_eq!(ask(&mut down), 1);
    let request = down.stage.text(S0);
    assert_eq!(
        without_key(&request),
        "GET /chat HTTP/1.1\nhost: a.test\nsec-websocket-version: 13\n\
         sec-websocket-protocol: talk\nconnection: Upgrade\nupgrade: websocket\n"
    );
    let heard = down.answer(0, &accepting(&request));
    assert_eq!(heard, ["1 head :status=200 sec-websocket-protocol=talk"]);
    down
}

/// A client of HTTP/1 whose WebSocket a server of HTTP/2 has opened on stream 1.
fn opened_up() -> Up {
    opened_up_on(up())
}

pub(super) fn opened_up_on(stage: Stage) -> Up {
    let mut up = Up::speaking(stage, Endpoint::server_with_extended_connect(Limits::default()));
    let heard = up.ask(REQUEST);
    assert_eq!(
        heard,
        [
            "1 head :method=CONNECT :protocol=websocket :scheme=https :authority=a.test :path=/chat sec-websocket-version=13 sec-websocket-protocol=talk"
        ]
    );
    up.server.send_head(
        1,
        &fields(&[(":status", "200"), ("sec-websocket-protocol", "talk")]),
        false,
    );
    up.settle();
    assert_eq!(
        up.stage.text(Peer::Client),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nsec-websocket-protocol: talk\r\n\r\n"
    );
    up
}

#[test]
fn a_client_of_http2_talks_with_a_server_of_http1() {
    let mut down = opened_down();
    let hello = peer::up(0x81, "hello");
    down.client.send_data(1, Bytes::from(hello.clone()), false);
    down.settle();
    assert_eq!(down.stage.heard(S0), hello, "passed otherwise than sent");
    let answer = [peer::down(0x81, "welcome"), peer::down(0x88, b"\x03\xe8")].concat();
    down.stage.say(S0, &answer);
    assert_eq!(down.settle(), ["1 data 13"]);
    down.stage.close(S0);
    assert_eq!(down.settle(), ["1 data 0 end"]);
    down.client.send_data(1, Bytes::from(peer::up(0x88, b"\x03\xe8")), true);
    down.settle();
    assert_eq!(down.stage.heard(S0), peer::up(0x88, b"\x03\xe8"));
    assert_snapshot!(down.stage.transcript());
}

#[test]
fn a_client_of_http1_talks_with_a_server_of_http2() {
    let mut up = opened_up();
    let hello = peer::up(0x81, "hello");
    up.stage.say(Peer::Client, &hello);
    assert_eq!(up.settle(), ["1 data 11"]);
    let answer = [peer::down(0x81, "welcome"), peer::down(0x88, b"\x03\xe8")].concat();
    up.server.send_data(1, Bytes::from(answer.clone()), true);
    up.settle();
    assert_eq!(up.stage.heard(Peer::Client), answer, "passed otherwise than sent");
    up.stage.say(Peer::Client, peer::up(0x88, b"\x03\xe8"));
    up.stage.close(Peer::Client);
    assert_eq!(up.settle(), ["1 data 8", "1 data 0 end", "going away after 0, NO_ERROR"]);
    assert_snapshot!(up.stage.transcript());
}

#[test]
fn a_refusal_is_an_answer_with_a_body_both_ways() {
    let mut down = Down::new(down());
    ask(&mut down);
    down.stage.text(S0);
    let heard = down.answer(0, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    assert_snapshot!(heard.join("\n"), @r"
    1 head :status=403 content-length=2
    1 data 2 end
    1 reset NO_ERROR
    ");
    let mut up = Up::speaking(up(), Endpoint::server_with_extended_connect(Limits::default()));
    up.ask(REQUEST);
    up.server.send_head(1, &fields(&[(":status", "403"), ("content-length", "2")]), false);
    up.server.send_data(1, Bytes::from_static(b"no"), true);
    assert_eq!(up.settle(), ["1 data 0 end"]);
    assert_snapshot!(up.stage.text(Peer::Client), @r"
    HTTP/1.1 403 Forbidden
    content-length: 2

    no
    ");
    // The connection serves another request.
    let heard = up.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(heard, ["3 head :method=GET :scheme=https :authority=a.test :path=/ end"]);
}

#[test]
fn a_server_that_knows_of_no_upgrades_gets_an_ordinary_request() {
    let mut up = Up::new(up());
    let heard = up.ask(REQUEST);
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].starts_with("1 head :method=GET "), "{heard:?}");
}

#[test]
fn an_answer_that_neither_opens_nor_refuses_is_not_taken_for_a_websocket() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    ] {
        let mut down = Down::new(down());
        ask(&mut down);
        down.stage.text(S0);
        let heard = down.answer(0, answer);
        assert_eq!(heard, ["1 reset CANCEL"], "{answer}");
    }
}

#[test]
fn a_reset_goes_through_both_ways() {
    let mut down = opened_down();
    down.client.reset(1, ErrorCode::CANCEL);
    down.settle();
    assert_eq!(down.stage.aborted, [S0]);

    let mut up = opened_up();
    up.server.reset(1, ErrorCode::CANCEL);
    up.settle();
    assert!(up.stage.transcript().contains("closed: "), "{}", up.stage.transcript());
}

#[test]
fn a_websocket_takes_no_connection_from_the_other_streams() {
    let mut down = Down::new(down());
    for socket in 0..8 {
        ask(&mut down);
        let request = down.stage.text(Peer::Server(socket));
        down.answer(socket, &accepting(&request));
    }
    down.client.open(&fields(&GET), true).unwrap();
    down.settle();
    assert!(down.stage.text(Peer::Server(8)).starts_with("GET / "));
}
