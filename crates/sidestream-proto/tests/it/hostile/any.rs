//! Whatever follows the preface of HTTP/2 passes as it was sent, wherever it is cut.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use sidestream_flow::Peer;
use sidestream_proto::http2::{Flags, Kind, PREFACE};
use sidestream_proto::{Event, Input};
use sidestream_record::Protocol;

use super::SERVER;
use crate::http2::frame;
use crate::play::Play;

/// Feeds what two peers say, cut to pieces of these sizes in turn, and returns what is told of it.
fn told(talk: &[(Peer, Vec<u8>)], sizes: &[usize]) -> Vec<String> {
    let mut play = Play::opened();
    // The preface is awaited whole.
    play.quiet_input(Input::Data(Peer::Client, PREFACE.as_slice().into()));
    assert_eq!(play.take_sent(SERVER), PREFACE);
    let mut sizes = sizes.iter().cycle();
    for (from, said) in talk {
        let other = if *from == SERVER { Peer::Client } else { SERVER };
        let mut rest = &said[..];
        while !rest.is_empty() {
            let size = (*sizes.next().unwrap()).min(rest.len());
            let (piece, later) = rest.split_at(size);
            play.quiet_input(Input::Data(*from, Bytes::copy_from_slice(piece)));
            assert_eq!(play.take_sent(other), piece, "passed otherwise than sent");
            rest = later;
        }
    }
    play.quiet_input(Input::Eof(SERVER));
    play.quiet_input(Input::Eof(Peer::Client));
    assert!(play.done);
    joined(&play)
}

/// The events, with each body in one.
fn joined(play: &Play) -> Vec<String> {
    let mut bodies = BTreeMap::<String, Vec<u8>>::new();
    let mut told = Vec::new();
    let mut raw = false;
    for event in play.events() {
        raw |= matches!(event, Event::Recognized(Protocol::Raw));
        match event {
            Event::Body { exchange, part, data } => {
                bodies.entry(format!("{exchange} {part:?}")).or_default().extend_from_slice(data);
            }
            Event::PartEnded { exchange, part } => {
                let part = format!("{exchange} {part:?}");
                told.push(format!("{part} {:?}", bodies.remove(&part)));
            }
            // How much follows what cannot be read depends on how much came with it.
            Event::Data { .. } if raw => {}
            event => told.push(format!("{event:?}")),
        }
    }
    told
}

/// Frames that may stand there, and some that may not.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        // Fields of the static table alone.
        prop::collection::vec(0x81..=0xbd_u8, 0..6),
        prop_oneof![Just(0_usize), Just(4), Just(5), Just(8)].prop_map(|length| vec![0; length]),
    ];
    (0..=11_u8, prop_oneof![Just(0), Just(4), Just(5), any::<u8>()], 0..6_u32, payload).prop_map(
        |(kind, flags, stream, payload)| frame(Kind(kind), Flags(flags), stream, &payload),
    )
}

fn talk(said: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<(Peer, Vec<u8>)>> {
    let peer = prop_oneof![Just(Peer::Client), Just(SERVER)];
    prop::collection::vec((peer, said), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_pass_and_are_told_the_same_wherever_they_are_cut(
        talk in talk(prop::collection::vec(any::<u8>(), 0..60)),
        sizes in prop::collection::vec(1..20_usize, 1..4),
    ) {
        prop_assert_eq!(told(&talk, &sizes), told(&talk, &[usize::MAX]));
    }

    #[test]
    fn any_frames_pass_and_are_told_the_same_wherever_they_are_cut(
        talk in talk(frames()),
        sizes in prop::collection::vec(1..20_usize, 1..4),
    ) {
        prop_assert_eq!(told(&talk, &sizes), told(&talk, &[usize::MAX]));
    }
}
