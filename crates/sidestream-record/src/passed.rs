//! Why a flow was passed as it is, and what was seen of it.

use std::time::SystemTime;

/// A flow whose bytes are passed as they are: nothing of its content is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Why.
    pub why: PassReason,
    /// What the client offered, if it began with a ClientHello.
    pub offered: Option<Offered>,
}

/// Why a flow is passed as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PassReason {
    /// A hook said so.
    Hook {
        /// Which.
        by: String,
    },
    /// The user ignores the host, or does not allow it.
    Hosts {
        /// The server's name, if it was learned.
        host: Option<String>,
    },
    /// Its program refused our certificate for that host a while ago.
    Refused {
        /// The server's name.
        host: String,
        /// From when on our certificate is shown again.
        until: SystemTime,
    },
    /// The spec does not select the host.
    Spec {
        /// The server's name, if it was learned.
        host: Option<String>,
    },
    /// What the client asks TLS for is not spoken here.
    Unsupported {
        /// What it is.
        what: String,
    },
    /// The machine does not trust our root, so nothing is decrypted.
    Untrusted,
}

/// What a client offered in its ClientHello.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// The name that it asked for (RFC 6066 §3).
    pub sni: Option<String>,
    /// The application protocols (RFC 7301).
    pub alpn: Vec<String>,
    /// The fingerprint of the ClientHello.
    pub ja4: String,
}
