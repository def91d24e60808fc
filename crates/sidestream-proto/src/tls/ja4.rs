//! JA4: one short text by which TLS clients of one make are alike.
//!
//! Follows [FoxIO's description of JA4](https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md), the client part alone.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::hello::{ClientHello, is_grease};

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;

/// What carries the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// QUIC.
    Quic,
    /// TCP, or another stream.
    Tcp,
}

/// Returns the client's fingerprint, such as `t13d1516h2_8daaf6152771_02713d6af862`.
///
/// Reserved values ([`is_grease`]) leave no mark, nor does the order of cipher suites and extensions.
pub fn ja4(hello: &ClientHello, transport: Transport) -> String {
    let ciphers: Vec<u16> = meaningful(&hello.ciphers).collect();
    let extensions: Vec<u16> = meaningful(&hello.extensions).collect();
    let mut text = String::with_capacity(36);
    text.push(match transport {
        Transport::Quic => 'q',
        Transport::Tcp => 't',
    });
    text.push_str(version(hello));
    text.push(if extensions.contains(&SERVER_NAME) { 'd' } else { 'i' });
    // Two digits each, whatever the count.
    let count = |list: &[u16]| list.len().min(99);
    write!(text, "{:02}{:02}", count(&ciphers), count(&extensions)).expect("a string takes it");
    text.extend(alpn(hello));
    text.push('_');
    text.push_str(&digest(&sorted(ciphers)));
    text.push('_');
    text.push_str(&digest(&extensions_and_algorithms(hello, extensions)));
    text
}

fn meaningful(list: &[u16]) -> impl Iterator<Item = u16> {
    list.iter().copied().filter(|value| !is_grease(*value))
}

fn version(hello: &ClientHello) -> &'static str {
    match meaningful(&hello.supported_versions).max().unwrap_or(hello.legacy_version) {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    }
}

/// Returns the first and last letter of the first protocol, or of its hexadecimal form when either is not alphanumeric.
fn alpn(hello: &ClientHello) -> [char; 2] {
    let reserved = |protocol: &[u8]| {
        <[u8; 2]>::try_from(protocol).is_ok_and(|pair| is_grease(u16::from_be_bytes(pair)))
    };
    let Some(protocol) = hello.alpn.iter().find(|protocol| !reserved(protocol)) else {
        return ['0', '0'];
    };
    let (Some(&first), Some(&last)) = (protocol.first(), protocol.last()) else {
        return ['0', '0'];
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(first), char::from(last)];
    }
    [first >> 4, last & 0xf].map(|nibble| char::from(b"0123456789abcdef"[usize::from(nibble)]))
}

/// Returns the sorted extensions, but for those whose presence shows elsewhere, and the signature algorithms as they came.
fn extensions_and_algorithms(hello: &ClientHello, mut extensions: Vec<u16>) -> String {
    extensions.retain(|id| ![SERVER_NAME, ALPN].contains(id));
    let mut text = sorted(extensions);
    let algorithms = listed(meaningful(&hello.signature_algorithms));
    if !text.is_empty() && !algorithms.is_empty() {
        text.push('_');
        text.push_str(&algorithms);
    }
    text
}

fn sorted(mut values: Vec<u16>) -> String {
    values.sort_unstable();
    listed(values.into_iter())
}

fn listed(values: impl Iterator<Item = u16>) -> String {
    let values: Vec<String> = values.map(|value| format!("{value:04x}")).collect();
    values.join(",")
}

/// Returns the beginning of the SHA-256 hash, zeros for nothing.
fn digest(text: &str) -> String {
    if text.is_empty() {
        return "0".repeat(12);
    }
    Sha256::digest(text).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
