//! Whose sockets there are.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use sidestream_flow::{FlowKey, Transport};

use crate::{Endpoint, Owner, Ticks, Verdict};

/// How many peers of one socket are remembered: the rest is found by its own address.
const MAX_LINKS: usize = 16;
/// How many sockets are remembered that were closed before they were opened.
const MAX_CLOSED_EARLY: usize = 1024;

#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) endpoint: Endpoint,
    pub(crate) opened: Ticks,
    pub(crate) owner: Owner,
    pub(crate) transport: Transport,
    /// `None` while it is asked.
    pub(crate) verdict: Option<Verdict>,
    pub(crate) closed: bool,
    local: Option<SocketAddr>,
    pub(crate) links: VecDeque<FlowKey>,
    /// Whether its one connection has begun.
    used: bool,
    /// When it is forgotten, once it is closed.
    pub(crate) until: Option<Instant>,
}

/// Whose a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Asked,
    Known { socket: u64, owner: Owner, verdict: Verdict },
    Nobody,
}

#[derive(Debug, Default)]
pub(crate) struct Sockets {
    /// In the order in which they came.
    all: BTreeMap<u64, Socket>,
    closed: BTreeSet<u64>,
    endpoints: HashMap<Endpoint, u64>,
    connected: HashMap<FlowKey, u64>,
    bound: HashMap<(Transport, u16), Vec<u64>>,
    closed_early: VecDeque<(Endpoint, Ticks)>,
    last: u64,
}

impl Sockets {
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn links(&self) -> usize {
        self.connected.len()
    }

    pub(crate) fn get(&self, socket: u64) -> Option<&Socket> {
        self.all.get(&socket)
    }

    /// Returns the open socket of that endpoint.
    pub(crate) fn open(&self, endpoint: Endpoint) -> Option<u64> {
        let socket = *self.endpoints.get(&endpoint)?;
        self.all.get(&socket).is_some_and(|found| !found.closed).then_some(socket)
    }

    pub(crate) fn insert(
        &mut self,
        endpoint: Endpoint,
        opened: Ticks,
        owner: Owner,
        transport: Transport,
        verdict: Option<Verdict>,
    ) -> u64 {
        self.last += 1;
        let (local, links) = (None, VecDeque::new());
        let (closed, used, until) = (false, false, None);
        self.all.insert(
            self.last,
            Socket {
                endpoint,
                opened,
                owner,
                transport,
                verdict,
                closed,
                local,
                links,
                used,
                until,
            },
        );
        self.endpoints.insert(endpoint, self.last);
        self.last
    }

    /// Says which socket is to be forgotten so that there is room for another.
    pub(crate) fn spare(&self) -> Option<u64> {
        self.closed.first().copied().or_else(|| self.all.keys().next().copied())
    }

    /// Forgets a socket, and returns when that would have been.
    pub(crate) fn remove(&mut self, socket: u64) -> Option<Instant> {
        let gone = self.all.remove(&socket)?;
        self.closed.remove(&socket);
        if self.endpoints.get(&gone.endpoint) == Some(&socket) {
            self.endpoints.remove(&gone.endpoint);
        }
        for key in &gone.links {
            self.unlink(key, socket);
        }
        if let Some(local) = gone.local {
            self.unbind(gone.transport, local, socket);
        }
        gone.until
    }

    /// Notes that a socket has that address, and takes what comes there.
    pub(crate) fn bind(&mut self, socket: u64, local: SocketAddr) {
        let Some(found) = self.all.get_mut(&socket) else { return };
        let transport = found.transport;
        let old = found.local.replace(local);
        if old == Some(local) {
            return;
        }
        if let Some(old) = old {
            self.unbind(transport, old, socket);
        }
        self.bound.entry((transport, local.port())).or_default().push(socket);
    }

    /// Notes that a socket names a peer.
    pub(crate) fn link(&mut self, socket: u64, key: FlowKey) {
        let Some(found) = self.all.get_mut(&socket) else { return };
        if found.links.contains(&key) {
            self.connected.insert(key, socket);
            return;
        }
        found.links.push_back(key);
        let oldest = if found.links.len() > MAX_LINKS { found.links.pop_front() } else { None };
        if let Some(oldest) = oldest {
            self.unlink(&oldest, socket);
        }
        self.connected.insert(key, socket);
    }

    fn unlink(&mut self, key: &FlowKey, socket: u64) {
        if self.connected.get(key) == Some(&socket) {
            self.connected.remove(key);
        }
    }

    fn unbind(&mut self, transport: Transport, local: SocketAddr, socket: u64) {
        let at = (transport, local.port());
        if let Some(sockets) = self.bound.get_mut(&at) {
            sockets.retain(|other| *other != socket);
            if sockets.is_empty() {
                self.bound.remove(&at);
            }
        }
    }

    pub(crate) fn expire(&mut self, socket: u64, until: Instant) {
        if let Some(found) = self.all.get_mut(&socket) {
            found.until = Some(until);
        }
    }

    pub(crate) fn answer(&mut self, socket: u64, owner: Owner, verdict: Verdict) {
        if let Some(found) = self.all.get_mut(&socket) {
            (found.owner, found.verdict) = (owner, Some(verdict));
        }
    }

    /// Lists the ports of this machine at which packets of a socket may wait.
    pub(crate) fn ports(&self, socket: u64) -> BTreeSet<u16> {
        let Some(found) = self.all.get(&socket) else { return BTreeSet::new() };
        let linked = found.links.iter().map(|key| key.client.port());
        linked.chain(found.local.map(|local| local.port())).collect()
    }

    /// Closes the socket of an endpoint, and returns it if it was open.
    ///
    /// What is not known yet is closed as soon as it is.
    pub(crate) fn close(&mut self, endpoint: Endpoint, at: Ticks) -> Option<u64> {
        let known = self.endpoints.get(&endpoint).copied();
        let known = known.and_then(|socket| Some((socket, self.all.get_mut(&socket)?)));
        match known {
            Some((socket, found)) if found.opened <= at => {
                let was_open = !std::mem::replace(&mut found.closed, true);
                self.closed.insert(socket);
                was_open.then_some(socket)
            }
            // The news is of an earlier socket with that number.
            Some(_) => None,
            None => {
                self.closed_early.push_back((endpoint, at));
                if self.closed_early.len() > MAX_CLOSED_EARLY {
                    self.closed_early.pop_front();
                }
                None
            }
        }
    }

    /// Says when a socket that was opened then has been closed, if that was heard before.
    pub(crate) fn closed_early(&mut self, endpoint: Endpoint, opened: Ticks) -> Option<Ticks> {
        let fits = |(other, at): &(Endpoint, Ticks)| *other == endpoint && *at >= opened;
        let index = self.closed_early.iter().position(fits)?;
        self.closed_early.remove(index).map(|(_, at)| at)
    }

    /// Says whose a packet is that a program of this machine sends.
    ///
    /// A TCP socket is found only until its one connection has [begun](Self::begin).
    pub(crate) fn sender(&self, key: &FlowKey) -> Found {
        if let Some(socket) = self.connected.get(key)
            && let Some(found) = self.all.get(socket)
            && !found.used
        {
            // A datagram may be of who has the port by now.
            let newer = match key.transport {
                Transport::Udp if found.closed => self.at(key.transport, key.client),
                Transport::Tcp | Transport::Udp => Found::Nobody,
            };
            return if newer == Found::Nobody { found.found(*socket) } else { newer };
        }
        match key.transport {
            Transport::Tcp => Found::Nobody,
            Transport::Udp => self.at(key.transport, key.client),
        }
    }

    /// Says whose a packet is that a program of this machine is to receive.
    pub(crate) fn receiver(&self, key: &FlowKey) -> Found {
        self.at(key.transport, key.server)
    }

    /// Notes that the connection of a TCP socket has begun.
    pub(crate) fn begin(&mut self, socket: u64) {
        if let Some(found) = self.all.get_mut(&socket)
            && found.transport == Transport::Tcp
        {
            found.used = found.local.is_none();
        }
    }

    /// Finds who has that address: open before closed, and the most exact binding.
    ///
    /// Of several that share it nothing is said unless they agree.
    fn at(&self, transport: Transport, addr: SocketAddr) -> Found {
        let sockets = self.bound.get(&(transport, addr.port()));
        let fits = sockets.into_iter().flatten().filter_map(|socket| {
            let found = self.all.get(socket)?;
            let fit = fit(found.local?.ip(), addr.ip())?;
            Some(((!found.closed, fit), *socket, found))
        });
        let fits: Vec<_> = fits.collect();
        let Some(best) = fits.iter().map(|(rank, ..)| *rank).max() else { return Found::Nobody };
        let mut best = fits.iter().filter(|(rank, ..)| *rank == best);
        // Closed ones do not share: the address was each one's for a time, and the last one's last.
        let Some((rank, socket, last)) = best.next_back() else { return Found::Nobody };
        let agree = best.all(|(_, _, other)| other.verdict == last.verdict);
        if !rank.0 || agree { last.found(*socket) } else { Found::Nobody }
    }
}

impl Socket {
    fn found(&self, socket: u64) -> Found {
        let owner = self.owner;
        self.verdict.map_or(Found::Asked, |verdict| Found::Known { socket, owner, verdict })
    }
}

/// Says how well a bound address fits: an exact one best, the other family's wildcard least.
fn fit(bound: IpAddr, addr: IpAddr) -> Option<u8> {
    match bound {
        _ if bound == addr => Some(3),
        _ if !bound.is_unspecified() => None,
        IpAddr::V4(_) => addr.is_ipv4().then_some(2),
        IpAddr::V6(_) => Some(if addr.is_ipv6() { 2 } else { 1 }),
    }
}
