//! What is known of a TLS connection.

use std::fmt;

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
    /// The name that the client asked for (RFC 6066 §3).
    pub sni: Option<String>,
    /// The application protocol agreed on (RFC 7301).
    pub alpn: Option<String>,
    /// The fingerprint of the ClientHello, on the leg towards the client.
    pub ja4: Option<String>,
}
