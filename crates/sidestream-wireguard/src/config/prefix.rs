//! Ranges of addresses: `10.0.0.0/8`, `2001:db8::/32`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An address and how many of its bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    address: IpAddr,
    len: u8,
}

/// Why a text is not a range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a range of addresses, write one as 10.0.0.2/32 or fd00::2/128")]
pub struct ParsePrefixError;

impl Prefix {
    /// Makes one; `None` if the address has not so many bits.
    pub const fn new(address: IpAddr, len: u8) -> Option<Self> {
        if len <= bits(address) { Some(Self { address, len }) } else { None }
    }

    /// Makes one of a single address.
    pub const fn host(address: IpAddr) -> Self {
        Self { address, len: bits(address) }
    }

    /// Returns the address as it was given.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Returns how many bits count.
    pub const fn len(&self) -> u8 {
        self.len
    }

    /// Returns whether no bit counts, so that every address of the family is in it.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the range with every bit that does not count set to zero.
    pub const fn masked(&self) -> Self {
        let address = match self.address {
            IpAddr::V4(ip) => {
                let keep = u32::MAX.checked_shl(32 - self.len as u32);
                let keep = if let Some(keep) = keep { keep } else { 0 };
                IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & keep))
            }
            IpAddr::V6(ip) => {
                let keep = u128::MAX.checked_shl(128 - self.len as u32);
                let keep = if let Some(keep) = keep { keep } else { 0 };
                IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & keep))
            }
        };
        Self { address, len: self.len }
    }

    /// Returns whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        Self::new(address, self.len).is_some_and(|other| {
            address.is_ipv4() == self.address.is_ipv4() && other.masked() == self.masked()
        })
    }
}

/// Returns how many bits an address has.
pub(crate) const fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.len)
    }
}

impl FromStr for Prefix {
    type Err = ParsePrefixError;

    fn from_str(text: &str) -> Result<Self, ParsePrefixError> {
        let (address, len) = match text.split_once('/') {
            Some((address, len)) => (address, Some(len)),
            None => (text, None),
        };
        let Ok(address) = address.parse::<IpAddr>() else { return Err(ParsePrefixError) };
        let Some(len) = len else { return Ok(Self::host(address)) };
        let is_number = !len.is_empty() && len.bytes().all(|byte| byte.is_ascii_digit());
        let len = len.parse().ok().filter(|_| is_number).ok_or(ParsePrefixError)?;
        Self::new(address, len).ok_or(ParsePrefixError)
    }
}
