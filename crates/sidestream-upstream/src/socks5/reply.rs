//! What a proxy says to a request that it does not fulfil.

use std::fmt;

/// The code of a reply that is not a success (RFC 1928 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply(pub u8);

impl Reply {
    /// Its rules do not let us connect there.
    pub const RULES: Self = Self(2);
    /// No route leads to the server's network.
    pub const NETWORK_UNREACHABLE: Self = Self(3);
    /// The server cannot be reached, or has a name without an address.
    pub const HOST_UNREACHABLE: Self = Self(4);
    /// The server refused.
    pub const REFUSED: Self = Self(5);
    /// The server did not answer in time.
    pub const EXPIRED: Self = Self(6);
    /// It does not know the command.
    pub const COMMAND: Self = Self(7);
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            1 => "a general failure",
            2 => "not allowed by its rules",
            3 => "network unreachable",
            4 => "host unreachable",
            5 => "connection refused",
            6 => "time to live expired",
            7 => "command not supported",
            8 => "address type not supported",
            other => return write!(f, "reply {other}"),
        })
    }
}
