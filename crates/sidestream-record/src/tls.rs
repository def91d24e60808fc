//! What is known of a TLS connection.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use sidestream_flow::Peer;

/// A version of TLS that was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}

/// One leg of a flow, secured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The leg: towards the client or towards a server.
    pub peer: Peer,
    /// The version agreed on.
    pub version: TlsVersion,
    /// The cipher suite's name in the IANA registry.
    pub cipher: String,
    /// The group in which the keys were exchanged, if they were.
    pub group: Option<String>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// The name that the client asked for (RFC 6066 §3).
    pub sni: Option<String>,
    /// The application protocol agreed on (RFC 7301).
    pub alpn: Option<String>,
    /// The fingerprint of the ClientHello: of the client's, or of that which the server was sent.
    pub ja4: Option<String>,
    /// What the peer showed: its certificate first, then those behind it, as they came
    /// (RFC 8446 §4.4.2). Of a session that was resumed, those of the one that it resumes: in its
    /// own handshake there are none (RFC 8446 §2.2). Empty for a client that showed none.
    ///
    /// Whoever makes many shares those that are alike.
    pub certificates: Vec<Arc<Certificate>>,
    /// What became of the request for a client certificate; `None` where there was no request.
    pub client_certificate: Option<ClientCertificate>,
    /// In what the ClientHello that a server was sent differs from the client's; `None` where
    /// there is none to compare it with.
    pub differences: Option<Vec<HelloDifference>>,
}

/// A certificate (RFC 5280), as it was shown. What it says is empty where it cannot be read.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Certificate {
    /// All of it, in DER.
    pub der: Bytes,
    /// The SHA-256 of that, by which certificates are told apart.
    pub sha256: [u8; 32],
    /// Whose it is, as RFC 4514 writes names.
    pub subject: String,
    /// Who issued it, likewise.
    pub issuer: String,
    /// Its serial number, in hexadecimal digits.
    pub serial: String,
    /// For what it stands beside its subject: host names, addresses, URIs (RFC 5280 §4.2.1.6).
    pub names: Vec<String>,
    /// From when on it is valid.
    pub not_before: Option<SystemTime>,
    /// Until when it is valid.
    pub not_after: Option<SystemTime>,
}

impl Certificate {
    /// Returns its SHA-256 in hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        self.sha256.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject)
            .field("sha256", &self.fingerprint())
            .finish_non_exhaustive()
    }
}

/// What became of a request for a client certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCertificate {
    /// There was none to give.
    Absent,
    /// One was given.
    Given {
        /// Its subject, as RFC 4514 writes names.
        subject: String,
        /// Its SHA-256, in hexadecimal digits.
        sha256: String,
    },
}

/// A part in which two ClientHellos differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelloDifference {
    /// The part.
    pub part: HelloPart,
    /// What the client sent and the server was not sent.
    pub withheld: Vec<String>,
    /// What the server was sent and the client did not send.
    pub added: Vec<String>,
    /// Whether what both have stands in another order.
    pub reordered: bool,
}

/// A part of a ClientHello that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HelloPart {
    /// The application protocols (RFC 7301).
    Alpn,
    /// The cipher suites.
    Ciphers,
    /// Which extensions there are.
    Extensions,
    /// Where there are values that mean nothing (RFC 8701).
    Grease,
    /// The groups for the exchange of keys.
    Groups,
    /// The groups for which a key came along.
    KeyShares,
    /// The server's name (RFC 6066 §3).
    Sni,
    /// The signature algorithms.
    SignatureAlgorithms,
    /// The versions.
    Versions,
}

impl HelloPart {
    /// Every part, in the order in which they are told.
    pub const ALL: [Self; 9] = [
        Self::Versions,
        Self::Ciphers,
        Self::Extensions,
        Self::Sni,
        Self::Alpn,
        Self::Groups,
        Self::KeyShares,
        Self::SignatureAlgorithms,
        Self::Grease,
    ];

    /// Returns its name, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alpn => "alpn",
            Self::Ciphers => "ciphers",
            Self::Extensions => "extensions",
            Self::Grease => "grease",
            Self::Groups => "groups",
            Self::KeyShares => "key_shares",
            Self::Sni => "sni",
            Self::SignatureAlgorithms => "signature_algorithms",
            Self::Versions => "versions",
        }
    }
}
