//! How TLS is spoken, as far as the user says.

use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use sidestream::record::TlsVersion;

/// A certificate of the user's own, and the domain that it is for: `[DOMAIN=]PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCert {
    /// The domain: `*` for all.
    pub domain: String,
    /// The file with the certificates and the key.
    pub path: PathBuf,
}

/// It names no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use [DOMAIN=]PATH, such as *.example.com=own.pem")]
pub struct ParseOwnCertError;

impl FromStr for OwnCert {
    type Err = ParseOwnCertError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (domain, path) = text.split_once('=').unwrap_or(("*", text));
        if domain.is_empty() || path.is_empty() {
            return Err(ParseOwnCertError);
        }
        Ok(Self { domain: domain.to_ascii_lowercase(), path: path.into() })
    }
}

impl<'de> Deserialize<'de> for OwnCert {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A bound of the versions of TLS that are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound(pub TlsVersion);

/// It is no version that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use TLS1_2 or TLS1_3: no other version is spoken, and flows of one pass as they are")]
pub struct ParseBoundError;

impl FromStr for Bound {
    type Err = ParseBoundError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_uppercase().trim_start_matches("TLS").trim_start_matches('V') {
            "1_2" | "1.2" => Ok(Self(TlsVersion::Tls12)),
            "1_3" | "1.3" => Ok(Self(TlsVersion::Tls13)),
            _ => Err(ParseBoundError),
        }
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How TLS is spoken, as far as the user says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Whether clients are shown the certificates that the server sent behind its own.
    pub add_upstream_certs_to_client_chain: bool,
    /// Certificates that clients are shown.
    pub certs: Vec<OwnCert>,
    /// The cipher suites spoken with clients.
    pub ciphers_client: Option<String>,
    /// The cipher suites that servers are offered.
    pub ciphers_server: Option<String>,
    /// The certificate that servers are given, or a folder with one for each host.
    pub client_certs: Option<PathBuf>,
    /// Whether clients are asked for a certificate.
    pub request_client_cert: bool,
    /// Where keys are logged.
    pub ssl_key_log_file: Option<PathBuf>,
    /// Whether the certificate that clients are shown has nothing of the server's.
    pub ignores_upstream_cert: bool,
    /// The lowest and the highest version spoken with clients.
    pub versions_client: [Option<Bound>; 2],
    /// The lowest and the highest version that servers are offered.
    pub versions_server: [Option<Bound>; 2],
}
