//! Where the input is cut changes neither what passes nor what is told of it.

use bytes::Bytes;
use proptest::prelude::*;
use sidestream_flow::Peer;
use sidestream_proto::http2::{ErrorCode, Flags, Kind, PREFACE};
use sidestream_proto::{Event, Input};

use super::{Speaker, data, frame, reset, settings};
use crate::play::Play;

/// What a client may say, by a number.
fn utterance(speaker: &mut Speaker, kind: u8, stream: u32) -> Vec<u8> {
    match kind {
        0 => speaker.get(stream, "/path"),
        1 => data(stream, "some content", false),
        2 => data(stream, "the end", true),
        3 => frame(Kind::DATA, Flags::PADDED, stream, b"\x02content\0\0"),
        4 => reset(stream, ErrorCode::CANCEL),
        5 => speaker.head(stream, &[(":method", "PUT"), (":path", "/x"), ("a", "b")], false),
        6 => speaker.answer(stream, "200", false),
        7 => speaker.answer(stream, "304", true),
        8 => frame(Kind::PING, Flags::default(), 0, b"01234567"),
        9 => frame(Kind(0xbe), Flags::default(), stream, b"who knows"),
        10 => data(stream, "", false),
        _ => settings(&[(4, 100)]),
    }
}

fn told(inputs: &[(Peer, Vec<u8>)], cut: usize) -> (Vec<u8>, Vec<u8>, String) {
    let mut play = Play::opened();
    let (mut to_client, mut to_server) = (Vec::new(), Vec::new());
    for (peer, wire) in inputs {
        for piece in wire.chunks(cut) {
            play.quiet_input(Input::Data(*peer, Bytes::copy_from_slice(piece)));
            to_client.extend(play.take_sent(Peer::Client));
            to_server.extend(play.take_sent(Peer::Server(0)));
        }
    }
    (to_client, to_server, joined(&mut play))
}

/// The events, with stretches of a body put together that a cut put asunder.
fn joined(play: &mut Play) -> String {
    let mut content: Vec<(String, Vec<u8>)> = Vec::new();
    for event in play.events() {
        let (what, data) = match event {
            Event::Body { exchange, part, data } => {
                (format!("body {exchange} {part:?}"), &data[..])
            }
            other => (format!("{other:?}"), &[][..]),
        };
        match content.last_mut().filter(|(last, _)| *last == what && !data.is_empty()) {
            Some((_, whole)) => whole.extend_from_slice(data),
            None => content.push((what, data.to_vec())),
        }
    }
    format!("{content:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_talk_passes_as_sent(
        talk in prop::collection::vec((any::<bool>(), 0u8..12, 0u32..4), 0..30),
        cut in 1usize..60,
    ) {
        let mut speakers = [Speaker::new(), Speaker::new()];
        let mut inputs = vec![(Peer::Client, [&PREFACE[..], &settings(&[])].concat())];
        for (server, kind, stream) in talk {
            let peer = if server { Peer::Server(0) } else { Peer::Client };
            let wire = utterance(&mut speakers[usize::from(server)], kind, stream * 2 + 1);
            inputs.push((peer, wire));
        }
        let sent = |from: Peer| -> Vec<u8> {
            let those = inputs.iter().filter(|(peer, _)| *peer == from);
            those.flat_map(|(_, wire)| wire.clone()).collect()
        };
        let whole = told(&inputs, usize::MAX);
        prop_assert_eq!(&whole.0, &sent(Peer::Server(0)));
        prop_assert_eq!(&whole.1, &sent(Peer::Client));
        prop_assert_eq!(told(&inputs, cut), whole);
    }

    #[test]
    fn anything_after_the_preface_passes_as_sent(
        noise in prop::collection::vec(any::<u8>(), 0..200),
        reply in prop::collection::vec(any::<u8>(), 0..200),
        cut in 1usize..60,
    ) {
        let sent = [&PREFACE[..], &noise].concat();
        let inputs = [(Peer::Client, sent.clone()), (Peer::Server(0), reply.clone())];
        let (to_client, to_server, _) = told(&inputs, cut);
        prop_assert_eq!(to_client, reply);
        prop_assert_eq!(to_server, sent);
    }
}
