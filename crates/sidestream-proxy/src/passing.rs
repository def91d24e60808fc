//! What the proxy passes as it is, and how that is set.

use std::time::Duration;

/// What is passed as it is, without being decrypted, beside what the spec leaves out.
///
/// By default nothing is: whatever a client does not take is seen to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Passing {
    /// Whether TLS is decrypted. If not, it is recognized and passed, and what is in the clear is
    /// recorded all the same. A machine that does not trust the root has no use for decryption.
    pub decrypt: bool,
    /// For how long the connections of a program to a host are passed once it has refused our
    /// certificate for it; `None` shows it to it again and again.
    ///
    /// A program refuses by an alert, or twice within a minute by closing the connection right
    /// after the certificate without having said anything.
    pub refused: Option<Duration>,
}

impl Default for Passing {
    fn default() -> Self {
        Self { decrypt: true, refused: None }
    }
}

impl Passing {
    /// For how long a program's connections to a host are passed that it refused, where nobody
    /// says otherwise.
    pub const REFUSED: Duration = Duration::from_secs(10 * 60);

    /// Returns what suits the capture of a whole machine, where programs must go on working that
    /// trust certain certificates only.
    pub const fn considerate() -> Self {
        Self { decrypt: true, refused: Some(Self::REFUSED) }
    }

    /// Returns this with TLS decrypted, or not.
    pub const fn with_decrypt(self, decrypt: bool) -> Self {
        Self { decrypt, ..self }
    }

    /// Returns this with that period for hosts that a program refused.
    pub const fn with_refused(self, refused: Option<Duration>) -> Self {
        Self { refused, ..self }
    }
}
