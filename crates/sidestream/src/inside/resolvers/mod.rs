//! Who is asked for the names of others.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where a machine says whom it asks (resolv.conf(5)).
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// How much of it is read: whoever wrote more than this meant something else.
const MAX_CONF: usize = 64 * 1024;
/// How many of them are asked, as many as C libraries do.
const MAX_RESOLVERS: usize = 3;

/// Who is asked for the names of others: whom this machine asks, or those that are given.
#[derive(Debug, Default)]
pub struct Resolvers {
    fixed: Option<Vec<SocketAddr>>,
    /// Which of them answered last.
    preferred: AtomicUsize,
}

impl Resolvers {
    /// Whom this machine asks, as `/etc/resolv.conf` says whenever somebody asks.
    pub fn of_machine() -> Self {
        Self::default()
    }

    /// These, the first of them first.
    pub fn fixed(resolvers: Vec<SocketAddr>) -> Self {
        Self { fixed: Some(resolvers), preferred: AtomicUsize::new(0) }
    }

    /// Returns them, the one that answered last first.
    pub(super) fn list(&self) -> Vec<SocketAddr> {
        let mut list = match &self.fixed {
            Some(fixed) => fixed.clone(),
            None => read(Path::new(RESOLV_CONF)),
        };
        if !list.is_empty() {
            let first = self.preferred.load(Ordering::Relaxed) % list.len();
            list.rotate_left(first);
        }
        list
    }

    /// Remembers that of those that [`list`](Self::list) returned the one at this place answered.
    pub(super) fn prefer(&self, resolver: SocketAddr) {
        let list = match &self.fixed {
            Some(fixed) => fixed.clone(),
            None => read(Path::new(RESOLV_CONF)),
        };
        if let Some(index) = list.iter().position(|other| *other == resolver) {
            self.preferred.store(index, Ordering::Relaxed);
        }
    }
}

/// Reads a file small enough that waiting for it is nothing; where there is none nobody is asked.
fn read(path: &Path) -> Vec<SocketAddr> {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[..text.len().min(MAX_CONF)]);
    parse(&text, &interface_index)
}

/// Reads the addresses of the resolvers; the number of an interface is looked up.
fn parse(text: &str, index_of: &dyn Fn(&str) -> Option<u32>) -> Vec<SocketAddr> {
    let addresses = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let is_resolver = words.next() == Some("nameserver");
        let address = words.next().filter(|_| is_resolver)?;
        resolver(address, index_of)
    });
    addresses.take(MAX_RESOLVERS).collect()
}

/// Reads an address, of IPv6 also with its zone (RFC 4007 §11).
fn resolver(text: &str, index_of: &dyn Fn(&str) -> Option<u32>) -> Option<SocketAddr> {
    let Some((address, zone)) = text.split_once('%') else {
        return Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, super::DNS));
    };
    let address = address.parse::<Ipv6Addr>().ok()?;
    let scope = zone.parse().ok().or_else(|| index_of(zone))?;
    Some(SocketAddrV6::new(address, super::DNS, 0, scope).into())
}

/// Finds the number of an interface where Linux tells it.
fn interface_index(name: &str) -> Option<u32> {
    if name.contains('/') || name.starts_with('.') {
        return None;
    }
    let text = std::fs::read_to_string(format!("/sys/class/net/{name}/ifindex")).ok()?;
    text.trim().parse().ok()
}
