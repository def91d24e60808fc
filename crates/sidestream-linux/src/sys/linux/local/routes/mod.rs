//! A mirror of the kernel's routes: from which address it reaches which network.

mod prefix;
mod read;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use std::time::Duration;

use sidestream_bpf::RouteEntry;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep};

use self::prefix::{Prefix, representatives};
use self::read::{Borders, loops, source};
use crate::sys::imp::netlink::Netlink;

/// How soon changes are followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// How long more changes are awaited after one.
    pause: Duration,
    /// Reading takes this part of the time at most.
    pause_per_read: u32,
}

impl Pace {
    /// For a large network that changes all the time, beside much else that is to be done.
    pub(super) const CALM: Self = Self { pause: Duration::from_millis(20), pause_per_read: 20 };
    /// For a small network that is just being set up, and whose first program is about to begin.
    pub(super) const HASTY: Self = Self { pause: Duration::from_millis(1), pause_per_read: 1 };
}

/// Groups of rtnetlink(7): links, then addresses, routes and rules of both families.
const GROUPS: [u32; 7] = [1, 5, 7, 8, 9, 11, 19];

/// What is left to the kernel, whatever its routes say: "this host on this network", our own
/// range, multicast and broadcast.
const LEFT_V4: [(Ipv4Addr, u8); 4] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(127, 64, 0, 0), 10),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::BROADCAST, 32),
];
/// The unspecified address, our own range, link-local addresses (which mean nothing without a
/// device) and multicast.
const LEFT_V6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::UNSPECIFIED, 128),
    (Ipv6Addr::new(0xfd73, 0x6473, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

/// One of our own range.
const FAKE: Ipv4Addr = Ipv4Addr::new(127, 64, 0, 0);

/// The kernel's answers for every destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// The source for each network, that of the longest prefix being right; a network without
    /// one, and an address in none, are to be left to the kernel.
    pub(super) entries: Vec<RouteEntry>,
    /// Whether the kernel never decides otherwise for a socket without mark and device. Not so
    /// if rules look at users, protocols or ports, if a route has several paths, or if there are
    /// too many routes to ask about each, or if a whole range of addresses belongs to this host.
    pub(super) exact: bool,
    /// Whether loopback is up, by which everything comes that is diverted.
    pub(super) has_loopback: bool,
}

/// Reads the routes of a network namespace, and learns when they change.
#[derive(Debug)]
pub(super) struct Routes {
    netlink: Netlink,
    changes: Netlink,
    /// A change was seen and not told yet.
    changed: bool,
    /// When the routes may be read again.
    next: Instant,
    pace: Pace,
}

impl Routes {
    /// Watches the network namespace of the calling thread; it need not be read from there.
    pub(super) fn open(pace: Pace) -> io::Result<Self> {
        let changes = Netlink::listen(libc::NETLINK_ROUTE, &GROUPS)?;
        let netlink = Netlink::open(libc::NETLINK_ROUTE)?;
        Ok(Self { netlink, changes, changed: false, next: Instant::now(), pace })
    }

    /// Asks the kernel for its decisions.
    pub(super) fn table(&mut self) -> io::Result<Table> {
        let started = Instant::now();
        let Borders { mut prefixes, mut exact } = Borders::read(&self.netlink)?;
        let left: Vec<_> = left().collect();
        prefixes.retain(|prefix| !left.iter().any(|left| left.contains(prefix)));
        prefixes.extend(&left);
        let mut answers = Vec::with_capacity(prefixes.len());
        for (prefix, addr) in representatives(prefixes.into_iter()) {
            if left.contains(&prefix) {
                answers.push((prefix, None));
            } else if let Some(addr) = addr {
                let source = source(&self.netlink, addr)?;
                // In a range of addresses of this host, each is its own source.
                exact &= source != Some(addr) || prefix.is_host();
                answers.push((prefix, source));
            }
        }
        let entries = entries(answers);
        self.next = started + started.elapsed() * self.pace.pause_per_read;
        tracing::debug!(entries = entries.len(), exact, "routes read");
        let has_loopback = loops(&self.netlink, FAKE.into())?;
        Ok(Table { entries, exact, has_loopback })
    }

    /// Waits until routes, addresses, rules or links have changed.
    ///
    /// # Cancel safety
    ///
    /// No change is lost if the future is dropped.
    pub(super) async fn changed(&mut self) -> io::Result<()> {
        if !self.changed {
            let (socket, interest) = (self.changes.as_fd(), Interest::READABLE);
            // SAFETY: the descriptor is the same one for as long as it is borrowed.
            let changes = unsafe { AsyncFd::register_with_interest(socket, interest) }?;
            loop {
                let mut ready = changes.readable().await?;
                if self.changes.drain() {
                    break;
                }
                ready.clear_ready();
            }
            self.changed = true;
        }
        sleep(self.pace.pause.max(self.next.saturating_duration_since(Instant::now()))).await;
        self.changes.drain();
        self.changed = false;
        Ok(())
    }
}

fn left() -> impl Iterator<Item = Prefix> {
    let v4 = LEFT_V4.into_iter().map(|(addr, len)| (IpAddr::V4(addr), len));
    let v6 = LEFT_V6.into_iter().map(|(addr, len)| (IpAddr::V6(addr), len));
    v4.chain(v6).filter_map(|(addr, len)| Prefix::new(addr, len))
}

/// Leaves out what the wider network says already. The answers must be in the order of their
/// networks.
fn entries(answers: Vec<(Prefix, Option<IpAddr>)>) -> Vec<RouteEntry> {
    let mut around: Vec<(Prefix, Option<IpAddr>)> = Vec::new();
    let mut entries = Vec::new();
    for (prefix, source) in answers {
        while around.pop_if(|(wider, _)| !wider.contains(&prefix)).is_some() {}
        let said = around.last().and_then(|(_, source)| *source);
        if said != source {
            let (addr, prefix_len) = (prefix.addr(), prefix.len());
            entries.push(RouteEntry { addr, prefix_len, source });
        }
        around.push((prefix, source));
    }
    entries
}
