//! Content codings.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use sidestream_record::{Field, Fields};
use sidestream_rules::{DecodeError, decode};

const TEXT: &[u8] = b"some text, some text, some text";

/// `TEXT`, by `brotli -c`.
const BROTLI: &[u8] = &[
    0x0b, 0x0f, 0x80, 0x73, 0x6f, 0x6d, 0x65, 0x20, 0x74, 0x65, 0x78, 0x74, 0x2c, 0x20, 0x73, 0x6f,
    0x6d, 0x65, 0x20, 0x74, 0x65, 0x78, 0x74, 0x2c, 0x20, 0x73, 0x6f, 0x6d, 0x65, 0x20, 0x74, 0x65,
    0x78, 0x74, 0x03,
];

fn coded(coding: &str) -> Fields {
    Fields(vec![Field::new("Content-Encoding", coding.to_owned())])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn codings_are_taken_off() {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(TEXT).unwrap();
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
    raw.write_all(TEXT).unwrap();
    // One raw block (RFC 8878 §3.1.1.2).
    let length = u8::try_from(TEXT.len()).unwrap();
    let mut zstd = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, length, (length << 3) | 1, 0, 0];
    zstd.extend_from_slice(TEXT);
    let check = |coding: &str, body: &[u8]| {
        let decoded = decode(&coded(coding), body, 100).unwrap();
        assert_eq!(decoded.as_deref(), Some(TEXT), "{coding}");
    };
    check("gzip", &gzip(TEXT));
    check("X-GZIP", &gzip(TEXT));
    check("deflate", &zlib.finish().unwrap());
    check("deflate", &raw.finish().unwrap());
    check("gzip, gzip", &gzip(&gzip(TEXT)));
    check("identity, gzip", &gzip(TEXT));
    check("br", BROTLI);
    check("zstd", &zstd);
    assert_eq!(decode(&Fields::default(), TEXT, 100), Ok(None));
}

#[test]
fn what_cannot_be_decoded_is_told() {
    let bomb = gzip(&vec![0; 10_000_000]);
    assert_eq!(decode(&coded("gzip"), &bomb, 1000), Err(DecodeError::TooLong { most: 1000 }));
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let broken = Err(DecodeError::Broken { coding: coding.into() });
        assert_eq!(decode(&coded(coding), b"\xff\xff\xff\xffnothing", 1000), broken);
    }
    let unknown = Err(DecodeError::Unknown { coding: "dcb".into() });
    assert_eq!(decode(&coded("dcb"), TEXT, 1000), unknown);
}
