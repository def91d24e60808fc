//! Which peer an address belongs to: the longest range that it is in.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use crate::config::{Prefix, bits};

/// Ranges of addresses and whose they are.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    v4: Family,
    v6: Family,
}

/// For each length in use, the beginnings of the ranges of that length. There are few lengths,
/// so a look-up asks few tables.
#[derive(Debug, Default)]
struct Family(BTreeMap<u8, HashMap<u128, u32>>);

impl Routes {
    /// Gives a range to a peer, and takes it from who had it.
    pub(crate) fn insert(&mut self, prefix: Prefix, peer: u32) {
        let Family(lens) = match prefix.address() {
            IpAddr::V4(_) => &mut self.v4,
            IpAddr::V6(_) => &mut self.v6,
        };
        let begins = begin(prefix.address(), prefix.len());
        lens.entry(prefix.len()).or_default().insert(begins, peer);
    }

    /// Finds the peer that an address belongs to.
    pub(crate) fn find(&self, address: IpAddr) -> Option<u32> {
        let Family(lens) = if address.is_ipv4() { &self.v4 } else { &self.v6 };
        lens.iter().rev().find_map(|(len, peers)| peers.get(&begin(address, *len)).copied())
    }
}

/// Returns the bits of an address that count.
fn begin(address: IpAddr, len: u8) -> u128 {
    let value = match address {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    };
    value.checked_shr(u32::from(bits(address) - len)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: Option<u32>) {
        let mut routes = Routes::default();
        for (prefix, peer) in [
            ("0.0.0.0/0", 0),
            ("10.0.0.0/8", 1),
            ("10.1.0.0/16", 2),
            ("10.1.2.3/32", 3),
            ("fd00::/8", 4),
            ("fd00::7/128", 5),
        ] {
            routes.insert(prefix.parse().unwrap(), peer);
        }
        assert_eq!(routes.find(address.parse().unwrap()), expected, "{address}");
    }

    #[test]
    fn the_longest_range_wins() {
        check("192.0.2.1", Some(0));
        check("10.9.9.9", Some(1));
        check("10.1.9.9", Some(2));
        check("10.1.2.3", Some(3));
        check("fd00::8", Some(4));
        check("fd00::7", Some(5));
        check("2001:db8::1", None);
    }
}
