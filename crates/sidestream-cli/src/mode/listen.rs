//! Where a mode listens: `[HOST:]PORT`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::ParseModeError;

/// Where a mode listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address or name, an IPv6 address without its brackets; loopback if none is given.
    pub host: Option<String>,
    /// The port; 0 takes a free one.
    pub port: u16,
}

/// Where modes listen that are not told otherwise: for this machine alone.
const DEFAULT_HOST: &str = "127.0.0.1";

impl Listen {
    /// Returns the host, which is loopback unless it was given.
    pub fn host(&self) -> &str {
        self.host.as_deref().unwrap_or(DEFAULT_HOST)
    }

    /// Returns whether one of the two could not listen beside the other.
    pub fn clashes_with(&self, other: &Self) -> bool {
        self.port != 0 && self.port == other.port && hosts_clash(self.host(), other.host())
    }
}

fn hosts_clash(left: &str, right: &str) -> bool {
    match (left.parse::<IpAddr>(), right.parse::<IpAddr>()) {
        (Ok(left), Ok(right)) if left.is_ipv4() == right.is_ipv4() => {
            left == right || left.is_unspecified() || right.is_unspecified()
        }
        (Ok(_), Ok(_)) => false,
        _ => left.eq_ignore_ascii_case(right),
    }
}

impl FromStr for Listen {
    type Err = ParseModeError;

    fn from_str(text: &str) -> Result<Self, ParseModeError> {
        let (host, port) = match text.rsplit_once(':') {
            None => (None, text),
            Some(("", _)) => return Err(ParseModeError::NoHost),
            Some((host, port)) => (Some(super::data::host(host)?), port),
        };
        Ok(Self { host, port: super::data::port(port)? })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host() {
            host if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            host => write!(f, "{host}:{}", self.port),
        }
    }
}
