//! Address ranges in CIDR notation.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::parse::parse_number;

/// A range of addresses: `10.0.0.0/8`, `2001:db8::/32`.
///
/// IPv4-mapped IPv6 addresses are IPv4 addresses, in the range as in what is looked up, so
/// `::/0` holds no IPv4 address in any spelling.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Net {
    addr: IpAddr,
    prefix_len: u8,
}

/// Which part of a range does not parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NetFault {
    Addr,
    PrefixLen { max: u8 },
}

impl Net {
    /// Parses a range; bits of the address beyond the prefix do not count.
    pub(crate) fn parse(addr: &str, prefix_len: Option<&str>) -> Result<Self, NetFault> {
        let Ok(addr) = addr.parse::<IpAddr>() else { return Err(NetFault::Addr) };
        let max = if addr.is_ipv4() { 32 } else { 128 };
        let prefix_len = match prefix_len {
            None => max,
            Some(digits) => {
                parse_number(digits).filter(|&len| len <= max).ok_or(NetFault::PrefixLen { max })?
            }
        };
        Ok(match addr {
            IpAddr::V4(addr) => Self::v4(addr, prefix_len),
            IpAddr::V6(addr) => match addr.to_ipv4_mapped() {
                Some(mapped) if prefix_len >= 96 => Self::v4(mapped, prefix_len - 96),
                _ => Self::v6(addr, prefix_len),
            },
        })
    }

    /// Returns the first address of the range.
    pub fn addr(&self) -> IpAddr {
        self.addr
    }

    /// Returns how many leading bits the addresses of the range share.
    pub fn prefix_len(&self) -> u8 {
        self.prefix_len
    }

    /// Tells whether `addr` lies in the range.
    pub fn contains(&self, addr: IpAddr) -> bool {
        match (self.addr, addr.to_canonical()) {
            (IpAddr::V4(_), IpAddr::V4(addr)) => Self::v4(addr, self.prefix_len) == *self,
            (IpAddr::V6(_), IpAddr::V6(addr)) => Self::v6(addr, self.prefix_len) == *self,
            _ => false,
        }
    }

    fn v4(addr: Ipv4Addr, prefix_len: u8) -> Self {
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix_len)).unwrap_or(0);
        Self { addr: Ipv4Addr::from_bits(addr.to_bits() & mask).into(), prefix_len }
    }

    fn v6(addr: Ipv6Addr, prefix_len: u8) -> Self {
        let mask = u128::MAX.checked_shl(128 - u32::from(prefix_len)).unwrap_or(0);
        Self { addr: Ipv6Addr::from_bits(addr.to_bits() & mask).into(), prefix_len }
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.prefix_len)
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Net({self})")
    }
}
