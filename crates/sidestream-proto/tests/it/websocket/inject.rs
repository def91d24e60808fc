//! Messages of the user's own stand between those of the peers, and nowhere else.

use std::time::Instant;

use bytes::Bytes;
use sidestream_flow::{ExchangeId, Peer};
use sidestream_proto::websocket::{
    Extensions, InjectError, Injection, Item, Limits, MessageReader, Role,
};
use sidestream_proto::{Event, Input};
use sidestream_record::WebSocketKind;

use super::peer::{down, opened, up};
use crate::play::{Play, shown};

const S: Peer = Peer::Server(0);

fn inject(play: &mut Play, to: Peer, kind: WebSocketKind, text: &str) -> Result<(), InjectError> {
    let data = Bytes::copy_from_slice(text.as_bytes());
    let injected = play.conn.inject(exchange(), to, Injection { kind, data }, Instant::now());
    play.drain();
    injected
}

/// The exchange that opened the WebSocket.
const fn exchange() -> ExchangeId {
    ExchangeId(1)
}

/// Reads what a peer got, as itself would; anything that is not as the standard has it fails.
fn read(role: Role, wire: Vec<u8>) -> Vec<String> {
    let mut reader = MessageReader::new(role, &Extensions::default(), Limits::default());
    let (mut bytes, mut messages) = (Bytes::from(wire), Vec::new());
    while let Some(item) = reader.poll(&mut bytes).unwrap() {
        match item {
            Item::Message(message) => {
                let text = String::from_utf8_lossy(&message.data).into_owned();
                messages.push(format!("{:?} {text}", message.kind));
            }
            Item::Defect(defect) => panic!("{defect}"),
        }
    }
    messages
}

#[test]
fn a_message_goes_to_either_side_masked_as_it_has_to_be() {
    let mut play = opened("");
    inject(&mut play, S, WebSocketKind::Text, "from the client").unwrap();
    inject(&mut play, Peer::Client, WebSocketKind::Binary, "from the server").unwrap();
    let told: Vec<_> = play.events().map(shown).collect();
    assert_eq!(
        told,
        [
            "websocket client text \"from the client\" in 1 injected",
            "websocket server binary \"from the server\" in 1 injected"
        ]
    );
    assert_eq!(read(Role::Client, play.take_sent(S)), ["Text from the client"]);
    assert_eq!(read(Role::Server, play.take_sent(Peer::Client)), ["Binary from the server"]);
}

#[test]
fn a_message_waits_for_the_end_of_another_and_a_control_frame_for_that_of_a_frame() {
    let wire = [up(0x01, "one "), up(0x00, "two "), up(0x80, "three"), up(0x81, "last")].concat();
    let whole = ["Text one two three", "Text last"];
    for at in 0..=wire.len() {
        for rest in [1, 5, wire.len()] {
            let mut play = opened("");
            play.quiet_input(Input::Data(Peer::Client, wire[..at].to_vec().into()));
            inject(&mut play, S, WebSocketKind::Text, "ours").unwrap();
            inject(&mut play, S, WebSocketKind::Ping, "ping").unwrap();
            for piece in wire[at..].chunks(rest) {
                play.quiet_input(Input::Data(Peer::Client, piece.to_vec().into()));
            }
            let mut messages = read(Role::Client, play.take_sent(S));
            for ours in ["Text ours", "Ping ping"] {
                let found = messages.iter().position(|message| message == ours);
                messages.remove(found.unwrap_or_else(|| panic!("no {ours} at {at} by {rest}")));
            }
            assert_eq!(messages, whole, "at {at} by {rest}");
        }
    }
}

#[test]
fn what_the_peers_say_is_passed_as_sent_around_it() {
    let mut play = opened("");
    let (start, end) = (up(0x01, "one "), up(0x80, "two"));
    play.quiet_input(Input::Data(Peer::Client, start.clone().into()));
    inject(&mut play, S, WebSocketKind::Text, "ours").unwrap();
    assert_eq!(play.take_sent(S), start);
    play.quiet_input(Input::Data(Peer::Client, [&end[..], &start].concat().into()));
    let sent = play.take_sent(S);
    assert!(sent.starts_with(&end) && sent.ends_with(&start), "{sent:?}");
    assert_eq!(sent.len(), end.len() + start.len() + 10);
}

#[test]
fn what_cannot_be_sent_is_refused_and_says_why() {
    let mut play = opened("");
    let long = "x".repeat(126);
    let mut check = |kind, text: &str, expected| {
        assert_eq!(inject(&mut play, S, kind, text), expected, "{kind:?}");
    };
    check(WebSocketKind::Ping, &long, Err(InjectError::ControlTooLong));
    check(
        WebSocketKind::Close { code: Some(1000) },
        &long[..124],
        Err(InjectError::ControlTooLong),
    );
    check(WebSocketKind::Close { code: None }, "why", Err(InjectError::Unfit));
    check(WebSocketKind::Reserved { opcode: 3 }, "", Err(InjectError::Unfit));
    check(WebSocketKind::Text, &long, Ok(()));
    check(WebSocketKind::Close { code: Some(1000) }, "bye", Ok(()));
    check(WebSocketKind::Text, "more", Err(InjectError::Closed));

    let bytes = Bytes::from_static(b"\xff");
    let odd = Injection { kind: WebSocketKind::Text, data: bytes };
    let now = Instant::now();
    let to = Peer::Client;
    assert_eq!(play.conn.inject(exchange(), to, odd.clone(), now), Err(InjectError::Unfit));
    assert_eq!(play.conn.inject(ExchangeId(7), to, odd, now), Err(InjectError::NotOpen));
    play.quiet_input(Input::Data(S, down(0x88, b"\x03\xe8").into()));
    assert_eq!(inject(&mut play, to, WebSocketKind::Text, ""), Err(InjectError::Closed));

    let mut play = Play::opened();
    play.client("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(inject(&mut play, S, WebSocketKind::Text, ""), Err(InjectError::NotOpen));
}

#[test]
fn what_waits_for_a_message_without_end_is_bounded() {
    let mut play = opened("");
    play.quiet_input(Input::Data(Peer::Client, up(0x01, "endless").into()));
    let text = "x".repeat(100_000);
    let taken = (0..1000).take_while(|_| inject(&mut play, S, WebSocketKind::Text, &text).is_ok());
    assert_eq!(taken.count(), 10);
    let told = play.events().filter(|event| matches!(event, Event::WebSocket(_))).count();
    assert_eq!(told, 0, "what was not sent is not told");
}
