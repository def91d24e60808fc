//! Keys of WireGuard: 32 bytes, in base64 wherever people see them.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boringtun::x25519;

/// Why a text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseKeyError {
    /// It is not base64 of 32 bytes.
    #[error("not a key, which is 44 characters of base64 and ends with `=`")]
    Malformed,
    /// It is a public key of zeros, with which anybody could be anybody.
    #[error("a key of zeros protects nothing, put the peer's own there")]
    Zero,
}

/// Why no key could be made: the system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no randomness to make a key of")]
pub struct GenerateKeyError(#[source] getrandom::Error);

fn decode(text: &str) -> Result<[u8; 32], ParseKeyError> {
    let mut bytes = [0; 33];
    match STANDARD.decode_slice(text, &mut bytes) {
        Ok(32) if text.len() == 44 => Ok(std::array::from_fn(|index| bytes[index])),
        _ => Err(ParseKeyError::Malformed),
    }
}

fn random() -> Result<[u8; 32], GenerateKeyError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(GenerateKeyError)?;
    Ok(bytes)
}

/// The key by which an end of a tunnel proves who it is; never shown by `Debug`.
#[derive(Clone)]
pub struct PrivateKey(x25519::StaticSecret);

impl PrivateKey {
    /// Makes a new one of the system's randomness.
    ///
    /// # Errors
    ///
    /// The system gives none.
    pub fn generate() -> Result<Self, GenerateKeyError> {
        Ok(Self::from_bytes(random()?))
    }

    /// Takes any 32 bytes for a key, as X25519 does (RFC 7748 §5).
    pub fn from_bytes(mut bytes: [u8; 32]) -> Self {
        // As wg(8) writes them, so that the text of a key is always the same.
        bytes[0] &= 248;
        bytes[31] = (bytes[31] & 127) | 64;
        Self(x25519::StaticSecret::from(bytes))
    }

    /// Returns the key by which others know this one.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(*x25519::PublicKey::from(&self.0).as_bytes())
    }

    /// Returns its text, which is a secret.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0.as_bytes())
    }

    pub(crate) const fn secret(&self) -> &x25519::StaticSecret {
        &self.0
    }
}

impl PartialEq for PrivateKey {
    fn eq(&self, other: &Self) -> bool {
        self.public_key() == other.public_key()
    }
}

impl Eq for PrivateKey {}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey([redacted])")
    }
}

impl FromStr for PrivateKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        decode(text).map(Self::from_bytes)
    }
}

/// The key by which a peer is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Returns its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        match decode(text)? {
            bytes if bytes == [0; 32] => Err(ParseKeyError::Zero),
            bytes => Ok(Self(bytes)),
        }
    }
}

/// A second secret that two ends share, against those who will break the first one later; never
/// shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct PresharedKey([u8; 32]);

impl PresharedKey {
    /// Makes a new one of the system's randomness.
    ///
    /// # Errors
    ///
    /// The system gives none.
    pub fn generate() -> Result<Self, GenerateKeyError> {
        random().map(Self)
    }

    /// Takes any 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns its text, which is a secret.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    pub(crate) const fn bytes(&self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Debug for PresharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresharedKey([redacted])")
    }
}

impl FromStr for PresharedKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        decode(text).map(Self)
    }
}
