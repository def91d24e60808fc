//! Whether what a client offers can be answered at all.

use rustls::crypto::CryptoProvider;
use rustls::{ProtocolVersion, SignatureScheme, SupportedCipherSuite};
use sidestream_record::TlsVersion;

use super::hello::ClientHello;
use super::versions::offers;
use crate::LeafKind;

/// Returns what of a client's offer cannot be spoken, so that the flow is passed as it is.
pub(crate) fn unspoken(hello: &ClientHello, provider: &CryptoProvider) -> Option<&'static str> {
    let versions = [TlsVersion::Tls12, TlsVersion::Tls13];
    if !versions.iter().any(|version| offers(hello, *version)) {
        return Some("TLS before 1.2");
    }
    let suites = &provider.cipher_suites;
    let spoken = versions.into_iter().filter(|version| offers(hello, *version));
    let spoken = spoken.filter(|version| has_suite(hello, *version, suites, |_| true));
    let mut spoken = spoken.collect::<Vec<_>>();
    if spoken.is_empty() {
        return Some("TLS with such cipher suites");
    }
    spoken.retain(|version| kind(hello, &[*version], suites).is_some());
    if spoken.is_empty() {
        return Some("TLS with such signature algorithms");
    }
    if !spoken.into_iter().any(|version| has_group(hello, version, provider)) {
        return Some("TLS with such groups");
    }
    None
}

/// Returns the kind of key that a leaf needs for one of these versions, with one of these suites:
/// ECDSA where the client takes it.
pub(crate) fn kind(
    hello: &ClientHello,
    versions: &[TlsVersion],
    suites: &[SupportedCipherSuite],
) -> Option<LeafKind> {
    let takes = |kind: &LeafKind| versions.iter().any(|one| takes(hello, *one, suites, *kind));
    [LeafKind::EcdsaP256, LeafKind::Rsa2048].into_iter().find(takes)
}

/// Returns whether a client verifies signatures of such a key, in a suite that has them.
///
/// Before TLS 1.3 the suite has a say as well, and RSA has signatures of an older form (RFC 8446
/// §4.2.3). One that names no signatures at all is not spoken to (RFC 5246 §7.4.1.4.1).
fn takes(
    hello: &ClientHello,
    version: TlsVersion,
    suites: &[SupportedCipherSuite],
    kind: LeafKind,
) -> bool {
    use SignatureScheme as Scheme;
    const PSS: [Scheme; 3] =
        [Scheme::RSA_PSS_SHA256, Scheme::RSA_PSS_SHA384, Scheme::RSA_PSS_SHA512];
    const PKCS1: [Scheme; 3] =
        [Scheme::RSA_PKCS1_SHA256, Scheme::RSA_PKCS1_SHA384, Scheme::RSA_PKCS1_SHA512];
    let (schemes, name): (&[&[Scheme]], _) = match (kind, version) {
        (LeafKind::EcdsaP256, _) => (&[&[Scheme::ECDSA_NISTP256_SHA256]], "_ECDSA_"),
        (LeafKind::Rsa2048, TlsVersion::Tls12) => (&[&PSS, &PKCS1], "_RSA_"),
        (LeafKind::Rsa2048, _) => (&[&PSS], "_RSA_"),
    };
    let algorithms = &hello.signature_algorithms;
    schemes.iter().copied().flatten().any(|scheme| algorithms.contains(&u16::from(*scheme)))
        && has_suite(hello, version, suites, |suite| suite.contains(name))
}

/// Returns whether a client offers a suite of a version; of those before TLS 1.3, one of that name.
fn has_suite(
    hello: &ClientHello,
    version: TlsVersion,
    suites: &[SupportedCipherSuite],
    is_wanted: impl Fn(&str) -> bool,
) -> bool {
    let suites = suites.iter().filter(|one| {
        let suits = one.tls13().is_some() || one.suite().as_str().is_some_and(&is_wanted);
        one.version().version == number(version) && suits
    });
    suites.into_iter().any(|one| hello.ciphers.contains(&u16::from(one.suite())))
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
