//! Floods and forgeries of HTTP/2 frames: all pass, nothing piles up, what is wrong is marked.

use bytes::Bytes;
use sidestream_flow::Peer;
use sidestream_proto::http2::{Flags, Kind, PREFACE};

use super::{Attacked, KIB, MIB, SERVER, holds_at_most};
use crate::http2::{Speaker, data, frame, settings};

/// A connection that has begun, and its client.
pub(super) fn begun() -> (Attacked, Speaker) {
    let mut attacked = Attacked::tunnel();
    attacked.say(Peer::Client, PREFACE.as_slice());
    attacked.pass(Peer::Client, settings(&[]));
    attacked.pass(SERVER, settings(&[]));
    (attacked, Speaker::new())
}

/// Checks that exchanges are still told: nothing was marked.
pub(super) fn check_reads_on(attacked: &mut Attacked, client: &mut Speaker, stream: u32) {
    let ended = attacked.ended;
    attacked.pass(Peer::Client, client.get(stream, "/after"));
    attacked.pass(SERVER, Speaker::new().answer(stream, "200", true));
    assert_eq!(attacked.defects(), [""; 0]);
    assert_eq!(attacked.ended, ended + 1);
    assert_eq!(attacked.last().failure, None);
}

/// Checks that what follows passes raw, and that the reason is told.
#[track_caller]
pub(super) fn check_marked(attacked: &mut Attacked, from: Peer, expected: &str) {
    let marked = attacked.defects();
    assert!(marked.len() == 1 && marked[0].contains(expected), "{marked:?}");
    for peer in [from, Peer::Client, SERVER] {
        attacked.pass(peer, "anything at all");
    }
}

/// Lets a peer send a frame a million times, in writes of a thousand.
fn check_flood(from: Peer, frame: &[u8]) {
    holds_at_most(256 * KIB, || {
        let (mut attacked, mut client) = begun();
        let thousand = Bytes::from(frame.repeat(1000));
        for _ in 0..1000 {
            attacked.pass(from, thousand.clone());
        }
        assert!(attacked.events < 10, "{} events", attacked.events);
        check_reads_on(&mut attacked, &mut client, 1);
    });
}

#[test]
fn a_flood_of_settings_passes() {
    check_flood(Peer::Client, &settings(&[(4, 1), (0xabcd, 7)]));
    check_flood(SERVER, &settings(&[]));
    check_flood(SERVER, &frame(Kind::SETTINGS, Flags::ACK, 0, b""));
}

#[test]
fn a_flood_of_pings_passes() {
    check_flood(Peer::Client, &frame(Kind::PING, Flags::default(), 0, b"are you?"));
    check_flood(SERVER, &frame(Kind::PING, Flags::ACK, 0, b"yes I am"));
}

#[test]
fn a_flood_of_window_updates_passes() {
    let update =
        |stream, by: u32| frame(Kind::WINDOW_UPDATE, Flags::default(), stream, &by.to_be_bytes());
    check_flood(Peer::Client, &update(0, 0x7fff_ffff));
    check_flood(Peer::Client, &update(7, 1));
    check_flood(Peer::Client, &update(7, 0));
}

#[test]
fn a_flood_of_priorities_resets_and_farewells_passes() {
    check_flood(Peer::Client, &frame(Kind::PRIORITY, Flags::default(), 9, &[0, 0, 0, 9, 255]));
    check_flood(Peer::Client, &frame(Kind::RST_STREAM, Flags::default(), 9, &[0; 4]));
    check_flood(
        SERVER,
        &frame(Kind::GOAWAY, Flags::default(), 0, &[0x7f, 255, 255, 255, 0, 0, 0, 0]),
    );
}

#[test]
fn a_flood_of_empty_data_passes() {
    for stream in [1, 3] {
        holds_at_most(256 * KIB, || {
            let (mut attacked, mut client) = begun();
            attacked
                .pass(Peer::Client, client.head(1, &[(":method", "PUT"), (":path", "/")], false));
            let padded = frame(Kind::DATA, Flags::PADDED, stream, &[200; 201]);
            let thousand = Bytes::from(data(stream, "", false).repeat(999));
            for _ in 0..1000 {
                attacked.pass(Peer::Client, thousand.clone());
                attacked.pass(Peer::Client, padded.clone());
            }
            assert!(attacked.events < 10, "{} events", attacked.events);
            check_reads_on(&mut attacked, &mut client, 5);
        });
    }
}

#[test]
fn fragments_of_a_field_block_without_end_pass_raw() {
    let cases: [(usize, &str); 4] = [
        (0, "more than 1024 frames"),
        (1, "more than 1024 frames"),
        (1000, "more than 262144 bytes"),
        (16 * 1024, "more than 262144 bytes"),
    ];
    for (length, expected) in cases {
        for from in [Peer::Client, SERVER] {
            holds_at_most(2 * MIB, || {
                let (mut attacked, _) = begun();
                attacked.pass(from, frame(Kind::HEADERS, Flags::default(), 1, b"\x82"));
                let piece = frame(Kind::CONTINUATION, Flags::default(), 1, &vec![0; length]);
                for _ in 0..100_000.min(32 * MIB / (1 + length as u64)) {
                    attacked.pass(from, piece.clone());
                }
                check_marked(&mut attacked, from, expected);
            });
        }
    }
}

#[test]
fn a_gibibyte_of_header_in_fragments_passes_without_being_held() {
    holds_at_most(2 * MIB, || {
        let (mut attacked, _) = begun();
        attacked.pass(Peer::Client, frame(Kind::HEADERS, Flags::default(), 1, b"\x82"));
        let piece = Bytes::from(frame(Kind::CONTINUATION, Flags::default(), 1, &[0; 16 * 1024]));
        for _ in 0..64 * 1024 {
            attacked.pass(Peer::Client, piece.clone());
        }
        check_marked(&mut attacked, Peer::Client, "more than 262144 bytes");
    });
}

#[test]
fn frames_of_16_mib_pass_without_being_held() {
    const LENGTH: usize = 0x00ff_ffff;
    const TOO_LONG: &str = "HTTP/2: a frame of advice that is too long to be read";
    let head = |kind, flags, stream| frame(kind, flags, stream, &[0; LENGTH])[..9].to_vec();
    let piece = Bytes::from(vec![0; 32 * 1024]);
    for kind in (0..=0x10).map(Kind) {
        let on_connection = matches!(kind, Kind::SETTINGS | Kind::PING | Kind::GOAWAY);
        let begin = head(kind, Flags::default(), u32::from(!on_connection));
        holds_at_most(2 * MIB, || {
            let (mut attacked, mut client) = begun();
            attacked.pass(Peer::Client, begin);
            let mut left = LENGTH;
            while left > 0 {
                let length = left.min(piece.len());
                attacked.pass(Peer::Client, piece.slice(..length));
                left -= length;
            }
            if kind.is_advice() {
                attacked.pass(Peer::Client, client.get(3, "/after"));
                attacked.pass(SERVER, Speaker::new().answer(3, "200", true));
                assert_eq!((attacked.defects(), attacked.ended), (vec![TOO_LONG.to_owned()], 1));
            } else if kind == Kind::DATA || kind.0 > Kind::CONTINUATION.0 {
                check_reads_on(&mut attacked, &mut client, 3);
            } else if kind == Kind::CONTINUATION {
                let marked = attacked.defects().concat();
                assert!(marked.contains("16777215 bytes"), "{marked}");
            } else {
                check_marked(&mut attacked, Peer::Client, "with 16777215 bytes");
            }
        });
    }
}

#[test]
fn padding_that_cannot_be_passes_raw() {
    let cases = [
        frame(Kind::DATA, Flags::PADDED, 1, &[3, 0, 0]),
        frame(Kind::DATA, Flags::PADDED, 1, b""),
        frame(Kind::HEADERS, Flags::PADDED.with(Flags::END_HEADERS, true), 3, &[9, 0x82]),
        frame(Kind::HEADERS, Flags::PADDED.with(Flags::END_HEADERS, true), 3, b""),
    ];
    for case in cases {
        let (mut attacked, mut client) = begun();
        attacked.pass(Peer::Client, client.head(1, &[(":method", "PUT"), (":path", "/")], false));
        attacked.pass(Peer::Client, case);
        check_marked(&mut attacked, Peer::Client, "padd");
        let failure = attacked.last().failure.as_ref().unwrap().to_string();
        assert!(failure.starts_with("malformed by the client"), "{failure}");
    }
}

#[test]
fn garbage_after_the_preface_passes_raw() {
    let mut attacked = Attacked::tunnel();
    attacked.say(Peer::Client, PREFACE.as_slice());
    attacked.pass(Peer::Client, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n".repeat(100_000));
    attacked.pass(SERVER, "HTTP/1.1 400 Bad Request\r\n\r\n");
    assert!(attacked.ended == 0 && attacked.defects().len() <= 1, "{:?}", attacked.defects());
}

#[test]
fn a_byte_at_a_time_passes_a_byte_at_a_time() {
    holds_at_most(2 * MIB, || {
        let (mut attacked, mut client) = begun();
        let cookie = "x".repeat(200_000);
        let fields = [(":method", "GET"), (":path", "/"), (":scheme", "http"), ("cookie", &cookie)];
        for byte in client.head(1, &fields, true) {
            attacked.pass(Peer::Client, vec![byte]);
        }
        for byte in Speaker::new().answer(1, "200", true) {
            attacked.pass(SERVER, vec![byte]);
        }
        assert_eq!((attacked.ended, attacked.defects()), (1, Vec::new()));
        let request = attacked.last().request.as_ref().unwrap();
        assert_eq!(request.fields.get("cookie").unwrap().len(), 200_000);
    });
}
