//! What can go wrong, one enum for each operation.

use thiserror::Error;

/// A new authority could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// The certificate could not be encoded or signed.
    #[error("the root could not be signed")]
    Certificate(#[source] rcgen::Error),
    /// The name is empty, or has a character that no certificate should show.
    #[error("the root needs a name of 1 to 64 printable characters")]
    Name,
    /// The provider cannot make a P-256 key out of random bytes.
    #[error(
        "this cryptography provider makes no P-256 key; give one that loads EC keys, as that of aws-lc-rs does"
    )]
    Provider(#[source] Option<rustls::Error>),
    /// The provider has no randomness to give.
    #[error("the cryptography provider has no random bytes to give")]
    Random,
    /// The time is not one that a certificate can carry.
    #[error("the time given lies outside the years 1970 to 9000; check the machine's clock")]
    Time,
}

/// A root that was made elsewhere cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The certificate may not issue others.
    #[error(
        "the certificate is not an authority's; give one with CA:TRUE that may sign certificates"
    )]
    Authority,
    /// The certificate cannot be read.
    #[error("the certificate cannot be read: {reason}; give one X.509 certificate")]
    Certificate {
        /// What the parser said.
        reason: String,
    },
    /// The private key cannot be read.
    #[error("the private key cannot be read; give it unencrypted, as PKCS#8, SEC1 or PKCS#1")]
    Key,
    /// The private key is of a kind that no leaf is signed with.
    #[error("the private key is neither EC P-256, EC P-384 nor RSA; make a root with one of these")]
    KeyKind,
    /// The shared key of the leaves could not be made.
    #[error("the key of the leaves could not be made")]
    LeafKey(#[source] GenerateError),
    /// The certificate belongs to another private key.
    #[error("the private key is not that of the certificate; give the two that belong together")]
    Mismatch,
    /// The certificate's subject cannot be repeated faithfully as an issuer.
    #[error(
        "the certificate's subject has several values in one place; make a root with a plain name"
    )]
    Name,
    /// The archive cannot be opened.
    #[error("the PKCS#12 archive cannot be opened; check the password")]
    Pkcs12(#[source] p12_keystore::error::Error),
    /// The archive does not hold one private key and its certificate.
    #[error("the PKCS#12 archive holds no private key with its certificate; export both")]
    Pkcs12Contents,
}

/// A PKCS#12 archive could not be written.
#[derive(Debug, Error)]
#[error("the PKCS#12 archive could not be written")]
pub struct ExportError(#[from] p12_keystore::error::Error);

/// A leaf could not be issued.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssueError {
    /// The root is one for certificates alone.
    #[error("the root may not sign lists of revoked certificates; make one with cRLSign")]
    CrlSign,
    /// The root is no longer, or not yet, valid at the time given.
    #[error("the root is not valid at this time; check the clock, or make a new root")]
    Expired,
    /// The certificate could not be encoded or signed.
    #[error("the leaf could not be signed")]
    Make(#[source] rcgen::Error),
    /// The request has no name at all.
    #[error("a leaf needs a name; give what the client asked for")]
    NoName,
    /// The time is not one that a certificate can carry.
    #[error("the time given lies outside the years 1970 to 9000; check the machine's clock")]
    Time,
    /// The request has more names than a handshake can carry.
    #[error("{count} names of {len_bytes} bytes do not fit into a leaf; give fewer")]
    TooManyNames {
        /// How many there are.
        count: usize,
        /// What they take together.
        len_bytes: usize,
    },
}

/// A text is no name that a leaf can be for.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{text}` is neither an IP address nor a host name in its ASCII form")]
pub struct ParseNameError {
    /// The text, cut after 64 characters.
    pub text: String,
}

/// A server's certificate cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseServerCertificateError {
    /// It is not a certificate.
    #[error("the server's certificate cannot be read: {reason}")]
    Malformed {
        /// What the parser said.
        reason: String,
    },
    /// It is larger than [`MAX_CERTIFICATE_BYTES`](crate::MAX_CERTIFICATE_BYTES).
    #[error("the server's certificate has {len_bytes} bytes, more than are read")]
    TooLarge {
        /// Its size.
        len_bytes: usize,
    },
}
