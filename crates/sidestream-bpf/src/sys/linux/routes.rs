//! The routes that the hooks know, and how they are replaced.

use std::collections::HashSet;
use std::io;
use std::net::IpAddr;

use aya::maps::lpm_trie::Key;

use super::abi::{Route, address};
use super::convert::net;
use super::maps::Maps;
use crate::RouteEntry;

/// The networks that were set.
#[derive(Debug, Default)]
pub(super) struct Routes(HashSet<Net>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Net {
    V4([u8; 4], u8),
    V6([u8; 16], u8),
}

impl Routes {
    /// Sets all `routes`, and removes those that were set before and are not in them.
    pub(super) fn replace(&mut self, maps: &Maps, routes: &[RouteEntry]) -> io::Result<()> {
        let mut left = self.0.clone();
        for route in routes {
            let net = Net::of(route)?;
            net.set(maps, route.source)?;
            left.remove(&net);
            self.0.insert(net);
        }
        for net in left {
            net.remove(maps)?;
            self.0.remove(&net);
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

    fn set(self, maps: &Maps, source: Option<IpAddr>) -> io::Result<()> {
        let route = Route {
            source: source.map_or([0; 16], address),
            reachable: source.is_some().into(),
            padding: 0,
        };
        match self {
            Self::V4(addr, len) => maps.routes4.set(&Key::new(len.into(), addr), &route),
            Self::V6(addr, len) => maps.routes6.set(&Key::new(len.into(), addr), &route),
        }
    }

    fn remove(self, maps: &Maps) -> io::Result<bool> {
        match self {
            Self::V4(addr, len) => maps.routes4.remove(&Key::new(len.into(), addr)),
            Self::V6(addr, len) => maps.routes6.remove(&Key::new(len.into(), addr)),
        }
    }
}
