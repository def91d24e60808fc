//! WebSocket messages: their lines, and what is left of them where there is no room.

use std::time::SystemTime;

use bytes::Bytes;
use insta::assert_snapshot;
use sidestream_flow::{ExchangeId, FlowId, MessageId, Peer, Transport};
use sidestream_record::{
    Book, Entry, Event, Finished, Opened, WebSocketKind, WebSocketMessage, wording,
};

use crate::{ended, key, request, response};

fn message(from: Peer, kind: WebSocketKind, data: &[u8]) -> WebSocketMessage {
    WebSocketMessage {
        exchange: ExchangeId(1),
        message: MessageId(1),
        from,
        kind,
        data: Bytes::copy_from_slice(data),
        dropped: 0,
        fragments: 1,
        compressed: false,
        encoded: false,
        ended: true,
        injected: false,
        edit: None,
    }
}

/// Plays messages after an upgrade.
fn finished(messages: &[WebSocketMessage]) -> Vec<Finished> {
    let opened =
        Event::Opened(Opened { key: key(Transport::Tcp), process: None, via: "run".into() });
    let messages = messages.iter().map(|it| Event::WebSocket(Box::new(it.clone())));
    let events = [opened, request(1), response(1, 101), ended(1, None)].into_iter().chain(messages);
    let mut book = Book::default();
    let at = SystemTime::UNIX_EPOCH;
    events.flat_map(|event| book.apply(&Entry { at, flow: FlowId(1), event })).skip(1).collect()
}

fn lines(messages: &[WebSocketMessage]) -> String {
    let line = |finished: Finished| match finished {
        Finished::WebSocket { flow, url, message, at: _ } => {
            wording::web_socket(&flow, &url, &message).to_string()
        }
        other => panic!("{other:?}"),
    };
    finished(messages).into_iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_message_is_one_line_with_its_direction_and_its_beginning() {
    let (client, server) = (Peer::Client, Peer::Server(0));
    let long = "äöü ".repeat(30);
    let close = |code| WebSocketKind::Close { code };
    let odd = WebSocketMessage { ended: false, ..message(server, WebSocketKind::Text, b"half a") };
    let messages = [
        message(client, WebSocketKind::Text, b"hello"),
        message(server, WebSocketKind::Text, long.as_bytes()),
        message(server, WebSocketKind::Text, b"\x1b[31m \xff"),
        message(client, WebSocketKind::Binary, &[0xab; 20]),
        message(client, WebSocketKind::Ping, b""),
        message(server, WebSocketKind::Pong, b"17"),
        message(server, WebSocketKind::Reserved { opcode: 3 }, b"x"),
        message(server, WebSocketKind::Reserved { opcode: 0 }, b"x"),
        odd,
        message(client, close(Some(1000)), b"bye"),
        message(server, close(Some(1011)), b""),
        message(server, close(Some(4321)), b""),
        message(server, close(None), b""),
    ];
    assert_snapshot!(lines(&messages), @r#"
    ?  WS ↑  wss://a.test/1  text "hello"  5 B
    ?  WS ↓  wss://a.test/1  text "äöü äöü äöü äöü äöü äöü äöü äöü äöü äöü …"  210 B
    ?  WS ↓  wss://a.test/1  text 1b 5b 33 31 6d 20 ff  7 B
    ?  WS ↑  wss://a.test/1  binary ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab…  20 B
    ?  WS ↑  wss://a.test/1  ping
    ?  WS ↓  wss://a.test/1  pong "17"  2 B
    ?  WS ↓  wss://a.test/1  opcode 3 "x"  1 B
    ?  WS ↓  wss://a.test/1  continuation of nothing "x"  1 B
    ?  WS ↓  wss://a.test/1  text "half a" cut short  6 B
    ?  WS ↑  wss://a.test/1  close 1000 normal closure "bye"  3 B
    ?  WS ↓  wss://a.test/1  close 1011 internal error
    ?  WS ↓  wss://a.test/1  close 4321
    ?  WS ↓  wss://a.test/1  close
    "#);
}

#[test]
fn what_is_left_without_content_is_a_beginning_that_is_whole_text() {
    let check = |kind, unit: &str, kept| {
        let whole = message(Peer::Client, kind, unit.repeat(200).as_bytes());
        let event = Event::WebSocket(Box::new(whole.clone()));
        assert_eq!(event.content_bytes(), whole.data.len() - kept);
        let left = event.without_content();
        let Some(Event::WebSocket(left)) = left else { panic!("{left:?}") };
        assert_eq!((left.data.len(), left.bytes()), (kept, whole.bytes()));
        assert_eq!(Event::WebSocket(left).without_content(), None);
    };
    check(WebSocketKind::Text, "ab", 256);
    check(WebSocketKind::Text, "äxx", 256);
    check(WebSocketKind::Text, "€", 255);
    check(WebSocketKind::Text, "🙂", 256);
    check(WebSocketKind::Text, "x🙂🙂", 253);
    check(WebSocketKind::Binary, "€", 256);
}

#[test]
fn a_short_message_is_a_fact_whole() {
    let event = Event::WebSocket(Box::new(message(Peer::Client, WebSocketKind::Text, b"short")));
    assert_eq!((event.content_bytes(), event.without_content()), (0, None));
    assert_eq!(event.exchange(), None);
}

#[test]
fn messages_count_as_bytes_of_their_flow() {
    let mut up = message(Peer::Client, WebSocketKind::Text, b"12345");
    up.dropped = 10;
    let finished = finished(&[up, message(Peer::Server(0), WebSocketKind::Ping, b"1")]);
    let Some(Finished::WebSocket { flow, .. }) = finished.last() else { panic!("{finished:?}") };
    assert_eq!(flow.data_bytes, [15, 1]);
}
