//! The user and password that clients have to give (RFC 1929).

use std::fmt;
use std::hint::black_box;

/// A user and a password, or any. Neither is ever printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(Option<Pair>);

#[derive(Clone, PartialEq, Eq)]
struct Pair {
    user: Vec<u8>,
    password: Vec<u8>,
}

/// A text that is no user and password that clients could give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write USER:PASSWORD, each of 1 to 255 bytes, or any")]
pub struct ParseCredentialsError;

impl Credentials {
    /// Returns whether these are they, in a time that does not tell how much of them is right.
    pub fn are(&self, user: &[u8], password: &[u8]) -> bool {
        let Self(Some(pair)) = self else { return true };
        // Both are looked at, whatever the first says.
        let user = is_same(&pair.user, user);
        let password = is_same(&pair.password, password);
        user & password
    }
}

fn is_same(ours: &[u8], theirs: &[u8]) -> bool {
    let differs = theirs
        .iter()
        .enumerate()
        .fold(0, |differs, (index, byte)| differs | (ours.get(index).unwrap_or(&0) ^ byte));
    (ours.len() == theirs.len()) & (black_box(differs) == 0)
}

impl std::str::FromStr for Credentials {
    type Err = ParseCredentialsError;

    /// Reads `USER:PASSWORD`, where a colon may be in the password; `any` is all that have one.
    fn from_str(text: &str) -> Result<Self, ParseCredentialsError> {
        if text == "any" {
            return Ok(Self(None));
        }
        let (user, password) = text.split_once(':').ok_or(ParseCredentialsError)?;
        let fits = |text: &str| (1..=usize::from(u8::MAX)).contains(&text.len());
        if !fits(user) || !fits(password) {
            return Err(ParseCredentialsError);
        }
        Ok(Self(Some(Pair { user: user.into(), password: password.into() })))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}
