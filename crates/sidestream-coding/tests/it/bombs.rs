//! Small bodies that would become large.

use sidestream_coding::{DecodeError, Limits};

use crate::encoders::{encode, run};

#[test]
fn the_output_is_bounded_to_the_byte() {
    let content = vec![0; 10_000_009];
    for coding in ["gzip", "deflate", "raw", "br", "zstd", "identity", "gzip, gzip"] {
        let body = coding.split(", ").fold(content.clone(), |body, coding| encode(coding, &body));
        for most in [0, 1, 1000, 10_000_008] {
            let (out, ended) = run(coding, body.chunks(4096), Limits::up_to(most));
            assert_eq!(ended, Err(DecodeError::TooLong { most }), "{coding}");
            assert_eq!(out.len() as u64, most, "{coding}");
        }
        let (out, ended) = run(coding, body.chunks(4096), Limits::up_to(10_000_009));
        assert_eq!((out.len(), ended), (10_000_009, Ok(())), "{coding}");
    }
}

#[test]
fn what_grows_too_much_is_ended() {
    let body = encode("zstd", &vec![0; 10_000_009]);
    let limits = Limits { ratio: Some(1100), ..Limits::up_to(u64::MAX) };
    let (out, ended) = run("zstd", [&body[..]], limits);
    assert_eq!(ended, Err(DecodeError::Ratio { most: 1100 }));
    assert_eq!(out.len(), (1 << 20).max(1100 * body.len()));
    let (_, ended) = run("gzip", [&encode("gzip", &vec![0; 10_000_009])[..]], limits);
    assert_eq!(ended, Ok(()));
}

#[test]
fn what_lies_in_between_is_bounded_too() {
    // Many members that are empty: nothing comes out at the end.
    let empty = encode("gzip", b"").repeat(100_000);
    let body = encode("gzip", &empty);
    let (out, ended) = run("gzip, gzip", [&body[..]], Limits::up_to(1000));
    assert_eq!((out.len(), ended), (0, Err(DecodeError::TooLong { most: 1000 })));
}

#[test]
fn a_window_that_takes_too_much_memory_is_refused() {
    let body = [0x28, 0xb5, 0x2f, 0xfd, 0, 0xff, 1, 0, 0];
    let bytes = 15 << 38;
    let window = DecodeError::Window { coding: "zstd".into(), bytes, most: 8 << 20 };
    assert_eq!(run("zstd", [&body[..]], Limits::up_to(9)), (Vec::new(), Err(window)));
}

#[test]
fn a_block_of_zstd_that_would_repeat_without_end_is_broken() {
    // One literal, then matches of 65,538 bytes each, that take 16 bits of the stream.
    let mut bits = vec![0xff; 2000];
    bits.push(1);
    let count = 900_usize;
    let section = [128 + (count >> 8) as u8, count as u8, 0b0101_0100, 0, 0, 52];
    let mut block = vec![0b0000_1000, b'x'];
    block.extend_from_slice(&section);
    block.extend_from_slice(&bits);
    let head = (block.len() as u32) << 3 | 0b101;
    let frame = [&[0x28, 0xb5, 0x2f, 0xfd, 0, 0x68][..], &head.to_le_bytes()[..3], &block].concat();
    let broken = Err(DecodeError::Broken { coding: "zstd".into() });
    assert_eq!(run("zstd", [&frame[..]], Limits::up_to(u64::MAX)), (Vec::new(), broken));
}
