//! The ClientHello: told from other protocols, put together from records, and decoded.
//!
//! The records are those of [RFC 8446 §5.1], the message that of [§4.1.2] and, before TLS 1.3, of [RFC 5246 §7.4.1.2].
//!
//! [RFC 8446 §5.1]: https://www.rfc-editor.org/rfc/rfc8446#section-5.1
//! [§4.1.2]: https://www.rfc-editor.org/rfc/rfc8446#section-4.1.2
//! [RFC 5246 §7.4.1.2]: https://www.rfc-editor.org/rfc/rfc5246#section-7.4.1.2

mod cursor;
mod decode;
mod error;
mod extensions;
mod reader;
mod sniff;

pub use error::HelloError;
pub use reader::{HelloReader, MAX_HELLO_BYTES};
pub use sniff::{Sniff, sniff};

/// What a client offered to open a TLS session with, in the order in which it did.
///
/// Lists hold every value that was sent, reserved ones too ([RFC 8701]: see [`is_grease`]).
/// A list whose extension was not sent is empty.
///
/// [RFC 8701]: https://www.rfc-editor.org/rfc/rfc8701
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientHello {
    /// The version field, which TLS 1.3 fixes at 0x0303; see [`ClientHello::supported_versions`].
    pub legacy_version: u16,
    /// The client's random value, by which key logs name the session.
    pub random: [u8; 32],
    /// The length of the session id, at most 32.
    pub session_id_len: u8,
    /// The session id, by which TLS 1.2 resumes a session.
    pub session_id: Vec<u8>,
    /// The cipher suites.
    pub ciphers: Vec<u16>,
    /// The types of all extensions.
    pub extensions: Vec<u16>,
    /// The server's name as it was sent, escaped like a Rust byte string where it is not plain ASCII (RFC 6066 §3).
    pub sni: Option<String>,
    /// The application protocols (RFC 7301 §3.1).
    pub alpn: Vec<Vec<u8>>,
    /// The versions, the preferred one first (RFC 8446 §4.2.1).
    pub supported_versions: Vec<u16>,
    /// The groups for the key exchange (RFC 8446 §4.2.7).
    pub groups: Vec<u16>,
    /// The groups for which a key share came along (RFC 8446 §4.2.8).
    pub key_share_groups: Vec<u16>,
    /// The signature algorithms (RFC 8446 §4.2.3).
    pub signature_algorithms: Vec<u16>,
    /// Whether there is an encrypted ClientHello, real or feigned (RFC 9849).
    pub ech: bool,
    /// Whether the client sends early data right after (RFC 8446 §4.2.10).
    pub early_data: bool,
    /// Whether the client wants to resume by a pre-shared key (RFC 8446 §4.2.11).
    pub psk: bool,
    /// The tickets that name those keys.
    pub tickets: Vec<Vec<u8>>,
}

impl ClientHello {
    /// Decodes a whole handshake message, as it stands in records or in QUIC's CRYPTO frames.
    ///
    /// # Errors
    /// [`HelloError`], when the message is not a ClientHello or breaks its grammar.
    pub fn decode(message: &[u8]) -> Result<Self, HelloError> {
        decode::decode(message)
    }

    /// Returns the server's name for looking things up: in lower case, without a final dot, `None` when empty.
    pub fn host(&self) -> Option<String> {
        let name = self.sni.as_deref()?;
        let name = name.strip_suffix('.').unwrap_or(name);
        (!name.is_empty()).then(|| name.to_ascii_lowercase())
    }
}

/// Returns whether a cipher suite, extension, group, version or the like is one of the reserved values that mean nothing (RFC 8701 §2).
pub fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}
