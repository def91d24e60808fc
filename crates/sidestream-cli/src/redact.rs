//! Which header fields are secrets.

use sidestream::record::Field;

/// What stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Fields that carry credentials, in lower case.
const SECRETS: [&str; 9] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
    "x-goog-api-key",
];

/// Says which header fields are not shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redact {
    names: Vec<String>,
    secrets: bool,
}

impl Redact {
    /// Hides the fields of those names only.
    pub fn names(names: &[String]) -> Self {
        let names = names.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
        Self { names, secrets: false }
    }

    /// Hides also the fields that are known to carry credentials.
    pub fn and_secrets(self) -> Self {
        Self { secrets: true, ..self }
    }

    /// Returns whether the field's value is not to be shown.
    pub fn hides(&self, field: &Field) -> bool {
        self.names.iter().any(|name| field.is(name))
            || (self.secrets && SECRETS.iter().any(|name| field.is(name)))
    }
}
