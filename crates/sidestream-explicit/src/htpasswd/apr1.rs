//! Apache's variant of the MD5-based password hash.

use md5::{Digest as _, Md5};

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Which bytes of the digest are written together, four characters each, the last first.
const TRIPLES: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];

/// Hashes a password, and writes what stands behind `$apr1$SALT$`.
pub(super) fn apr1(password: &[u8], salt: &str) -> String {
    let salt = salt.as_bytes();
    let mut digest = first(password, salt);
    for round in 0..1000 {
        let mut md5 = Md5::new();
        let is_odd = round % 2 == 1;
        md5.update(if is_odd { password } else { &digest });
        if round % 3 != 0 {
            md5.update(salt);
        }
        if round % 7 != 0 {
            md5.update(password);
        }
        md5.update(if is_odd { &digest } else { password });
        digest = md5.finalize().into();
    }
    written(&digest)
}

fn first(password: &[u8], salt: &[u8]) -> [u8; 16] {
    let inner = Md5::new().chain_update(password).chain_update(salt).chain_update(password);
    let inner = inner.finalize();
    let mut md5 = Md5::new().chain_update(password).chain_update(b"$apr1$").chain_update(salt);
    for chunk in password.chunks(inner.len()) {
        md5.update(&inner[..chunk.len()]);
    }
    let mut bits = password.len();
    while bits > 0 {
        match (bits % 2, password.first()) {
            (0, Some(first)) => md5.update([*first]),
            _ => md5.update([0]),
        }
        bits /= 2;
    }
    md5.finalize().into()
}

fn written(digest: &[u8; 16]) -> String {
    let triples = TRIPLES.iter().map(|triple| {
        let value = triple.iter().fold(0, |value, at| value << 8 | u32::from(digest[*at]));
        (value, 4)
    });
    let mut text = String::with_capacity(22);
    for (mut value, count) in triples.chain([(u32::from(digest[11]), 2)]) {
        for _ in 0..count {
            text.push(char::from(ALPHABET[value as usize % 64]));
            value /= 64;
        }
    }
    text
}
