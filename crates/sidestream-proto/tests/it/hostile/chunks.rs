//! Chunked bodies without an end.

use bytes::Bytes;
use sidestream_flow::Peer;

use super::{Attacked, KIB, MIB, SERVER, holds_at_most};

const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Lets a peer say one thing over and over in its body, and checks what is held of it.
fn body(from: Peer, piece: &[u8], times: u32, held: usize) -> Attacked {
    let mut attacked = Attacked::tunnel();
    if from == SERVER {
        attacked.pass(Peer::Client, GET);
        attacked.pass(SERVER, CHUNKED);
    } else {
        attacked.pass(Peer::Client, POST);
    }
    let piece = Bytes::copy_from_slice(piece);
    for _ in 0..times {
        attacked.say(from, piece.clone());
        assert!(attacked.held(from) <= held, "{} bytes are held", attacked.held(from));
    }
    attacked
}

#[test]
fn chunks_of_one_byte_pass_without_end() {
    for from in [Peer::Client, SERVER] {
        holds_at_most(MIB, || {
            let attacked = body(from, &b"1\r\nx\r\n".repeat(100), 10_000, 2);
            assert_eq!((attacked.ended, attacked.defects()), (0, Vec::new()));
        });
    }
}

#[test]
fn long_extensions_of_chunks_pass_without_end() {
    let chunk = [b"1;".as_slice(), &[b'e'; 4000], b"\r\nx\r\n"].concat();
    for from in [Peer::Client, SERVER] {
        holds_at_most(MIB, || {
            let attacked = body(from, &chunk, 20_000, 2);
            assert_eq!((attacked.ended, attacked.defects()), (0, Vec::new()));
        });
    }
}

#[test]
fn an_extension_without_end_passes_raw() {
    for from in [Peer::Client, SERVER] {
        holds_at_most(MIB, || {
            let mut attacked = body(from, b"1\r\nx\r\n", 1, 2);
            attacked.say(from, "1;");
            for _ in 0..100_000 {
                attacked.say(from, [b'e'; 100].as_slice());
                assert!(attacked.held(from) <= 4096);
            }
            let failure = attacked.last().failure.clone().unwrap().to_string();
            assert!(failure.contains("longer than 4096 bytes"), "{failure}");
        });
    }
}

#[test]
fn trailers_without_end_pass_raw() {
    for from in [Peer::Client, SERVER] {
        holds_at_most(2 * MIB, || {
            let mut attacked = body(from, b"0\r\n", 1, 3);
            for number in 0..200_000 {
                attacked.say(from, format!("T-{number}: x\r\n"));
                assert!(attacked.held(from) <= 256 * KIB as usize);
            }
            let failure = attacked.last().failure.clone().unwrap().to_string();
            assert!(failure.contains("more than 1024 fields"), "{failure}");
        });
    }
}

#[test]
fn a_size_of_zeros_without_end_passes_raw() {
    holds_at_most(MIB, || {
        let attacked = body(SERVER, &[b'0'; 1000], 1000, 4096);
        let failure = attacked.last().failure.clone().unwrap().to_string();
        assert!(failure.contains("longer than 4096 bytes"), "{failure}");
    });
}
