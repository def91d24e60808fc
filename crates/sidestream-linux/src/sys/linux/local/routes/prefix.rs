//! Networks, and which of their addresses belong to no narrower one.

use std::net::IpAddr;

/// A network. Networks are ordered by their first address, the wider one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Prefix {
    v6: bool,
    first: u128,
    len: u8,
}

impl Prefix {
    /// Makes the network of an address; `None` if the address has fewer bits.
    pub(super) fn new(addr: IpAddr, len: u8) -> Option<Self> {
        let (v6, bits) = match addr {
            IpAddr::V4(addr) => (false, u128::from(addr.to_bits())),
            IpAddr::V6(addr) => (true, addr.to_bits()),
        };
        let mut prefix = Self { v6, first: 0, len };
        if len > prefix.bits() {
            return None;
        }
        prefix.first = bits & !prefix.host_mask();
        Some(prefix)
    }

    /// Returns the first address.
    pub(super) fn addr(&self) -> IpAddr {
        self.at(self.first)
    }

    pub(super) fn len(&self) -> u8 {
        self.len
    }

    /// Whether it is a single address.
    pub(super) fn is_host(&self) -> bool {
        self.len == self.bits()
    }

    pub(super) fn contains(&self, other: &Self) -> bool {
        self.v6 == other.v6
            && self.len <= other.len
            && other.first & !self.host_mask() == self.first
    }

    fn bits(&self) -> u8 {
        if self.v6 { 128 } else { 32 }
    }

    fn host_mask(&self) -> u128 {
        let hosts = u32::from(self.bits() - self.len);
        1_u128.checked_shl(hosts).map_or(u128::MAX, |size| size - 1)
    }

    fn last(&self) -> u128 {
        self.first | self.host_mask()
    }

    fn at(&self, bits: u128) -> IpAddr {
        if self.v6 { IpAddr::V6(bits.into()) } else { IpAddr::V4((bits as u32).into()) }
    }
}

/// What is known of a network while its narrower ones go by.
struct Open {
    prefix: Prefix,
    /// The first address that none of them has so far; `None` if they have them all.
    free: Option<u128>,
    /// Whether no narrower one can take that address any more.
    settled: bool,
}

/// Finds for each network an address that no narrower one has; `None` where they cover it. The
/// networks must be in order, and each there once.
pub(super) fn representatives(
    prefixes: impl Iterator<Item = Prefix>,
) -> Vec<(Prefix, Option<IpAddr>)> {
    let mut found = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    for prefix in prefixes {
        while let Some(done) = open.pop_if(|top| !top.prefix.contains(&prefix)) {
            found.push(close(done));
        }
        if let Some(around) = open.last_mut().filter(|around| !around.settled) {
            if around.free.is_some_and(|free| free < prefix.first) {
                around.settled = true;
            } else {
                around.free = Some(prefix.last())
                    .filter(|last| *last < around.prefix.last())
                    .map(|last| last + 1);
            }
        }
        open.push(Open { prefix, free: Some(prefix.first), settled: false });
    }
    found.extend(open.into_iter().rev().map(close));
    found.sort_unstable_by_key(|(prefix, _)| *prefix);
    found
}

fn close(open: Open) -> (Prefix, Option<IpAddr>) {
    (open.prefix, open.free.map(|free| open.prefix.at(free)))
}

#[cfg(test)]
mod tests {
    use super::{Prefix, representatives};

    fn prefix(text: &str) -> Prefix {
        let (addr, len) = text.split_once('/').unwrap();
        Prefix::new(addr.parse().unwrap(), len.parse().unwrap()).unwrap()
    }

    #[track_caller]
    fn check(prefixes: &[&str], expected: &[&str]) {
        let mut prefixes: Vec<_> = prefixes.iter().map(|text| prefix(text)).collect();
        prefixes.sort_unstable();
        let found: Vec<_> = representatives(prefixes.into_iter())
            .into_iter()
            .map(|(prefix, free)| {
                let free = free.map_or_else(|| "none".to_owned(), |free| free.to_string());
                format!("{}/{} {free}", prefix.addr(), prefix.len())
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_network_alone_is_represented_by_its_first_address() {
        check(&["10.1.2.3/8"], &["10.0.0.0/8 10.0.0.0"]);
        check(&["::/0"], &["::/0 ::"]);
        check(&["fd00::7/128"], &["fd00::7/128 fd00::7"]);
    }

    #[test]
    fn what_a_narrower_network_has_represents_it_only() {
        check(
            &["0.0.0.0/0", "0.0.0.0/8", "1.0.0.0/8", "1.0.0.0/32"],
            &["0.0.0.0/0 2.0.0.0", "0.0.0.0/8 0.0.0.0", "1.0.0.0/8 1.0.0.1", "1.0.0.0/32 1.0.0.0"],
        );
        check(
            &["10.0.0.0/8", "10.5.0.0/16", "11.0.0.0/8"],
            &["10.0.0.0/8 10.0.0.0", "10.5.0.0/16 10.5.0.0", "11.0.0.0/8 11.0.0.0"],
        );
    }

    #[test]
    fn a_network_that_narrower_ones_cover_has_none() {
        check(&["::/0", "::/1", "8000::/1"], &["::/0 none", "::/1 ::", "8000::/1 8000::"]);
        check(
            &["10.0.0.0/31", "10.0.0.0/32", "10.0.0.1/32"],
            &["10.0.0.0/31 none", "10.0.0.0/32 10.0.0.0", "10.0.0.1/32 10.0.0.1"],
        );
    }

    #[test]
    fn families_stand_apart() {
        assert!(!prefix("::/0").contains(&prefix("10.0.0.0/8")));
        check(&["0.0.0.0/0", "::/0"], &["0.0.0.0/0 0.0.0.0", "::/0 ::"]);
    }

    #[test]
    fn a_prefix_is_no_longer_than_its_address() {
        assert_eq!(Prefix::new([10, 0, 0, 1].into(), 33), None);
    }
}
