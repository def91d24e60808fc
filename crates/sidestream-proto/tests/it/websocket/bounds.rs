//! What a peer can make us hold and do.

use bytes::Bytes;
use sidestream_flow::Peer;
use sidestream_proto::Event;
use sidestream_proto::websocket::{Defect, Extensions, Item, Limits, Message, MessageReader, Role};
use sidestream_record::{Fields, WebSocketKind, WebSocketMessage};

use super::peer::{Deflater, down, opened, opened_with, up};
use crate::play::Play;

const MIB: usize = 1024 * 1024;

fn messages(play: &Play) -> Vec<&WebSocketMessage> {
    let mut messages = Vec::new();
    for event in play.events() {
        if let Event::WebSocket(message) = event {
            messages.push(&**message);
        }
    }
    messages
}

fn defects(play: &Play) -> Vec<&str> {
    let mut defects = Vec::new();
    for event in play.events() {
        if let Event::Defect { what, .. } = event {
            defects.push(&**what);
        }
    }
    defects
}

#[test]
fn a_message_is_recorded_up_to_the_limit_and_passed_whole() {
    let mut play = opened("");
    let frame = up(0x82, vec![7; MIB + 10]);
    play.client(&frame);
    assert_eq!(play.take_sent(Peer::Server(0)), frame);
    let [message] = messages(&play)[..] else { panic!() };
    assert_eq!((message.data.len(), message.dropped), (MIB, 10));
    assert_eq!(message.data, vec![7; MIB]);
}

#[test]
fn a_frame_is_not_held_until_it_is_complete() {
    let mut play = opened("");
    let frame = down(0x82, vec![7; 100_000]);
    for piece in frame.chunks(1000) {
        play.server(piece);
        assert_eq!(play.take_sent(Peer::Client), piece);
    }
    // Nor is one that never will be.
    let endless = [&[0x82, 0x7f, 0x7f][..], &[0xff; 7], b"begins"].concat();
    play.server(&endless);
    assert_eq!(play.take_sent(Peer::Client), endless);
    assert_eq!(messages(&play).len(), 1);
    assert!(defects(&play).is_empty());
}

#[test]
fn ten_thousand_fragments_are_one_message() {
    let mut play = opened("");
    play.client(up(0x01, "a"));
    for _ in 0..9_998 {
        play.client(up(0x00, "b"));
        play.client(up(0x00, ""));
    }
    play.client(up(0x80, "c"));
    let [message] = messages(&play)[..] else { panic!() };
    assert_eq!((message.fragments, message.data.len()), (19_998, 10_000));
}

#[test]
fn each_kind_of_defect_is_told_once_a_side() {
    let mut play = opened("");
    for _ in 0..1000 {
        play.client(b"\xf0\x00");
        play.server(b"\xf0\x80aaaa");
    }
    assert_eq!(defects(&play).len(), 6, "{:?}", defects(&play));
}

#[test]
fn a_bomb_costs_the_limit_and_the_next_message_is_read() {
    // Of zeros, a thousand to one, but within the allowance.
    let mut play = opened("permessage-deflate");
    let mut deflater = Deflater::new();
    let bomb = deflater.message(&vec![0; 32 * MIB]);
    assert!(bomb.len() < 40_000);
    play.server(down(0xc2, bomb));
    play.server(down(0xc1, deflater.message(b"still in order")));
    let [bomb, next] = messages(&play)[..] else { panic!() };
    assert_eq!((bomb.data.len(), bomb.dropped), (MIB, 31 * MIB as u64));
    assert_eq!((&next.data[..], next.encoded), (&b"still in order"[..], false));
    assert!(defects(&play).is_empty());
}

#[test]
fn a_bomb_beyond_the_allowance_ends_inflating_for_good_and_nothing_else() {
    for extensions in ["permessage-deflate", "permessage-deflate; server_no_context_takeover"] {
        let allowance = |config: &mut sidestream_proto::Config| {
            config.websocket.expansion_allowance_bytes = MIB as u64;
        };
        let mut play = opened_with(extensions, allowance);
        let bomb = down(0xc2, Deflater::new().message(&vec![0; 32 * MIB]));
        let next = down(0xc1, Deflater::new().message(b"next"));
        let plain = down(0x81, "plain");
        play.server([&bomb[..], &next, &plain].concat());
        assert_eq!(play.take_sent(Peer::Client), [&bomb[..], &next, &plain].concat());
        assert_eq!(defects(&play), [Defect::Expansion.to_string()]);
        let [bomb, next, plain] = messages(&play)[..] else { panic!() };
        assert!(bomb.data.len() <= MIB && bomb.dropped < 5 * MIB as u64, "{}", bomb.dropped);
        assert!(next.encoded && next.compressed);
        assert_eq!(&plain.data[..], b"plain");
    }
}

#[test]
fn much_that_is_honestly_compressed_is_read_to_the_end() {
    let mut play = opened_with("permessage-deflate", |config| {
        config.websocket.expansion_allowance_bytes = 0;
    });
    let mut deflater = Deflater::new();
    // Numbers in a row: about five to one.
    let text: String = (0..100_000).map(|number| format!("{{\"id\":{number}}},")).collect();
    for _ in 0..3 {
        play.server(down(0xc1, deflater.message(text.as_bytes())));
    }
    let messages = messages(&play);
    assert_eq!(messages.len(), 3);
    assert!(messages.iter().all(|it| it.data == text.as_bytes()[..MIB] && !it.encoded));
    assert!(defects(&play).is_empty());
}

#[test]
fn limits_may_be_nothing() {
    let limits = Limits { max_message_bytes: 0, max_expansion: 0, expansion_allowance_bytes: 0 };
    let mut fields = Fields::default();
    fields.push("Sec-WebSocket-Extensions", "permessage-deflate");
    let mut reader = MessageReader::new(Role::Server, &Extensions::agreed(&fields), limits);
    let frames = [down(0x81, "text"), down(0xc1, Deflater::new().message(b"text"))];
    let mut bytes = Bytes::from([&frames.concat()[..], &down(0x88, [3, 232])].concat());
    let mut items = Vec::new();
    while let Some(item) = reader.poll(&mut bytes).unwrap() {
        items.push(item);
    }
    let sizes = |item: &Item| match item {
        Item::Message(Message { kind, data, dropped, .. }) => {
            assert!(data.is_empty());
            Some((kind.name(), *dropped))
        }
        Item::Defect(_) => None,
    };
    let sizes: Vec<_> = items.iter().filter_map(sizes).collect();
    assert_eq!(sizes[0], ("text", 4));
    assert_eq!(sizes[2], (WebSocketKind::Close { code: None }.name(), 2));
}
