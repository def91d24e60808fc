//! Messages that hooks want to see are held, and go on as they came, changed, or not at all.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use sidestream_flow::{ExchangeId, Peer};
use sidestream_proto::hooks::{
    Asked, Interest, Limits, MessageQuestion, MessageVerdict, MessageWant, Want,
};
use sidestream_proto::websocket::{Extensions, Injection, Item, MessageReader, Role};
use sidestream_proto::{Event, Input, websocket};
use sidestream_record::{Alteration, Failure, ResponseHead, WebSocketKind};

use super::peer::{Deflater, down, opened_with, up};
use crate::play::{Play, shown};

const S: Peer = Peer::Server(0);

/// Wants the messages of both sides.
#[derive(Debug)]
pub(crate) struct Messages(pub(crate) MessageWant);

pub(crate) const BOTH: Messages = Messages(MessageWant { from_client: true, from_server: true });

impl Interest for Messages {
    fn in_request(&self, _: &Asked) -> Want {
        Want::Nothing
    }

    fn in_response(&self, _: &Asked, _: &ResponseHead) -> Want {
        Want::Nothing
    }

    fn in_messages(&self, request: &Asked, response: &ResponseHead) -> MessageWant {
        assert!(request.url.ends_with("/chat"), "{request:?}");
        assert!(matches!(response.status, 101 | 200));
        self.0
    }
}

fn opened(extensions: &str) -> Play {
    opened_for(BOTH, extensions)
}

fn opened_for(wants: Messages, extensions: &str) -> Play {
    opened_with(extensions, |config| {
        config.hooks = Some(Arc::new(wants));
        config.hook_limits = Limits { body_bytes: 10_000, connection_bytes: 50_000 };
    })
}

fn send(play: &mut Play, from: Peer, bytes: impl Into<Bytes>) {
    play.quiet_input(Input::Data(from, bytes.into()));
}

fn asked(play: &mut Play) -> MessageQuestion {
    let mut asked = play.take_messages();
    assert_eq!(asked.len(), 1, "{asked:?}");
    asked.remove(0)
}

fn judge(play: &mut Play, verdict: MessageVerdict) {
    let message = asked(play).message;
    play.judge_message(message, verdict);
}

fn replace(data: impl Into<Bytes>) -> MessageVerdict {
    MessageVerdict::Replace { by: "a hook".into(), data: data.into() }
}

fn told(play: &Play) -> Vec<String> {
    let told = play.events().filter(|event| matches!(event, Event::WebSocket(_)));
    told.map(shown).collect()
}

const DEFLATE: &str = "permessage-deflate";

/// Reads what a peer got, as itself would, with what it keeps from message to message; anything
/// that is not as the standard has it fails.
pub(crate) fn read(from: Peer, extensions: &str, wire: &[u8]) -> Vec<Vec<u8>> {
    let role = if from == Peer::Client { Role::Client } else { Role::Server };
    let mut fields = sidestream_record::Fields::default();
    fields.push("Sec-WebSocket-Extensions", extensions.to_owned());
    let limits = websocket::Limits { max_message_bytes: 1 << 26, ..Default::default() };
    let mut reader = MessageReader::new(role, &Extensions::agreed(&fields), limits);
    let (mut bytes, mut messages) = (Bytes::copy_from_slice(wire), Vec::new());
    while let Some(item) = reader.poll(&mut bytes).unwrap() {
        match item {
            Item::Message(message) => messages.push(message.data.to_vec()),
            Item::Defect(defect) => panic!("{defect}"),
        }
    }
    assert_eq!(reader.unread(), b"");
    messages
}

#[test]
fn a_message_waits_whole_and_passes_in_the_frames_that_came() {
    let mut play = opened("");
    let wire = [up(0x01, "one "), up(0x00, ""), up(0x80, "two")].concat();
    send(&mut play, Peer::Client, wire[..12].to_vec());
    send(&mut play, Peer::Client, wire[12..].to_vec());
    assert_eq!(play.take_sent(S), b"");
    assert_eq!(told(&play), ["websocket client text \"one two\" in 3"]);
    let question = asked(&mut play);
    assert_eq!((question.exchange, question.from), (ExchangeId(1), Peer::Client));
    assert_eq!((question.kind, &question.data[..]), (WebSocketKind::Text, &b"one two"[..]));
    play.judge_message(question.message, MessageVerdict::Pass);
    assert_eq!(play.take_sent(S), wire);
    assert_eq!(told(&play).len(), 1);
}

#[test]
fn a_changed_message_is_one_frame_of_its_kind_and_masked_anew() {
    let mut play = opened("");
    send(&mut play, Peer::Client, [up(0x02, "one "), up(0x80, "two")].concat());
    judge(&mut play, replace("other"));
    let wire = play.take_sent(S);
    assert_eq!((wire.len(), wire[0], wire[1]), (11, 0x82, 0x85));
    assert_ne!(wire[2..6], up(0x81, "")[2..6], "the key is not the client's");
    assert_eq!(read(Peer::Client, "", &wire), [b"other"]);

    send(&mut play, S, down(0x81, "down"));
    judge(&mut play, replace("wn"));
    assert_eq!(play.take_sent(Peer::Client), down(0x81, "wn"));
    assert_eq!(
        told(&play),
        [
            "websocket client binary \"one two\" in 2",
            "websocket client binary \"other\" in 1 replaced by a hook",
            "websocket server text \"down\" in 1",
            "websocket server text \"wn\" in 1 replaced by a hook",
        ]
    );
}

#[test]
fn a_dropped_message_does_not_go_on_and_the_next_does() {
    let mut play = opened("");
    send(&mut play, S, [down(0x81, "one"), down(0x81, "two")].concat());
    judge(&mut play, MessageVerdict::Drop { by: "a hook".into() });
    judge(&mut play, MessageVerdict::Pass);
    assert_eq!(play.take_sent(Peer::Client), down(0x81, "two"));
    assert_eq!(told(&play)[1], "websocket server text \"\" in 1 dropped by a hook");
}

#[test]
fn a_hook_ends_the_connection() {
    for verdict in [
        MessageVerdict::Kill { by: "a hook".into() },
        // What is no text cannot be sent as one.
        replace(&b"\xff"[..]),
    ] {
        let mut play = opened("");
        send(&mut play, Peer::Client, up(0x81, "secret"));
        judge(&mut play, verdict);
        assert!(play.done);
        assert_eq!(play.take_sent(S), b"");
        let mut edits = 0;
        for event in play.events() {
            match event {
                Event::Altered { alteration: Alteration::Edited(edit), .. } => {
                    assert!(edit.by.starts_with("a hook"));
                    edits += 1;
                }
                Event::Closed(closed) => {
                    assert!(matches!(closed.failure, Some(Failure::Blocked { .. })), "{closed:?}");
                }
                _ => {}
            }
        }
        assert_eq!(edits, 1);
    }
}

#[test]
fn control_frames_pass_at_once_but_a_close_waits_its_turn() {
    let mut play = opened("");
    send(&mut play, Peer::Client, [up(0x01, "a"), up(0x89, "p1"), up(0x80, "b")].concat());
    assert_eq!(play.take_sent(S), up(0x89, "p1"));
    let close = up(0x88, [3, 232]);
    let behind = [up(0x81, "c"), up(0x8a, "p2"), close.clone()].concat();
    for byte in behind {
        send(&mut play, Peer::Client, vec![byte]);
    }
    assert_eq!(play.take_sent(S), up(0x8a, "p2"));
    judge(&mut play, MessageVerdict::Pass);
    assert_eq!(play.take_sent(S), [up(0x01, "a"), up(0x80, "b")].concat());
    play.quiet_input(Input::Eof(Peer::Client));
    let ended = |play: &Play| format!("{:?}", play.outputs).contains("Shutdown");
    assert!(!ended(&play), "the end waits as well");
    judge(&mut play, MessageVerdict::Pass);
    assert_eq!(play.take_sent(S), [up(0x81, "c"), close].concat());
    assert!(ended(&play));
}

#[test]
fn the_other_side_goes_on_meanwhile_and_what_nobody_wants_is_not_held() {
    let mut play = opened("");
    send(&mut play, Peer::Client, up(0x81, "held"));
    send(&mut play, S, down(0x81, "asked too"));
    assert_eq!(play.take_messages().len(), 2);

    let wants = MessageWant { from_client: true, from_server: false };
    let mut play = opened_for(Messages(wants), "");
    let frame = down(0x82, vec![1; 70_000]);
    for piece in frame.chunks(999) {
        send(&mut play, S, piece.to_vec());
        assert_eq!(play.take_sent(Peer::Client), piece);
    }
    assert_eq!(play.take_messages(), []);
}

#[test]
fn a_message_over_the_limit_goes_on_as_it_came_and_is_told() {
    let mut play = opened("");
    let wire = [up(0x02, vec![7; 9_000]), up(0x89, "p"), up(0x80, vec![8; 9_000])].concat();
    for piece in wire.chunks(1000) {
        send(&mut play, Peer::Client, piece.to_vec());
    }
    send(&mut play, Peer::Client, up(0x81, "next"));
    let sent = play.take_sent(S);
    assert_eq!(sent.len(), wire.len());
    assert_eq!(sent[..up(0x89, "p").len()], up(0x89, "p"), "the ping passed what was held then");
    let told = told(&play);
    assert!(told[2].ends_with("not changed, it is longer than 10000 bytes: limit of hooks"));
    judge(&mut play, MessageVerdict::Pass);
    assert_eq!(play.take_sent(S), up(0x81, "next"));
}

#[test]
fn what_waits_behind_a_message_is_bounded() {
    let mut play = opened("");
    send(&mut play, Peer::Client, up(0x81, "held"));
    send(&mut play, Peer::Client, up(0x82, vec![7; 65_536]));
    assert!(!play.conn.wants(Peer::Client));
    assert!(play.conn.wants(S));
    judge(&mut play, MessageVerdict::Pass);
    assert!(play.conn.wants(Peer::Client));
    // What all may hold together is bounded too.
    let mut play = opened_with("", |config| {
        config.hooks = Some(Arc::new(BOTH));
        config.hook_limits = Limits { body_bytes: 10_000, connection_bytes: 15_000 };
    });
    send(&mut play, Peer::Client, up(0x81, vec![b'a'; 6_000]));
    send(&mut play, S, down(0x81, vec![b'b'; 9_000]));
    assert_eq!(play.take_messages().len(), 1);
    assert_eq!(play.take_sent(Peer::Client), down(0x81, vec![b'b'; 9_000]));
}

#[test]
fn after_an_edit_compressed_messages_go_on_without_compression() {
    let mut play = opened(DEFLATE);
    let text = "the same words again and again ".repeat(30);
    let mut deflater = Deflater::new();
    let wires: Vec<_> = (0..4).map(|_| up(0xc1, deflater.message(text.as_bytes()))).collect();
    assert!(wires[1].len() < 40, "it builds on the one before");
    let mut sent = Vec::new();
    for (wire, verdict) in wires.iter().zip([
        MessageVerdict::Pass,
        replace("edited"),
        MessageVerdict::Pass,
        MessageVerdict::Drop { by: "a hook".into() },
    ]) {
        send(&mut play, Peer::Client, wire.clone());
        judge(&mut play, verdict);
        sent.extend(play.take_sent(S));
    }
    assert!(sent.starts_with(&wires[0]), "what comes before the edit passes as sent");
    let text = text.into_bytes();
    assert_eq!(read(Peer::Client, DEFLATE, &sent), [text.clone(), b"edited".to_vec(), text]);
}

#[test]
fn without_context_takeover_the_others_pass_as_sent() {
    let extensions = "permessage-deflate; server_no_context_takeover";
    let mut play = opened(extensions);
    let wire = |text: &str| down(0xc1, Deflater::new().message(text.as_bytes()));
    send(&mut play, S, [wire("one"), wire("two")].concat());
    judge(&mut play, replace("edited"));
    judge(&mut play, MessageVerdict::Pass);
    assert_eq!(play.take_sent(Peer::Client), [down(0x81, "edited"), wire("two")].concat());
}

#[test]
fn a_long_message_behind_an_edit_is_sent_in_fragments_as_it_is_inflated() {
    let mut play = opened(DEFLATE);
    let mut deflater = Deflater::new();
    let long: Vec<_> = (0..200_000_u32).map(|at| b'a' + (at / 7 % 26) as u8).collect();
    let wires = [&b"first"[..], &long, b"last"].map(|it| down(0xc1, deflater.message(it)));
    let mut sent = Vec::new();
    send(&mut play, S, wires[0].clone());
    judge(&mut play, replace("edited"));
    for piece in wires[1].chunks(100) {
        send(&mut play, S, piece.to_vec());
    }
    assert_eq!(play.take_messages(), []);
    send(&mut play, S, wires[2].clone());
    judge(&mut play, MessageVerdict::Pass);
    sent.extend(play.take_sent(Peer::Client));
    let got = read(S, DEFLATE, &sent);
    assert_eq!(got, [b"edited".to_vec(), long, b"last".to_vec()]);
}

#[test]
fn frames_that_are_none_pass_and_hooks_see_no_more() {
    let broken = [
        up(0x80, "continues nothing"),
        [up(0x01, "begun"), up(0x81, "within another")].concat(),
        up(0x83, "reserved"),
        up(0x09, "a fragmented ping"),
        [&[0x82, 0xff][..], &[0xff; 12], b"no length"].concat(),
    ];
    for wire in broken {
        let mut play = opened("");
        send(&mut play, Peer::Client, up(0x81, "held"));
        send(&mut play, Peer::Client, wire.clone());
        send(&mut play, Peer::Client, up(0x81, "later"));
        judge(&mut play, MessageVerdict::Pass);
        let all = [up(0x81, "held"), wire, up(0x81, "later")].concat();
        assert_eq!(play.take_sent(S), all);
        assert_eq!(play.take_messages(), []);
        let bypassed = |event: &Event| {
            matches!(event, Event::Altered { alteration: Alteration::HooksBypassed, .. })
        };
        assert_eq!(play.events().filter(|it| bypassed(it)).count(), 1);
    }
}

#[test]
fn what_is_cut_short_goes_on_as_far_as_it_came() {
    let wire = [up(0x01, "begun"), up(0x00, "and cut")[..9].to_vec()].concat();
    for end in 1..wire.len() {
        let mut play = opened("");
        send(&mut play, Peer::Client, wire[..end].to_vec());
        play.quiet_input(Input::Eof(Peer::Client));
        assert_eq!(play.take_sent(S), wire[..end], "{end}");
        assert!(format!("{:?}", play.outputs).contains("Shutdown(Server(0))"));
    }
}

#[test]
fn a_message_of_the_users_own_does_not_wait_for_one_that_is_held() {
    let mut play = opened("");
    send(&mut play, Peer::Client, [up(0x01, "held "), up(0x80, "here")].concat());
    let ours = Injection { kind: WebSocketKind::Text, data: "ours".into() };
    play.conn.inject(ExchangeId(1), S, ours, std::time::Instant::now()).unwrap();
    play.drain();
    judge(&mut play, MessageVerdict::Pass);
    let sent = play.take_sent(S);
    assert_eq!(read(Peer::Client, "", &sent), [b"ours".to_vec(), b"held here".to_vec()]);
}

/// A conversation of one side, what it says, and what hooks do with it.
fn messages() -> impl Strategy<Value = Vec<(Vec<u8>, bool, bool, u8)>> {
    let text = prop_oneof![
        proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b')], 0..300),
        proptest::collection::vec(b'a'..=b'z', 12_000..15_000),
    ];
    proptest::collection::vec((text, any::<bool>(), any::<bool>(), 0..4_u8), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is changed and however it is cut, the receiver reads what it should.
    #[test]
    fn receivers_read_what_hooks_let_through(
        messages in messages(),
        takes_over: bool,
        sizes in proptest::collection::vec(1..3_000_usize, 1..5),
    ) {
        let extensions = match takes_over {
            true => DEFLATE,
            false => "permessage-deflate; client_no_context_takeover",
        };
        let mut play = opened(extensions);
        let mut deflater = Deflater::new();
        let (mut wire, mut expected) = (Vec::new(), Vec::new());
        for (text, compresses, fragmented, verdict) in &messages {
            if !takes_over {
                deflater = Deflater::new();
            }
            let payload = if *compresses { deflater.message(text) } else { text.clone() };
            let first = if *compresses { 0x41 } else { 0x01 };
            let (start, end) = payload.split_at(payload.len() / 2);
            match fragmented {
                true => wire.extend([up(first, start), up(0x80, end)].concat()),
                false => wire.extend(up(first | 0x80, &payload)),
            }
            match verdict {
                _ if text.len() > 10_000 => expected.push(text.clone()),
                0 => {}
                1 => expected.push(b"replaced".to_vec()),
                _ => expected.push(text.clone()),
            }
        }
        let verdicts = messages.iter().filter(|(text, ..)| text.len() <= 10_000);
        let mut verdicts = verdicts.map(|(.., verdict)| *verdict);
        let (mut rest, mut sizes) = (&wire[..], sizes.into_iter().cycle());
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(sizes.next().unwrap_or(1).min(rest.len()));
            rest = behind;
            send(&mut play, Peer::Client, piece.to_vec());
            for _ in 0..=messages.len() {
                for question in play.take_messages() {
                    let verdict = match verdicts.next() {
                        Some(0) => MessageVerdict::Drop { by: "a hook".into() },
                        Some(1) => replace("replaced"),
                        _ => MessageVerdict::Pass,
                    };
                    play.judge_message(question.message, verdict);
                }
            }
        }
        prop_assert_eq!(read(Peer::Client, extensions, &play.take_sent(S)), expected);
    }
}
