//! Versions of TLS: which are allowed, and which a client offers.

use rustls::version::{TLS12, TLS13};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};
use sidestream_record::TlsVersion;

use super::hello::ClientHello;

/// Which versions of TLS one side speaks: all by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The lowest.
    pub min: TlsVersion,
    /// The highest.
    pub max: TlsVersion,
}

impl Default for Versions {
    fn default() -> Self {
        Self { min: TlsVersion::Tls12, max: TlsVersion::Tls13 }
    }
}

impl Versions {
    fn all(self) -> impl Iterator<Item = TlsVersion> {
        let all = [TlsVersion::Tls13, TlsVersion::Tls12].into_iter();
        all.filter(move |version| (self.min..=self.max).contains(version))
    }

    /// Returns those of them that are wanted, or all of them if none of them is; if only these
    /// suites are spoken, those that have one.
    pub(crate) fn wanted(
        self,
        suites: Option<&[SupportedCipherSuite]>,
        wants: impl Fn(TlsVersion) -> bool,
    ) -> Vec<&'static SupportedProtocolVersion> {
        let spoken = |version: &TlsVersion| {
            suites.is_none_or(|suites| suites.iter().any(|suite| is_of(*suite, *version)))
        };
        let wanted = self.all().filter(|version| spoken(version) && wants(*version));
        let wanted: Vec<_> = wanted.map(library).collect();
        if wanted.is_empty() { self.all().map(library).collect() } else { wanted }
    }
}

fn is_of(suite: SupportedCipherSuite, version: TlsVersion) -> bool {
    suite.version().version == library(version).version
}

const fn library(version: TlsVersion) -> &'static SupportedProtocolVersion {
    match version {
        TlsVersion::Tls12 => &TLS12,
        // There is no other.
        _ => &TLS13,
    }
}

/// Returns whether a client offers a version.
pub(crate) fn offers(hello: &ClientHello, version: TlsVersion) -> bool {
    const NUMBER_12: u16 = 0x0303;
    const NUMBER_13: u16 = 0x0304;
    match version {
        TlsVersion::Tls12 if hello.supported_versions.is_empty() => {
            hello.legacy_version >= NUMBER_12
        }
        TlsVersion::Tls12 => hello.supported_versions.contains(&NUMBER_12),
        _ => hello.supported_versions.contains(&NUMBER_13),
    }
}
