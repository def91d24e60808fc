//! Hashes of passwords in their written forms.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use super::apr1::apr1;
use crate::socks::is_same;

/// A hash of a kind that is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is none of bcrypt, MD5 ($apr1$) and SHA-1 ({{SHA}})")]
pub struct UnknownHash;

/// The hash of a password.
pub(super) enum Hash {
    Apr1 { salt: String, hash: String },
    Bcrypt(String),
    Sha1(Vec<u8>),
}

impl Hash {
    /// Reads the form that `htpasswd` writes.
    pub(super) fn parse(text: &str) -> Result<Self, UnknownHash> {
        if let Some(rest) = text.strip_prefix("$apr1$") {
            let (salt, hash) = rest.split_once('$').ok_or(UnknownHash)?;
            let fits = salt.len() <= 8 && hash.len() == 22;
            let (salt, hash) = (salt.to_owned(), hash.to_owned());
            return fits.then_some(Self::Apr1 { salt, hash }).ok_or(UnknownHash);
        }
        if let Some(rest) = text.strip_prefix("{SHA}") {
            let hash = STANDARD.decode(rest).ok().filter(|hash| hash.len() == 20);
            return hash.map(Self::Sha1).ok_or(UnknownHash);
        }
        let is_bcrypt = ["$2a$", "$2b$", "$2y$"].iter().any(|kind| text.starts_with(kind));
        if is_bcrypt && text.parse::<bcrypt::HashParts>().is_ok() {
            return Ok(Self::Bcrypt(text.to_owned()));
        }
        Err(UnknownHash)
    }

    /// Returns whether it is of that password, in a time that does not tell how much is right.
    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        match self {
            Self::Apr1 { salt, hash } => is_same(hash.as_bytes(), apr1(password, salt).as_bytes()),
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Self::Sha1(hash) => is_same(hash, &Sha1::digest(password)),
        }
    }
}
