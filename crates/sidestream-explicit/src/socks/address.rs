//! Addresses as requests and datagrams carry them (RFC 1928 §5).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use super::DecodeError;

const V4: u8 = 1;
const NAME: u8 = 3;
const V6: u8 = 4;

/// A host, as the client gave it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// An address, which may be an IPv4 one in the form of IPv6.
    Ip(IpAddr),
    /// A name that the client leaves to us to look up: visible ASCII, not empty.
    Name(Arc<str>),
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

impl Address {
    /// Returns how long an encoded address is in all, as far as its first bytes tell: its type,
    /// and the length of a name.
    ///
    /// # Errors
    ///
    /// There is no such type.
    pub(super) fn len(bytes: &[u8]) -> Result<usize, DecodeError> {
        Ok(match bytes {
            [] => 2,
            [V4, ..] => 1 + 4 + 2,
            [V6, ..] => 1 + 16 + 2,
            [NAME] => 2,
            [NAME, len, ..] => 1 + 1 + usize::from(*len) + 2,
            [kind, ..] => return Err(DecodeError::AddressType { kind: *kind }),
        })
    }

    /// Reads an address at the beginning of these bytes, and returns what is behind it.
    ///
    /// # Errors
    ///
    /// It is not whole, of an unknown type, or its name is none.
    pub fn decode(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let len = Self::len(bytes)?;
        let (whole, rest) = bytes.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        let (body, port) = whole.split_last_chunk::<2>().ok_or(DecodeError::Truncated)?;
        let host = match body {
            [V4, ip @ ..] => Host::Ip(Ipv4Addr::from(array(ip)?).into()),
            [V6, ip @ ..] => Host::Ip(Ipv6Addr::from(array(ip)?).into()),
            [_, _, name @ ..] => Host::named(name)?,
            _ => return Err(DecodeError::Truncated),
        };
        Ok((Self { host, port: u16::from_be_bytes(*port) }, rest))
    }

    /// Appends the address as it is sent.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        match &self.host {
            Host::Ip(IpAddr::V4(ip)) => {
                bytes.push(V4);
                bytes.extend_from_slice(&ip.octets());
            }
            Host::Ip(IpAddr::V6(ip)) => {
                bytes.push(V6);
                bytes.extend_from_slice(&ip.octets());
            }
            Host::Name(name) => {
                let name = &name.as_bytes()[..name.len().min(usize::from(u8::MAX))];
                bytes.push(NAME);
                bytes.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
                bytes.extend_from_slice(name);
            }
        }
        bytes.extend_from_slice(&self.port.to_be_bytes());
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], DecodeError> {
    bytes.first_chunk().copied().ok_or(DecodeError::Truncated)
}

impl Host {
    /// Reads a name; one that is an address in writing is that address.
    pub(super) fn named(bytes: &[u8]) -> Result<Self, DecodeError> {
        let text = str::from_utf8(bytes)
            .ok()
            .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()));
        let text = text.ok_or(DecodeError::Name)?;
        Ok(text.parse().map_or_else(|_| Self::Name(text.into()), Self::Ip))
    }
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Self {
        Self { host: Host::Ip(addr.ip()), port: addr.port() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Ip(ip) => SocketAddr::new(*ip, self.port).fmt(f),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}
