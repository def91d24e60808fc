//! Bytes in are bytes out, and the messages are the same, however the input is cut.

use proptest::prelude::*;
use sidestream_flow::Peer;
use sidestream_proto::{Event, Input};

use super::peer::{Deflater, down, opened, up};
use crate::play::{Play, shown};

/// What both sides send in a conversation that has some of everything.
fn conversation() -> [Vec<u8>; 2] {
    let (mut client, mut server) = (Deflater::new(), Deflater::new());
    let long = "a longer text, with ünïcödé ".repeat(20);
    let up = [
        up(0x81, "hello"),
        up(0x41, &client.message(long.as_bytes())[..10]),
        up(0x89, "between"),
        up(0x80, "not deflate at all"),
        up(0x82, vec![0xab; 300]),
        up(0x03, "odd"),
        up(0x88, [3, 232, b'o', b'k']),
    ];
    let down = [
        down(0xc1, server.message(long.as_bytes())),
        down(0xc1, server.message(long.as_bytes())),
        down(0x01, [0xe2, 0x82]),
        down(0x8a, "between"),
        down(0x80, [0xac]),
        down(0x82, vec![0; 70_000]),
        b"\x81\x7e\x00\x01x".to_vec(),
        down(0x80, "nothing"),
    ];
    [up.concat(), down.concat()]
}

/// Relays both sides in pieces of these sizes, and returns the machine as it ends.
fn relay(sides: &[Vec<u8>; 2], mut size: impl FnMut() -> usize) -> Play {
    let mut play = opened("permessage-deflate");
    for (peer, mut bytes) in [(Peer::Client, &sides[0][..]), (Peer::Server(0), &sides[1][..])] {
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(size().clamp(1, bytes.len()));
            play.quiet_input(Input::Data(peer, piece.to_vec().into()));
            bytes = rest;
        }
        play.quiet_input(Input::Eof(peer));
    }
    play
}

/// What was recorded, stretches of raw bytes put together.
fn record(play: &Play) -> Vec<String> {
    let mut record: Vec<String> = Vec::new();
    let mut raw = Vec::new();
    for event in play.events() {
        match event {
            Event::Data { from, data, .. } => raw.push((*from, data.clone())),
            event => record.push(shown(event)),
        }
    }
    for side in [Peer::Client, Peer::Server(0)] {
        let mine = raw.iter().filter(|(from, _)| *from == side);
        let bytes: Vec<_> = mine.flat_map(|(_, data)| data.iter().copied()).collect();
        record.push(format!("{side} {bytes:?}"));
    }
    record
}

proptest! {
    #[test]
    fn any_split_gives_the_same_bytes_and_messages(
        sizes in prop::collection::vec(prop_oneof![1..4_usize, 1..2000_usize], 1..50),
    ) {
        let sides = conversation();
        let whole = record(&relay(&sides, || usize::MAX));
        let mut sizes = sizes.iter().copied().cycle();
        let mut play = relay(&sides, || sizes.next().unwrap_or(1));
        prop_assert_eq!(record(&play), whole);
        prop_assert_eq!(&play.take_sent(Peer::Server(0)), &sides[0]);
        prop_assert_eq!(&play.take_sent(Peer::Client), &sides[1]);
    }

    #[test]
    fn garbage_passes_too(
        up in prop::collection::vec(any::<u8>(), 0..500),
        down in prop::collection::vec(any::<u8>(), 0..500),
        sizes in prop::collection::vec(1..40_usize, 1..20),
    ) {
        let sides = [up, down];
        let whole = record(&relay(&sides, || usize::MAX));
        let mut sizes = sizes.iter().copied().cycle();
        let mut play = relay(&sides, || sizes.next().unwrap_or(1));
        prop_assert_eq!(&play.take_sent(Peer::Server(0)), &sides[0]);
        prop_assert_eq!(&play.take_sent(Peer::Client), &sides[1]);
        prop_assert_eq!(record(&play), whole);
    }
}

#[test]
fn every_byte_may_come_alone() {
    let sides = conversation();
    let mut play = relay(&sides, || 1);
    assert_eq!(record(&play), record(&relay(&sides, || usize::MAX)));
    assert_eq!(play.take_sent(Peer::Server(0)), sides[0]);
    assert_eq!(play.take_sent(Peer::Client), sides[1]);
}
