//! Whether what a client offers can be answered at all.

use rustls::crypto::CryptoProvider;
use rustls::{ProtocolVersion, SignatureScheme};
use sidestream_record::TlsVersion;

use super::hello::ClientHello;
use super::versions::offers;

/// Returns what of a client's offer cannot be spoken, so that the flow is passed as it is.
pub(crate) fn unspoken(hello: &ClientHello, provider: &CryptoProvider) -> Option<&'static str> {
    let versions = [TlsVersion::Tls12, TlsVersion::Tls13];
    if !versions.iter().any(|version| offers(hello, *version)) {
        return Some("TLS before 1.2");
    }
    // The leaves have keys of that kind; what a certificate of TLS 1.2 is signed by may not be
    // told (RFC 5246 §7.4.1.4.1).
    let algorithms = &hello.signature_algorithms;
    if !algorithms.contains(&u16::from(SignatureScheme::ECDSA_NISTP256_SHA256)) {
        return Some("TLS without ECDSA on P-256");
    }
    let spoken = versions.into_iter().filter(|version| offers(hello, *version));
    let mut spoken = spoken.filter(|version| has_suite(hello, *version, provider)).peekable();
    if spoken.peek().is_none() {
        return Some("TLS with such cipher suites");
    }
    if !spoken.any(|version| has_group(hello, version, provider)) {
        return Some("TLS with such groups");
    }
    None
}

fn has_suite(hello: &ClientHello, version: TlsVersion, provider: &CryptoProvider) -> bool {
    let suites = provider.cipher_suites.iter().filter(|one| {
        let suits_leaves = one.tls13().is_some() || one.suite().as_str().is_some_and(is_ecdsa);
        one.version().version == number(version) && suits_leaves
    });
    suites.into_iter().any(|one| hello.ciphers.contains(&u16::from(one.suite())))
}

fn is_ecdsa(name: &str) -> bool {
    name.contains("_ECDSA_")
}

fn has_group(hello: &ClientHello, version: TlsVersion, provider: &CryptoProvider) -> bool {
    // Before TLS 1.3 it need not be told (RFC 8422 §4).
    if hello.groups.is_empty() {
        return version == TlsVersion::Tls12;
    }
    let groups = provider.kx_groups.iter();
    let mut groups = groups.filter(|one| one.usable_for_version(number(version)));
    groups.any(|one| hello.groups.contains(&u16::from(one.name())))
}

const fn number(version: TlsVersion) -> ProtocolVersion {
    match version {
        TlsVersion::Tls12 => ProtocolVersion::TLSv1_2,
        _ => ProtocolVersion::TLSv1_3,
    }
}
