//! TLS that is cut anywhere, broken anywhere, or both.

use std::io::{Read as _, Write as _};

use bytes::Bytes;
use proptest::prelude::*;
use rustls::{Connection, SupportedProtocolVersion};
use sidestream_flow::Peer;
use sidestream_proto::{Input, Output};

use super::SERVER;
use crate::tls::{Cast, Stage, give, take};

/// What is done to a piece of ciphertext.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Cut,
    Flip(usize),
    Insert(u8),
    Twice,
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        Just(Harm::Cut),
        any::<usize>().prop_map(Harm::Flip),
        any::<u8>().prop_map(Harm::Insert),
        Just(Harm::Twice),
    ]
}

type Versions = &'static [&'static SupportedProtocolVersion];

const TLS12: Versions = &[&rustls::version::TLS12];
const TLS13: Versions = &[&rustls::version::TLS13];

fn version() -> impl Strategy<Value = Versions> {
    prop_oneof![Just(TLS12), Just(TLS13)]
}

fn harmed(piece: &[u8], harm: Harm) -> Vec<u8> {
    match harm {
        Harm::Cut => piece[..piece.len() / 2].to_vec(),
        Harm::Flip(at) => {
            let mut piece = piece.to_vec();
            let at = at % piece.len();
            piece[at] ^= 1 << (at % 8);
            piece
        }
        Harm::Insert(byte) => [&[byte], piece].concat(),
        Harm::Twice => [piece, piece].concat(),
    }
}

/// Two peers that speak that version, with the machine between them.
fn meet(version: Versions) -> Stage {
    let mut cast = Cast::new();
    cast.client = cast.ours.client_config_of(version);
    cast.server = cast.upstream.server_config_of("a.test", version);
    cast.meet()
}

fn end(stage: &mut Stage, peer: Peer) -> &mut Connection {
    if peer == SERVER { &mut stage.server } else { &mut stage.client }
}

/// Moves pieces of these sizes until nobody has anything more to say, and harms one on its way.
fn settle(stage: &mut Stage, sizes: &[usize], mut harm: Option<(usize, Harm)>) {
    let mut sizes = sizes.iter().cycle();
    loop {
        let mut moved = false;
        for peer in [Peer::Client, SERVER] {
            let wire = take(end(stage, peer));
            moved |= !wire.is_empty();
            let mut rest = &wire[..];
            while !rest.is_empty() {
                let (piece, later) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
                rest = later;
                let piece = match &mut harm {
                    Some((0, how)) => harmed(piece, *how),
                    _ => piece.to_vec(),
                };
                harm = match harm {
                    Some((left, how)) => left.checked_sub(1).map(|left| (left, how)),
                    None => None,
                };
                stage.play.quiet_input(Input::Data(peer, piece.into()));
            }
        }
        let asks = stage.play.outputs.iter().position(|out| matches!(out, Output::NeedLeaf(_)));
        if let Some(at) = asks
            && let Output::NeedLeaf(request) = stage.play.outputs.remove(at)
        {
            let leaf = stage.ours.certified(&request.host);
            stage.play.quiet_input(Input::Leaf(Ok(leaf)));
            moved = true;
        }
        for peer in [Peer::Client, SERVER] {
            let sent = stage.play.take_sent(peer);
            // A peer that was harmed closes, as far as it is concerned.
            moved |= !sent.is_empty() && give(end(stage, peer), &sent).is_none();
        }
        if !moved {
            return;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_said_over_tls_arrives_wherever_it_is_cut(
        version in version(),
        sizes in prop::collection::vec(1..5000_usize, 1..8),
        said in prop::collection::vec((any::<bool>(), 1..9_000_usize), 1..8),
    ) {
        let mut stage = meet(version);
        settle(&mut stage, &sizes, None);
        for (number, (up, len)) in said.into_iter().enumerate() {
            let (from, to) = if up { (Peer::Client, SERVER) } else { (SERVER, Peer::Client) };
            // Nothing that is known begins so.
            let text: Vec<_> = (0..len).map(|at| (at / 5 + number) as u8 & 0x0f).collect();
            end(&mut stage, from).writer().write_all(&text).unwrap();
            settle(&mut stage, &sizes, None);
            let mut heard = Vec::new();
            _ = end(&mut stage, to).reader().read_to_end(&mut heard);
            prop_assert!(heard == text, "{} of {len} bytes", heard.len());
        }
    }

    #[test]
    fn tls_that_is_broken_ends_the_flow_and_nothing_else(
        version in version(),
        sizes in prop::collection::vec(1..2000_usize, 1..8),
        at in 0..200_usize,
        how in harm(),
        says_more in any::<bool>(),
        last in 0..4_usize,
    ) {
        let mut stage = meet(version);
        settle(&mut stage, &sizes, Some((at, how)));
        if says_more {
            _ = stage.client.writer().write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
            settle(&mut stage, &sizes, Some((at % 3, how)));
        }
        let last = match last {
            0 => Input::Eof(Peer::Client),
            1 => Input::Eof(SERVER),
            2 => Input::Reset(SERVER),
            _ => Input::Data(Peer::Client, Bytes::from_static(&[0x17, 3, 3, 0, 1, 0])),
        };
        stage.play.quiet_input(last);
        for last in [Input::Eof(Peer::Client), Input::Eof(SERVER), Input::Stop] {
            stage.play.quiet_input(last);
        }
        stage.play.quiet_input(Input::Reset(Peer::Client));
        prop_assert!(stage.play.done);
    }
}
