//! Where a peer is reached: `host:port`.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// A name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: String,
    port: u16,
}

/// Why a text is not an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an endpoint, write one as vpn.example.com:51820 or [2001:db8::1]:51820")]
pub struct ParseEndpointError;

impl Endpoint {
    /// Makes one; `None` if no host is so named. An IPv6 address comes without brackets.
    pub fn new(host: &str, port: u16) -> Option<Self> {
        let of_name = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-' | '_');
        let is_name = !host.is_empty() && host.chars().all(of_name);
        // An address of one link needs to be told of which.
        let address = host.split('%').next().unwrap_or(host);
        let zone = host[address.len()..].chars().skip(1);
        let is_v6 = address.parse::<Ipv6Addr>().is_ok() && zone.into_iter().all(of_name);
        (port != 0 && (is_name || is_v6)).then(|| Self { host: host.to_owned(), port })
    }

    /// Returns the name or address, an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            host if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            host => write!(f, "{host}:{}", self.port),
        }
    }
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, ParseEndpointError> {
        let (host, port) = text.rsplit_once(':').ok_or(ParseEndpointError)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if bare.is_some_and(|bare| !bare.contains(':')) || bare.is_none() && host.contains(':') {
            return Err(ParseEndpointError);
        }
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| is_number).ok_or(ParseEndpointError)?;
        Self::new(bare.unwrap_or(host), port).ok_or(ParseEndpointError)
    }
}
