//! The user and password by which a proxy knows us.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A user and a password. Neither is ever printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// A text that is no user and password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write USER:PASSWORD, the user not empty and both without control characters")]
pub struct ParseCredentialsError;

impl Credentials {
    pub(crate) fn new(user: String, password: String) -> Result<Self, ParseCredentialsError> {
        let is_plain = |text: &str| !text.contains(char::is_control);
        if user.is_empty() || user.contains(':') || !is_plain(&user) || !is_plain(&password) {
            return Err(ParseCredentialsError);
        }
        Ok(Self { user, password })
    }

    /// Returns the value of `Proxy-Authorization` that says them (RFC 7617 §2).
    pub fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.user, self.password)))
    }
}

impl FromStr for Credentials {
    type Err = ParseCredentialsError;

    /// Reads `USER:PASSWORD`; a colon may be in the password, which may be empty.
    fn from_str(text: &str) -> Result<Self, ParseCredentialsError> {
        let (user, password) = text.split_once(':').ok_or(ParseCredentialsError)?;
        Self::new(user.to_owned(), password.to_owned())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}
