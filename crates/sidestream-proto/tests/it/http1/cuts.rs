//! Where the input is cut does not matter, and nothing panics.

use proptest::prelude::*;
use proptest::sample::Index;
use sidestream_proto::http1::{Limits, Sniff, looks_like_request};

use super::cases::cases;
use super::{Sender, read, read_cut};

/// What heads and chunks are made of, and what breaks them.
const PARTS: [&[u8]; 40] = [
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b":",
    b"\0",
    b",",
    b";",
    b"\r\n\r\n",
    b"0",
    b"3",
    b"abc",
    b"GET ",
    b"POST ",
    b"CONNECT ",
    b"/",
    b"http://a.test",
    b" HTTP/1.1\r\n",
    b" HTTP/1.0\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 204\r\n",
    b"HTTP/1.1 101 X\r\n",
    b"Host: a.test\r\n",
    b"Content-Length",
    b"Content-Length: 3\r\n",
    b"Content-Length: 0\r\n",
    b"Transfer-Encoding",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"chunked",
    b"identity",
    b"3\r\nabc\r\n",
    b"00A;x\r\n0123456789\r\n",
    b"0\r\n\r\n",
    b"0\r\nX: y\r\n\r\n",
    b"X: y\r\n",
    b" folded\r\n",
    b"_",
    b"\xff",
];

const SMALL: Limits = Limits { max_head_bytes: 120, max_fields: 4, max_chunk_line_bytes: 12 };

fn senders() -> impl Strategy<Value = Sender> {
    let senders = [Sender::Client, Sender::Server("GET"), Sender::Server("HEAD")];
    prop::sample::select(senders.to_vec())
}

/// A case of the table, changed at some places.
fn mutants() -> impl Strategy<Value = Vec<u8>> {
    let cases: Vec<_> = cases().into_iter().map(|(.., bytes)| bytes).collect();
    let part = prop::sample::select(PARTS.to_vec());
    let edits = prop::collection::vec((any::<Index>(), 0..4_usize, part), 0..4);
    (prop::sample::select(cases), edits).prop_map(|(mut bytes, edits)| {
        for (at, cut, part) in edits {
            let at = at.index(bytes.len() + 1);
            let end = bytes.len().min(at + cut);
            bytes.splice(at..end, part.iter().copied());
        }
        bytes
    })
}

fn collages() -> impl Strategy<Value = Vec<u8>> {
    let part = prop::sample::select(PARTS.to_vec());
    prop::collection::vec(part, 0..20).prop_map(|parts| parts.concat())
}

fn inputs() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(any::<u8>(), 0..200);
    prop_oneof![4 => mutants(), 4 => collages(), 1 => noise]
}

#[test]
fn every_case_reads_the_same_in_single_bytes() {
    for (name, _, sender, bytes) in cases() {
        let whole = read(sender, &bytes);
        assert_eq!(read_cut(sender, &bytes, &[1], Limits::default()), whole, "{name}");
        for at in 1..bytes.len() {
            let sizes = [at, bytes.len()];
            assert_eq!(
                read_cut(sender, &bytes, &sizes, Limits::default()),
                whole,
                "{name} at {at}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_input_reads_the_same_however_it_is_cut(
        sender in senders(),
        bytes in inputs(),
        sizes in prop::collection::vec(1..30_usize, 1..8),
        small in any::<bool>(),
    ) {
        let limits = if small { SMALL } else { Limits::default() };
        let whole = read_cut(sender, &bytes, &[], limits);
        prop_assert_eq!(read_cut(sender, &bytes, &sizes, limits), whole);
    }

    #[test]
    fn what_was_sniffed_stays_so(bytes in inputs(), at in any::<Index>()) {
        let first = looks_like_request(&bytes[..at.index(bytes.len() + 1)]);
        if first != Sniff::NeedMore {
            prop_assert_eq!(looks_like_request(&bytes), first);
        }
    }
}
