//! Which ports the host serves on the loopback address of one family only.
//!
//! A client that was given both addresses of `localhost` goes on to the second if the first
//! refuses. TPROXY would accept for the first and find out later, so the rules inside are told of
//! such ports and have the kernel refuse.

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

use sidestream_flow::Transport;
use sidestream_process::{Listener, Sockets};

use super::netlink::Netlink;
use super::nft;

/// How long it is waited between two looks, for each listener that there is. One takes the kernel
/// half a microsecond, so that looking costs a fiftieth of a core at most.
const PAUSE_PER_LISTENER: Duration = Duration::from_micros(25);

/// The ports that something takes on the loopback address of one family, and nothing on that of
/// the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OneSided {
    pub(super) v4: BTreeSet<u16>,
    pub(super) v6: BTreeSet<u16>,
}

impl OneSided {
    fn of(listeners: &[Listener]) -> Self {
        let (mut v4, mut v6) = (BTreeSet::new(), BTreeSet::new());
        for Listener { addr, v6_only, .. } in listeners {
            let (ip, port) = (addr.ip().to_canonical(), addr.port());
            if !ip.is_loopback() && !ip.is_unspecified() {
                continue;
            }
            if ip.is_ipv6() {
                v6.insert(port);
            }
            if ip.is_ipv4() || ip.is_unspecified() && !v6_only {
                v4.insert(port);
            }
        }
        Self { v4: &v4 - &v6, v6: &v6 - &v4 }
    }

    fn and(&self, other: &Self) -> Self {
        Self { v4: &self.v4 & &other.v4, v6: &self.v6 & &other.v6 }
    }
}

/// Keeps the rules inside in line with what the host listens on.
#[derive(Debug)]
pub(super) struct Loopback {
    host: Sockets,
    /// What was found by the last look.
    seen: OneSided,
    /// What the rules know.
    told: OneSided,
    next: Instant,
}

impl Loopback {
    /// Looks at the host, which is where the caller is.
    pub(super) fn open() -> io::Result<Self> {
        let host = Sockets::open()?;
        let seen = OneSided::of(&listeners(&host));
        Ok(Self { host, told: seen.clone(), seen, next: Instant::now() })
    }

    /// Returns what the rules are made with.
    pub(super) fn ports(&self) -> &OneSided {
        &self.told
    }

    /// Looks again, and tells the rules if something has changed.
    pub(super) fn follow(&mut self, netfilter: &Netlink) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        let listeners = listeners(&self.host);
        self.next = now + PAUSE_PER_LISTENER * u32::try_from(listeners.len()).unwrap_or(u32::MAX);
        let seen = OneSided::of(&listeners);
        // A server may be between listening on the one address and on the other: it takes two
        // looks to be refused, and one not to be.
        let ports = seen.and(&self.seen);
        self.seen = seen;
        if ports != self.told {
            match nft::replace(netfilter, &ports) {
                Ok(()) => self.told = ports,
                Err(error) => tracing::debug!(%error, "the ports to refuse cannot be told"),
            }
        }
    }
}

/// Lists who listens; nobody where the kernel cannot be asked, as what is not known is not refused.
fn listeners(host: &Sockets) -> Vec<Listener> {
    host.listeners(Transport::Tcp).unwrap_or_else(|error| {
        tracing::debug!(%error, "the listeners of the host cannot be read");
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sidestream_flow::Transport;
    use sidestream_process::Listener;

    use super::OneSided;

    /// Listeners whose IPv6 sockets take IPv4 too, unless an asterisk follows.
    #[track_caller]
    fn check(listeners: &[&str], v4: &[u16], v6: &[u16]) {
        let listener = |text: &&str| Listener {
            transport: Transport::Tcp,
            addr: text.trim_end_matches('*').parse().unwrap(),
            v6_only: text.ends_with('*'),
            inode: 1,
        };
        let listeners: Vec<_> = listeners.iter().map(listener).collect();
        let set = |ports: &[u16]| ports.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!(OneSided::of(&listeners), OneSided { v4: set(v4), v6: set(v6) });
    }

    #[test]
    fn a_port_that_only_one_family_serves_is_found() {
        check(&["127.0.0.1:80"], &[80], &[]);
        check(&["0.0.0.0:80"], &[80], &[]);
        check(&["127.0.0.53:53"], &[53], &[]);
        check(&["[::ffff:127.0.0.1]:80"], &[80], &[]);
        check(&["[::1]:80"], &[], &[80]);
        check(&["[::]:80*"], &[], &[80]);
        check(&["[::1]:80", "127.0.0.1:81"], &[81], &[80]);
    }

    #[test]
    fn a_port_that_both_families_or_none_serve_is_not() {
        check(&["127.0.0.1:80", "[::1]:80"], &[], &[]);
        check(&["0.0.0.0:80", "[::]:80*"], &[], &[]);
        check(&["[::]:80"], &[], &[]);
        check(&["192.0.2.1:80", "[2001:db8::1]:80"], &[], &[]);
        check(&[], &[], &[]);
    }
}
