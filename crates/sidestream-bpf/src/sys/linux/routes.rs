//! The routes that the hooks know, and how they are replaced.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::IpAddr;

use aya::maps::lpm_trie::Key;

use super::abi::{Route, address};
use super::convert::net;
use super::maps::Maps;
use crate::RouteEntry;

/// The networks that were set, by the number of whose routes they are.
#[derive(Debug, Default)]
pub(super) struct Routes(HashMap<u32, HashSet<Net>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Net {
    V4([u8; 4], u8),
    V6([u8; 16], u8),
}

impl Routes {
    /// Sets all `routes`, and removes those that were set before and are not in them.
    pub(super) fn replace(
        &mut self,
        maps: &Maps,
        of: u32,
        routes: &[RouteEntry],
    ) -> io::Result<()> {
        let known = self.0.entry(of).or_default();
        let mut left = known.clone();
        for route in routes {
            let net = Net::of(route)?;
            net.set(maps, of, route.source)?;
            left.remove(&net);
            known.insert(net);
        }
        for net in left {
            net.remove(maps, of)?;
            known.remove(&net);
        }
        if known.is_empty() {
            self.0.remove(&of);
        }
        Ok(())
    }
}

impl Net {
    fn of(route: &RouteEntry) -> io::Result<Self> {
        let (first, _) = net(route.addr, route.prefix_len)?;
        Ok(match (route.addr, first) {
            (IpAddr::V4(_), [.., a, b, c, d]) => Self::V4([a, b, c, d], route.prefix_len),
            (IpAddr::V6(_), first) => Self::V6(first, route.prefix_len),
        })
    }

    fn set(self, maps: &Maps, of: u32, source: Option<IpAddr>) -> io::Result<()> {
        let route = Route {
            source: source.map_or([0; 16], address),
            reachable: source.is_some().into(),
            padding: 0,
        };
        match self {
            Self::V4(addr, len) => maps.routes4.set(&key(of, addr, len), &route),
            Self::V6(addr, len) => maps.routes6.set(&key(of, addr, len), &route),
        }
    }

    fn remove(self, maps: &Maps, of: u32) -> io::Result<bool> {
        match self {
            Self::V4(addr, len) => maps.routes4.remove(&key(of, addr, len)),
            Self::V6(addr, len) => maps.routes6.remove(&key(of, addr, len)),
        }
    }
}

/// Gives the key of a network: `LEN` bytes, of which the first four are whose routes they are.
fn key<const ADDR: usize, const LEN: usize>(of: u32, addr: [u8; ADDR], len: u8) -> Key<[u8; LEN]> {
    const { assert!(LEN == ADDR + 4, "a number and an address") };
    let mut data = [0; LEN];
    data[..4].copy_from_slice(&of.to_ne_bytes());
    data[4..].copy_from_slice(&addr);
    Key::new(32 + u32::from(len), data)
}
