//! Encoders that are not ours.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use sidestream_coding::{Codings, DecodeError, Decoder, Limits};

/// The codings that `encode` knows; `raw` is deflate without zlib's wrapping.
pub(crate) const CODINGS: [&str; 6] = ["gzip", "deflate", "raw", "br", "zstd", "identity"];

/// Encodes by the coding of that name.
pub(crate) fn encode(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let level = Compression::new(bytes.len() as u32 % 10);
    match coding {
        "gzip" | "x-gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder = ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        "raw" => {
            let mut encoder = DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        "br" => {
            let mut out = Vec::new();
            let params = brotli::enc::BrotliEncoderParams { quality: 5, ..Default::default() };
            brotli::BrotliCompress(&mut &*bytes, &mut out, &params).unwrap();
            out
        }
        "zstd" => compress_to_vec(bytes, CompressionLevel::Fastest),
        _ => bytes.to_vec(),
    }
}

/// Returns what a `Content-Encoding` of that value says.
pub(crate) fn codings(value: &str) -> Codings {
    Codings::parse([value.replace("raw", "deflate").as_bytes()])
}

/// Decodes piece by piece.
pub(crate) fn run<'a>(
    value: &str,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: Limits,
) -> (Vec<u8>, Result<(), DecodeError>) {
    let mut out = Vec::new();
    let mut decoder = match Decoder::new(&codings(value), limits) {
        Ok(decoder) => decoder,
        Err(error) => return (out, Err(error)),
    };
    let mut sink = |piece: &[u8]| out.extend_from_slice(piece);
    let pushed = pieces.into_iter().try_for_each(|piece| decoder.push(piece, &mut sink));
    let ended = decoder.finish(&mut sink);
    assert_eq!(decoder.decoded_bytes(), out.len() as u64);
    (out, pushed.and(ended))
}

/// Text that repeats itself as text does: words out of a small stock, and numbers.
pub(crate) fn text(length: usize) -> Vec<u8> {
    let words = ["stream", "aside", "of", "the", "current", "taken", "\n", "a", "river", "and"];
    let mut out = Vec::new();
    let mut seed = 1_u64;
    while out.len() < length {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = seed >> 33;
        if random.is_multiple_of(16) {
            out.extend_from_slice(random.to_string().as_bytes());
        } else {
            out.extend_from_slice(words[(random >> 8) as usize % words.len()].as_bytes());
        }
        if random % 1000 == 7 {
            let from = (random as usize >> 10) % out.len();
            out.extend_from_within(from..(from + 4000).min(out.len()));
        }
        out.push(b' ');
    }
    out.truncate(length);
    out
}
