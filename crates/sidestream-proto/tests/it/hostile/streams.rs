//! Streams and tables of HTTP/2 that are begun without end, or grow without end.

use bytes::{BufMut as _, Bytes, BytesMut};
use sidestream_flow::Peer;
use sidestream_proto::http2::{ErrorCode, Flags, Kind, id};

use super::frames::{begun, check_marked, check_reads_on};
use super::{Attacked, KIB, MIB, SERVER, holds_at_most};
use crate::http2::{Speaker, frame, go_away, reset, settings};

const WHOLE: Flags = Flags::END_HEADERS;

/// A literal field that is put into the table (RFC 7541 §6.2.1).
fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut block = vec![0x40];
    for text in [name, value] {
        number(text.len(), &mut block);
        block.extend_from_slice(text);
    }
    block
}

/// An integer behind seven bits' room (RFC 7541 §5.1).
fn number(mut value: usize, out: &mut Vec<u8>) {
    if value < 127 {
        return out.push(u8::try_from(value).unwrap());
    }
    out.push(127);
    value -= 127;
    while value >= 128 {
        out.push(u8::try_from(value % 128).unwrap() | 128);
        value /= 128;
    }
    out.push(u8::try_from(value).unwrap());
}

/// The entry of the table that was put in last.
const NEWEST: u8 = 0x80 | 62;

#[test]
fn a_hundred_thousand_streams_that_are_reset_at_once_are_told_and_let_go() {
    holds_at_most(MIB, || {
        let (mut attacked, mut client) = begun();
        for stream in (0..100_000).map(|number| 2 * number + 1) {
            let begin = client.get(stream, "/");
            attacked.pass(Peer::Client, [begin, reset(stream, ErrorCode::CANCEL)].concat());
        }
        assert_eq!(attacked.ended, 100_000);
        let failure = attacked.last().failure.as_ref().unwrap().to_string();
        assert_eq!(failure, "stream reset by the client: CANCEL");
        check_reads_on(&mut attacked, &mut client, 200_001);
    });
}

#[test]
fn more_streams_than_ten_thousand_at_once_pass_raw() {
    holds_at_most(24 * MIB, || {
        let (mut attacked, mut client) = begun();
        for stream in (0..10_000).map(|number| 2 * number + 1) {
            attacked.pass(Peer::Client, client.get(stream, "/"));
        }
        assert_eq!(attacked.defects(), [""; 0]);
        attacked.pass(Peer::Client, client.get(20_001, "/"));
        check_marked(&mut attacked, Peer::Client, "more than 10000 streams at once");
        assert_eq!(attacked.ended, 10_000);
    });
}

#[test]
fn promises_without_end_pass_raw() {
    holds_at_most(24 * MIB, || {
        let (mut attacked, mut client) = begun();
        attacked.pass(Peer::Client, client.get(1, "/"));
        for promised in (1..=10_000_u32).map(|number| 2 * number) {
            let payload = [&promised.to_be_bytes()[..], b"\x82\x84\x86"].concat();
            attacked.pass(SERVER, frame(Kind::PUSH_PROMISE, WHOLE, 1, &payload));
        }
        check_marked(&mut attacked, SERVER, "more than 10000 streams at once");
    });
}

#[test]
fn a_bomb_of_references_to_a_large_field_is_not_unpacked() {
    for from in [Peer::Client, SERVER] {
        holds_at_most(MIB, || {
            let (mut attacked, _) = begun();
            let mut block = literal(b"bomb", &[b'x'; 4000]);
            block.extend([NEWEST; 100_000]);
            attacked.pass(from, frame(Kind::HEADERS, WHOLE, 1, &block));
            check_marked(&mut attacked, from, "262144");
        });
    }
}

#[test]
fn small_bombs_in_many_open_streams_pass_raw_before_they_add_up() {
    holds_at_most(24 * MIB, || {
        let (mut attacked, _) = begun();
        attacked.pass(Peer::Client, frame(Kind::HEADERS, WHOLE, 1, &literal(b"a", &[b'x'; 4000])));
        for stream in (1..10_000).map(|number| 2 * number + 1) {
            attacked.pass(Peer::Client, frame(Kind::HEADERS, WHOLE, stream, &[NEWEST; 60]));
        }
        check_marked(&mut attacked, Peer::Client, "heads of more than 16777216 bytes");
    });
}

#[test]
fn small_bombs_in_streams_that_end_pass() {
    holds_at_most(2 * MIB, || {
        let (mut attacked, _) = begun();
        let mut begin = |stream, block: &[u8]| {
            attacked.pass(Peer::Client, frame(Kind::HEADERS, WHOLE, stream, block));
            attacked.pass(SERVER, reset(stream, ErrorCode::ENHANCE_YOUR_CALM));
        };
        begin(1, &literal(b"a", &[b'x'; 4000]));
        for stream in (1..10_000).map(|number| 2 * number + 1) {
            begin(stream, &[NEWEST; 60]);
        }
        assert_eq!((attacked.ended, attacked.defects()), (10_000, Vec::new()));
    });
}

/// Fills the tables of a connection whose client announced one of that size.
fn fill(attacked: &mut Attacked, entries: u32) {
    for entry in 0..entries {
        let block = literal(&entry.to_be_bytes()[2..], b"v");
        attacked.pass(SERVER, frame(Kind::HEADERS, WHOLE, 1, &block));
    }
}

#[test]
fn a_table_of_4_gib_is_not_kept() {
    holds_at_most(MIB, || {
        let (mut attacked, mut client) = begun();
        attacked.pass(Peer::Client, settings(&[(id::HEADER_TABLE_SIZE, u32::MAX)]));
        attacked.pass(Peer::Client, client.get(1, "/"));
        // A size that was announced, and is not used, costs nothing.
        fill(&mut attacked, 10_000);
        assert_eq!(attacked.defects(), [""; 0]);
        let resize = [0x3f, 0xe0, 0xff, 0xff, 0xff, 0x0f];
        attacked.pass(SERVER, frame(Kind::HEADERS, WHOLE, 1, &resize));
        check_marked(&mut attacked, SERVER, "table");
    });
}

#[test]
fn a_table_of_1_mib_is_kept_and_no_more() {
    holds_at_most(12 * MIB, || {
        let (mut attacked, mut client) = begun();
        attacked.pass(Peer::Client, settings(&[(id::HEADER_TABLE_SIZE, u32::MAX)]));
        attacked.pass(Peer::Client, client.get(1, "/"));
        // 1,048,576 is 31 and 1,048,545.
        attacked.pass(SERVER, frame(Kind::HEADERS, WHOLE, 1, &[0x3f, 0xe1, 0xff, 0x3f]));
        fill(&mut attacked, 200_000);
        assert_eq!(attacked.defects(), [""; 0]);
    });
}

#[test]
fn of_endless_heads_in_a_stream_a_hundred_are_told_and_the_answer() {
    let interim = [(":status", "103"), ("link", "</a.css>")];
    let broken = [(":status", "none")];
    for fields in [&interim[..], &broken[..]] {
        holds_at_most(MIB, || {
            let (mut attacked, mut client) = begun();
            let mut server = Speaker::new();
            attacked.pass(Peer::Client, client.get(1, "/"));
            for _ in 0..100_000 {
                attacked.pass(SERVER, server.head(1, fields, false));
            }
            assert!(attacked.events < 200, "{} events", attacked.events);
            attacked.pass(SERVER, server.answer(1, "200", false));
            for _ in 0..100_000 {
                attacked.pass(SERVER, server.head(1, &[("x", "trailer")], false));
            }
            attacked.pass(SERVER, server.head(1, &[], true));
            assert!(attacked.events < 200, "{} events", attacked.events);
            let exchange = attacked.last();
            assert_eq!(exchange.response.as_ref().unwrap().status, 200);
            assert_eq!(exchange.failure, None);
        });
    }
}

#[test]
fn endless_trailers_of_a_request_pass_untold() {
    holds_at_most(MIB, || {
        let (mut attacked, mut client) = begun();
        let put = [(":method", "PUT"), (":path", "/"), (":scheme", "http")];
        attacked.pass(Peer::Client, client.head(1, &put, false));
        for _ in 0..100_000 {
            attacked.pass(Peer::Client, client.head(1, &[("x", "y")], false));
        }
        assert!(attacked.events < 200, "{} events", attacked.events);
    });
}

#[test]
fn farewells_without_end_pass_while_streams_are_open() {
    holds_at_most(MIB, || {
        let (mut attacked, mut client) = begun();
        for stream in [1, 3, 5] {
            attacked.pass(Peer::Client, client.get(stream, "/"));
        }
        for _ in 0..100_000 {
            attacked.pass(SERVER, go_away(3, ErrorCode::NO_ERROR));
        }
        assert_eq!(attacked.ended, 1, "the one beyond was not taken");
    });
}

#[test]
fn heads_keep_no_more_alive_than_themselves() {
    // Each comes in a large write of its own, most of which is something else.
    holds_at_most(24 * MIB, || {
        let (mut attacked, _) = begun();
        let filler = frame(Kind::PING, Flags::default(), 0, &[0; 8]).repeat(30 * 1024 / 17);
        for stream in (0..5000).map(|number| 2 * number + 1) {
            let mut wire = BytesMut::with_capacity(64 * KIB as usize);
            // The path stands in the block as it is.
            wire.put_slice(&frame(Kind::HEADERS, WHOLE, stream, b"\x82\x86\x04\x05/path"));
            wire.put_slice(&filler);
            attacked.pass(Peer::Client, Bytes::from(wire));
        }
        assert_eq!(attacked.defects(), [""; 0]);
    });
}
