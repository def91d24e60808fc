//! Whole bodies.

use sidestream_coding::{Coding, Codings, DecodeError, Limits, decode};

use crate::encoders::{CODINGS, codings, encode, run, text};

const TEXT: &[u8] = b"some text, some text, some text";

/// `TEXT`, by `brotli -c`.
const BROTLI: &[u8] = &[
    0x0b, 0x0f, 0x80, 0x73, 0x6f, 0x6d, 0x65, 0x20, 0x74, 0x65, 0x78, 0x74, 0x2c, 0x20, 0x73, 0x6f,
    0x6d, 0x65, 0x20, 0x74, 0x65, 0x78, 0x74, 0x2c, 0x20, 0x73, 0x6f, 0x6d, 0x65, 0x20, 0x74, 0x65,
    0x78, 0x74, 0x03,
];

#[track_caller]
fn check(value: &str, body: &[u8], expected: &[u8]) {
    let decoded = decode(&codings(value), body, Limits::up_to(1 << 24)).whole();
    assert!(decoded.as_deref() == Ok(expected), "{value}: {:?}", decoded.map(|it| it.len()));
}

#[test]
fn codings_are_taken_off() {
    for coding in CODINGS {
        for content in [TEXT, b"", b"x", &text(300_000), &vec![7; 200_000]] {
            check(coding, &encode(coding, content), content);
        }
    }
    check("X-GZIP", &encode("gzip", TEXT), TEXT);
    check("br", BROTLI, TEXT);
}

#[test]
fn codings_over_each_other_are_taken_off_from_the_last() {
    let both = encode("br", &encode("gzip", TEXT));
    check("gzip, br", &both, TEXT);
    check(" GZIP ,, identity,\tbr ", &both, TEXT);
    let fields = Codings::parse(["gzip".as_bytes(), b"br"]);
    assert_eq!(decode(&fields, &both, Limits::up_to(100)).whole().as_deref(), Ok(TEXT));
    let names: Vec<_> = fields.iter().map(Coding::name).collect();
    assert_eq!(names, ["gzip", "br"]);
    let four = CODINGS[..4].iter().fold(TEXT.to_vec(), |body, coding| encode(coding, &body));
    check("gzip, deflate, raw, br", &four, TEXT);
}

#[test]
fn a_body_without_bytes_is_not_broken() {
    for coding in ["gzip", "deflate", "br", "zstd", "gzip, br"] {
        check(coding, b"", b"");
    }
}

#[test]
fn members_and_frames_follow_each_other() {
    for coding in ["gzip", "zstd"] {
        let two = [encode(coding, b"one, "), encode(coding, b"two")].concat();
        check(coding, &two, b"one, two");
    }
    let skipped = [0x5f, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let nothing = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0];
    let frames = [&skipped[..], &encode("zstd", TEXT), &nothing, &skipped].concat();
    check("zstd", &frames, TEXT);
    check("zstd", &nothing, b"");
}

#[test]
fn what_the_usual_encoder_of_zstd_makes_is_decoded() {
    let content = text(400_000);
    check("zstd", include_bytes!("../../../../fixtures/coding/text-1.zst"), &content);
    check("zstd", include_bytes!("../../../../fixtures/coding/text-19.zst"), &content);
    check("zstd", include_bytes!("../../../../fixtures/coding/text-unchecked-piped.zst"), &content);
}

#[test]
fn all_parts_of_a_head_of_gzip_are_read() {
    let mut body = vec![0x1f, 0x8b, 8, 0x1e, 1, 2, 3, 4, 0, 3];
    body.extend_from_slice(&[5, 0]);
    body.extend_from_slice(b"extraa name\0a comment\0");
    let mut crc = flate2::Crc::new();
    crc.update(&body);
    body.extend_from_slice(&(crc.sum() as u16).to_le_bytes());
    body.extend_from_slice(&encode("gzip", TEXT)[10..]);
    check("gzip", &body, TEXT);
    body[12] ^= 1;
    let broken = Err(DecodeError::Broken { coding: "gzip".into() });
    assert_eq!(run("gzip", [&body[..]], Limits::up_to(100)), (Vec::new(), broken));
}

#[test]
fn what_is_not_known_or_too_much_is_told() {
    let unknown = Some(DecodeError::Unknown { coding: "dcb".into() });
    assert_eq!(decode(&codings("DCB"), TEXT, Limits::up_to(1000)).error, unknown);
    let many = Some(DecodeError::TooMany { codings: 5, most: 4 });
    assert_eq!(decode(&codings("br,br,br,br,br"), TEXT, Limits::up_to(1000)).error, many);
}
