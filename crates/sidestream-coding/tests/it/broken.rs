//! Bodies that are cut short, changed, or go on behind their end.

use sidestream_coding::{DecodeError, Limits};

use crate::encoders::{encode, run, text};

const CODED: [&str; 5] = ["gzip", "deflate", "raw", "br", "zstd"];

fn name(coding: &str) -> String {
    coding.replace("raw", "deflate")
}

#[test]
fn a_body_cut_anywhere_yields_what_there_is() {
    let content = text(3000);
    for coding in CODED {
        let body = encode(coding, &content);
        let mut longest = 0;
        for end in 1..body.len() {
            let (out, ended) = run(coding, [&body[..end]], Limits::up_to(10_000));
            let cut = Err(DecodeError::Truncated { coding: name(coding) });
            assert_eq!(ended, cut, "{coding} {end} of {}", body.len());
            assert!(content.starts_with(&out), "{coding} {end}");
            longest = longest.max(out.len());
        }
        // Only a block of zstd comes whole, or not at all.
        assert!(longest > 2500 || coding == "zstd", "{coding}: {longest}");
    }
}

#[test]
fn blocks_of_zstd_before_the_cut_are_there() {
    let content = text(400_000);
    let body = encode("zstd", &content);
    let (out, ended) = run("zstd", [&body[..body.len() - 20]], Limits::up_to(1 << 20));
    assert_eq!(ended, Err(DecodeError::Truncated { coding: "zstd".into() }));
    assert!(out.len() >= 3 * 128 * 1024 - 1 && content.starts_with(&out), "{}", out.len());
}

#[test]
fn what_came_before_the_break_is_there() {
    let content = text(100_000);
    for coding in ["gzip", "deflate", "br"] {
        let mut body = encode(coding, &content);
        let at = body.len() / 2;
        body[at..at + 64].fill(0xff);
        let (out, ended) = run(coding, [&body[..]], Limits::up_to(1 << 20));
        assert!(ended.is_err(), "{coding}");
        assert!(out.len() > 20_000, "{coding}: {}", out.len());
        let same = out.iter().zip(&content).take_while(|(a, b)| a == b).count();
        assert!(same > 20_000, "{coding}: {same}");
    }
}

#[test]
fn a_wrong_checksum_is_broken() {
    let content = text(1000);
    for coding in ["gzip", "deflate", "zstd"] {
        let mut body = encode(coding, &content);
        if coding == "zstd" && body[4] & 4 == 0 {
            // Marked as checked, with a checksum of our own making.
            body[4] |= 4;
            body.extend_from_slice(&[0; 4]);
        }
        let last = body.len() - if coding == "gzip" { 5 } else { 1 };
        body[last] ^= 0x55;
        let (out, ended) = run(coding, [&body[..]], Limits::up_to(10_000));
        assert_eq!(ended, Err(DecodeError::Broken { coding: coding.into() }), "{coding}");
        assert_eq!(out, content, "{coding}");
    }
}

#[test]
fn what_is_no_such_coding_is_broken() {
    for coding in CODED {
        let broken = Err(DecodeError::Broken { coding: name(coding) });
        let body = b"\xff\xff\xff\xffnothing";
        assert_eq!(run(coding, [&body[..]], Limits::up_to(1000)), (Vec::new(), broken), "{coding}");
    }
}

#[test]
fn bytes_behind_the_end_are_told() {
    for coding in CODED {
        let body = [encode(coding, b"content"), b"more behind".to_vec()].concat();
        let trailing = Err(DecodeError::Trailing { coding: name(coding) });
        let whole = (b"content".to_vec(), trailing);
        assert_eq!(run(coding, [&body[..]], Limits::up_to(1000)), whole, "{coding}");
    }
}

#[test]
fn an_error_stays() {
    let codings = crate::encoders::codings("gzip");
    let mut decoder = sidestream_coding::Decoder::new(&codings, Limits::up_to(10)).unwrap();
    let first = decoder.push(b"nothing", &mut |_| panic!("nothing is decoded"));
    assert_eq!(first, Err(DecodeError::Broken { coding: "gzip".into() }));
    let body = encode("gzip", b"content");
    assert_eq!(decoder.push(&body, &mut |_| panic!("it has ended")), first);
    assert_eq!(decoder.finish(&mut |_| panic!("it has ended")), first);
}
