//! What is left of a raw flow to the engine, where nobody keeps content.

use insta::assert_snapshot;
use proptest::prelude::*;
use sidestream_flow::{Peer, Transport};
use sidestream_proto::{Event, Input, Output, PassRules, SpliceEnd};

use crate::play::{Ca, Play, config};
use crate::tls::Cast;

const KIB: usize = 1024;

/// An opened flow of which nobody keeps the content, or somebody does.
fn opened(port: u16, record_raw: bool) -> Play {
    let pass = PassRules { record_raw, ..PassRules::default() };
    let mut play = Play::ruled(config(&Ca::new()), Transport::Tcp, port, None, pass);
    play.open();
    play
}

/// One that is known to be raw.
fn flow(record_raw: bool) -> Play {
    let mut play = opened(25, record_raw);
    play.quiet_input(Input::Data(Peer::Server(0), "220 hello\r\n".into()));
    play.skip();
    play
}

fn say(play: &mut Play, from: Peer, bytes: usize) {
    play.quiet_input(Input::Data(from, vec![b'x'; bytes].into()));
}

fn splices(play: &Play) -> usize {
    play.outputs.iter().filter(|output| matches!(output, Output::Splice { server: 0 })).count()
}

/// How much is recorded with its content, and how much without; from the client, and the server.
fn recorded(play: &Play) -> [[u64; 2]; 2] {
    let mut sums = [[0; 2]; 2];
    for event in play.events() {
        match event {
            Event::Data { from, data, .. } => {
                sums[0][usize::from(*from != Peer::Client)] += data.len() as u64;
            }
            Event::DataDropped { from, bytes, .. } => {
                sums[1][usize::from(*from != Peer::Client)] += bytes;
            }
            _ => {}
        }
    }
    sums
}

#[test]
fn is_left_once_the_beginning_has_gone_by() {
    let mut play = flow(false);
    say(&mut play, Peer::Client, 60 * KIB);
    say(&mut play, Peer::Server(0), 39 * KIB);
    assert_eq!(splices(&play), 0);
    say(&mut play, Peer::Server(0), KIB);
    assert_eq!(splices(&play), 1);
    play.skip();
    play.input(Input::Spliced { from_client: 7, from_server: 9, end: SpliceEnd::Closed });
    assert_snapshot!(play, @r"
    >> spliced 7 up, 9 down, Closed
    << * DataDropped { message: MessageId(5), from: Client, bytes: 7 }
    << * DataDropped { message: MessageId(6), from: Server(0), bytes: 9 }
    << * closed, 61447 received, 40980 sent
    << done
    ");
}

#[test]
fn is_recorded_to_its_end_where_somebody_keeps_it() {
    let mut play = flow(true);
    say(&mut play, Peer::Server(0), 200 * KIB);
    say(&mut play, Peer::Client, 200 * KIB);
    assert_eq!(splices(&play), 0);
    let all = 200 * KIB as u64;
    assert_eq!(recorded(&play), [[all, all + 11], [0, 0]]);
}

#[test]
fn is_left_after_a_half_close_of_which_the_other_has_been_told() {
    let mut play = flow(false);
    play.input(Input::Eof(Peer::Client));
    say(&mut play, Peer::Server(0), 100 * KIB);
    assert_eq!(splices(&play), 1);
    play.skip();
    play.input(Input::Spliced {
        from_client: 0,
        from_server: 5,
        end: SpliceEnd::Reset(Peer::Server(0)),
    });
    assert_snapshot!(play, @r"
    >> spliced 0 up, 5 down, Reset(Server(0))
    << * DataDropped { message: MessageId(3), from: Server(0), bytes: 5 }
    << abort client
    << abort server
    << * closed, 0 received, 102416 sent: reset by the server
    << done
    ");
}

#[test]
fn is_counted_alone_where_it_has_to_be_decrypted() {
    let mut cast = Cast::new();
    cast.pass = PassRules { record_raw: false, ..PassRules::default() };
    let mut stage = cast.meet();
    stage.settle();
    let all = 300 * KIB as u64;
    for _ in 0..30 {
        stage.say(Peer::Client, &"\0".repeat(10 * KIB));
        assert_eq!(stage.heard(Peer::Server(0)).len(), 10 * KIB);
    }
    stage.play.input(Input::Reset(Peer::Client));
    assert_eq!(splices(&stage.play), 0);
    let [shown, dropped] = recorded(&stage.play);
    assert!((100..150).contains(&(shown[0] / KIB as u64)), "{shown:?}");
    assert_eq!(shown[0] + dropped[0], all);
}

#[test]
fn is_watched_to_its_end_where_it_is_dns() {
    let mut play = opened(53, false);
    let query = [&(super::QUERY.len() as u16).to_be_bytes()[..], super::QUERY].concat();
    for _ in 0..10_000 {
        play.quiet_input(Input::Data(Peer::Client, query.clone().into()));
    }
    assert_eq!(splices(&play), 0);
    assert_eq!(recorded(&play), [[0; 2]; 2]);
}

/// What may happen to a raw flow.
#[derive(Clone, Debug)]
enum Step {
    Data(Peer, usize),
    Eof(Peer),
    Reset(Peer),
    Stop,
    /// If the rest was left to the engine: how much that moves, and how it ends.
    Spliced(u64, u64, SpliceEnd),
}

fn step() -> impl Strategy<Value = Step> {
    let peer = || prop_oneof![Just(Peer::Client), Just(Peer::Server(0))];
    let end = prop_oneof![
        Just(SpliceEnd::Closed),
        Just(SpliceEnd::Stopped),
        peer().prop_map(SpliceEnd::Reset),
    ];
    prop_oneof![
        20 => (peer(), 0..40 * KIB).prop_map(|(peer, bytes)| Step::Data(peer, bytes)),
        2 => peer().prop_map(Step::Eof),
        1 => peer().prop_map(Step::Reset),
        1 => Just(Step::Stop),
        2 => (0..1_000_000_u64, 0..1_000_000_u64, end)
            .prop_map(|(up, down, end)| Step::Spliced(up, down, end)),
    ]
}

proptest! {
    #[test]
    fn every_byte_is_passed_and_accounted_for(steps in prop::collection::vec(step(), 1..60)) {
        let mut play = flow(false);
        let (mut said, mut moved, mut ended) = ([0_u64, 11], [0_u64; 2], [false; 2]);
        for step in steps {
            let is_spliced = splices(&play) > 0;
            match step {
                Step::Spliced(up, down, end) if is_spliced && !play.done => {
                    let of = |way: usize, bytes| if ended[way] { 0 } else { bytes };
                    let (from_client, from_server) = (of(0, up), of(1, down));
                    moved = [from_client, from_server];
                    play.quiet_input(Input::Spliced { from_client, from_server, end });
                    prop_assert!(play.done);
                }
                // The engine tells of nothing else once it does the rest.
                _ if is_spliced || play.done => {}
                Step::Data(peer, bytes) => {
                    let way = usize::from(peer != Peer::Client);
                    if !ended[way] {
                        said[way] += bytes as u64;
                        say(&mut play, peer, bytes);
                    }
                }
                Step::Eof(peer) => {
                    ended[usize::from(peer != Peer::Client)] = true;
                    play.quiet_input(Input::Eof(peer));
                }
                Step::Reset(peer) => play.quiet_input(Input::Reset(peer)),
                Step::Stop => play.quiet_input(Input::Stop),
                Step::Spliced(..) => {}
            }
        }
        if !play.done && splices(&play) == 0 {
            play.quiet_input(Input::Reset(Peer::Client));
        } else if !play.done {
            let end = SpliceEnd::Stopped;
            play.quiet_input(Input::Spliced { from_client: 0, from_server: 0, end });
        }
        prop_assert!(play.done);
        prop_assert!(splices(&play) <= 1);
        let [shown, dropped] = recorded(&play);
        for way in [0, 1] {
            prop_assert_eq!(shown[way] + dropped[way], said[way] + moved[way]);
        }
        prop_assert!(shown[0] + shown[1] < (140 * KIB + 11) as u64);
        let sent = [Peer::Server(0), Peer::Client].map(|to| play.take_sent(to).len() as u64);
        prop_assert_eq!(sent, said);
        let closed = play.events().find_map(|event| match event {
            Event::Closed(closed) => Some((closed.received, closed.sent)),
            _ => None,
        });
        prop_assert_eq!(closed, Some((said[0] + moved[0], said[1] + moved[1])));
    }
}
