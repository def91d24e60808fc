//! Why a client's first bytes are no ClientHello.

use thiserror::Error;

/// Why a client's first bytes are no ClientHello; the client's doing each time.
///
/// Whoever meets one passes the bytes on as they are, or answers as a TLS server would: see each variant's alert.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HelloError {
    /// An extension came twice, which RFC 8446 §4.2 forbids: `illegal_parameter`.
    #[error("the ClientHello has extension {id} twice; the client is at fault")]
    DuplicateExtension {
        /// The extension's type.
        id: u16,
    },
    /// A handshake record holds nothing, which RFC 8446 §5.1 forbids: `unexpected_message`.
    #[error("a handshake record is empty; the client is at fault")]
    EmptyRecord,
    /// A field is cut short, too long or has something left over: `decode_error`.
    #[error("the ClientHello's {field} cannot be decoded; the client is at fault")]
    Malformed {
        /// The field.
        field: &'static str,
    },
    /// The first handshake message is another one: `unexpected_message`.
    #[error("handshake message {kind} where the ClientHello must be; pass the flow on as it is")]
    NotClientHello {
        /// The handshake message's type.
        kind: u8,
    },
    /// The bytes are no handshake record: another protocol, or `unexpected_message` between two records of a ClientHello.
    #[error(
        "a record of type {content_type} where a handshake record must be; pass the flow on as it is"
    )]
    NotHandshake {
        /// The record's type, or just the first byte of another protocol.
        content_type: u8,
    },
    /// The pre-shared keys are not the last extension, as RFC 8446 §4.2.11 demands: `illegal_parameter`.
    #[error("an extension follows the pre-shared keys in the ClientHello; the client is at fault")]
    PskNotLast,
    /// A record is longer than RFC 8446 §5.1 allows: `record_overflow`.
    #[error("a handshake record of {len} bytes is longer than TLS allows; the client is at fault")]
    RecordTooLong {
        /// The length that the record says.
        len: u16,
    },
    /// The record's version is not of the TLS family: `protocol_version`.
    #[error("a record of version {major}.x is not TLS; pass the flow on as it is")]
    RecordVersion {
        /// The upper byte of the version.
        major: u8,
    },
    /// The client speaks SSL 2.0, or its compatible hello (RFC 6101 appendix E), which RFC 6176 forbids.
    #[error("an SSL 2.0 hello; pass the flow on as it is, or update the client")]
    Sslv2,
    /// The ClientHello with its record headers passes [`MAX_HELLO_BYTES`](super::MAX_HELLO_BYTES).
    #[error("the ClientHello passes {max} bytes; pass the flow on as it is", max = super::MAX_HELLO_BYTES)]
    TooLong,
}
