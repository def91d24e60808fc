//! Feeds any bytes to the content codings, whole and in pieces: the same must come out, in bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidestream_coding::{Codings, DecodeError, Decoder, Limits};

const VALUES: [&str; 6] = ["gzip", "deflate", "br", "zstd", "gzip, zstd", "br, deflate"];
const MOST: u64 = 1 << 18;

fuzz_target!(|bytes: &[u8]| {
    let [which, cut, body @ ..] = bytes else { return };
    let value = VALUES[usize::from(*which) % VALUES.len()];
    let whole = run(value, body.chunks(body.len().max(1)));
    assert!(whole.0.len() as u64 <= MOST);
    assert_eq!(run(value, body.chunks(usize::from(*cut) + 1)), whole);
});

fn run<'a>(
    value: &str,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<u8>, Result<(), DecodeError>) {
    let mut out = Vec::new();
    let codings = Codings::parse([value.as_bytes()]);
    let mut decoder = Decoder::new(&codings, Limits::up_to(MOST)).expect("they are known");
    let mut sink = |piece: &[u8]| out.extend_from_slice(piece);
    let pushed = pieces.into_iter().try_for_each(|piece| decoder.push(piece, &mut sink));
    let ended = decoder.finish(&mut sink);
    (out, pushed.and(ended))
}
