//! The user and password that clients have to give (RFC 1929).

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;

use crate::{Htpasswd, HtpasswdError};

/// A user and a password, those of a file, or any. Neither is ever printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Any,
    File(Arc<Htpasswd>),
    Pair(Pair),
}

#[derive(Clone, PartialEq, Eq)]
struct Pair {
    user: Vec<u8>,
    password: Vec<u8>,
}

/// A text that is no user and password that clients could give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write USER:PASSWORD, each of 1 to 255 bytes, @FILE as htpasswd writes it, or any")]
pub struct ParseCredentialsError;

impl Credentials {
    /// Reads the file of users, if it is one.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), HtpasswdError> {
        match &self.0 {
            Kind::File(users) => users.load(),
            Kind::Any | Kind::Pair(_) => Ok(()),
        }
    }

    /// Returns whether it takes long to judge, so that nothing else should wait for it.
    pub const fn is_slow(&self) -> bool {
        matches!(self.0, Kind::File(_))
    }

    /// Returns at once whether these are they, in a time that does not tell how much of them is
    /// right; `None` if that [takes long](Self::is_slow) and is to be [waited for](Self::verify).
    pub fn are(&self, user: &[u8], password: &[u8]) -> Option<bool> {
        let pair = match &self.0 {
            Kind::Any => return Some(true),
            Kind::File(_) => return None,
            Kind::Pair(pair) => pair,
        };
        // Both are looked at, whatever the first says.
        let user = is_same(&pair.user, user);
        let password = is_same(&pair.password, password);
        Some(user & password)
    }

    /// Returns whether these are they.
    ///
    /// # Cancel safety
    ///
    /// As [`Htpasswd::verify`], where they are in a file.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, where they are in a file.
    pub async fn verify(&self, user: Vec<u8>, password: Vec<u8>) -> bool {
        match &self.0 {
            Kind::File(users) => Arc::clone(users).verify(user, password).await,
            Kind::Any | Kind::Pair(_) => self.are(&user, &password).unwrap_or(false),
        }
    }
}

/// Compares in a time that does not tell how much is the same.
pub(crate) fn is_same(ours: &[u8], theirs: &[u8]) -> bool {
    let differs = theirs
        .iter()
        .enumerate()
        .fold(0, |differs, (index, byte)| differs | (ours.get(index).unwrap_or(&0) ^ byte));
    (ours.len() == theirs.len()) & (black_box(differs) == 0)
}

impl std::str::FromStr for Credentials {
    type Err = ParseCredentialsError;

    /// Reads `USER:PASSWORD`, where a colon may be in the password; `@FILE` names a file of
    /// users, which is not read yet; `any` is all that have one.
    fn from_str(text: &str) -> Result<Self, ParseCredentialsError> {
        if text == "any" {
            return Ok(Self(Kind::Any));
        }
        if let Some(path) = text.strip_prefix('@').filter(|path| !path.is_empty()) {
            return Ok(Self(Kind::File(Arc::new(Htpasswd::new(path)))));
        }
        let (user, password) = text.split_once(':').ok_or(ParseCredentialsError)?;
        let fits = |text: &str| (1..=usize::from(u8::MAX)).contains(&text.len());
        if !fits(user) || !fits(password) {
            return Err(ParseCredentialsError);
        }
        Ok(Self(Kind::Pair(Pair { user: user.into(), password: password.into() })))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}
