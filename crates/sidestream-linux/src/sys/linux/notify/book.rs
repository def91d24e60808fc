//! What is known of the connections that were led to us.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sidestream_flow::Process;
use tokio::sync::Notify;

/// Who wanted to reach whom.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    pub(super) server: SocketAddr,
    /// The address that the client would have.
    pub(super) source: IpAddr,
    pub(super) process: Option<Arc<Process>>,
}

/// Both ends of a connection as its client shall see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
}

/// The facts, by the addresses that the kernel knows.
#[derive(Debug, Default)]
pub(super) struct Book {
    inner: Mutex<Inner>,
    /// Rings when a fact is noted for which a connection may wait.
    pub(super) news: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// By the client's address. As a port is used again its entry is replaced, so that there are
    /// no more than there are ports.
    tcp: HashMap<SocketAddr, (Fact, bool)>,
    /// How many connections have been made that nobody accepted yet.
    waiting: usize,
    /// By the address of the relay.
    udp: HashMap<SocketAddr, Relayed>,
    /// By the client's socket and the server.
    pairs: HashMap<(u64, SocketAddr), SocketAddr>,
    /// How many relays each client's socket has.
    cookies: HashMap<u64, usize>,
    /// By the number of a socket that we can no more ask.
    inodes: HashMap<u64, (Names, i32)>,
}

/// A relay of datagrams.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relayed {
    /// The socket of the client.
    pub(super) cookie: u64,
    /// Its address.
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    pub(super) source: IpAddr,
}

impl Book {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a connection that a client has just made.
    pub(super) fn note(&self, client: SocketAddr, fact: Fact) {
        let mut inner = self.lock();
        // One that was never accepted had gone again.
        let replaced = inner.tcp.insert(client, (fact, true));
        inner.waiting += usize::from(!replaced.is_some_and(|(_, fresh)| fresh));
        drop(inner);
        self.news.notify_one();
    }

    /// Takes the fact of a connection that was accepted; each is given once, as a stranger may
    /// have the same port later.
    pub(super) fn take(&self, client: SocketAddr) -> Option<Fact> {
        let mut inner = self.lock();
        let (fact, fresh) = inner.tcp.get_mut(&client)?;
        let fact = std::mem::take(fresh).then(|| fact.clone())?;
        inner.waiting = inner.waiting.saturating_sub(1);
        Some(fact)
    }

    /// Returns how many connections wait to be accepted.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    /// Returns how a client that is connected to one of our listeners sees its connection.
    pub(super) fn stream(&self, client: SocketAddr) -> Option<Names> {
        let inner = self.lock();
        let (fact, _) = inner.tcp.get(&client)?;
        Some(Names { local: SocketAddr::new(fact.source, client.port()), peer: fact.server })
    }

    /// Returns how a client that is connected to that relay sees its connection.
    pub(super) fn datagrams(&self, relay: SocketAddr) -> Option<Names> {
        let relayed = *self.lock().udp.get(&relay)?;
        let local = SocketAddr::new(relayed.source, relayed.client.port());
        Some(Names { local, peer: relayed.server })
    }

    /// Returns the relay from a socket at that address to that server.
    pub(super) fn relay(
        &self,
        cookie: u64,
        client: SocketAddr,
        server: SocketAddr,
    ) -> Option<SocketAddr> {
        let inner = self.lock();
        let relay = *inner.pairs.get(&(cookie, server))?;
        inner.udp.get(&relay).filter(|relayed| relayed.client == client).map(|_| relay)
    }

    pub(super) fn note_relay(&self, relay: SocketAddr, relayed: Relayed) {
        let mut inner = self.lock();
        inner.pairs.insert((relayed.cookie, relayed.server), relay);
        *inner.cookies.entry(relayed.cookie).or_default() += 1;
        inner.udp.insert(relay, relayed);
    }

    /// Whether anything is led to us from that socket.
    pub(super) fn has_relay(&self, cookie: u64) -> bool {
        self.lock().cookies.contains_key(&cookie)
    }

    /// Forgets a relay that is closed.
    pub(super) fn forget_relay(&self, relay: SocketAddr) {
        let mut inner = self.lock();
        let Some(Relayed { cookie, server, .. }) = inner.udp.remove(&relay) else { return };
        if inner.pairs.get(&(cookie, server)) == Some(&relay) {
            inner.pairs.remove(&(cookie, server));
        }
        if let Entry::Occupied(mut count) = inner.cookies.entry(cookie) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    /// Notes how a socket sees its connection that we let go of.
    pub(super) fn note_inode(&self, inode: u64, names: Names, domain: i32) {
        self.lock().inodes.insert(inode, (names, domain));
    }

    /// Returns the names, and the domain of the socket.
    pub(super) fn inode(&self, inode: u64) -> Option<(Names, i32)> {
        self.lock().inodes.get(&inode).copied()
    }

    pub(super) fn inodes(&self) -> Vec<u64> {
        self.lock().inodes.keys().copied().collect()
    }

    pub(super) fn retain_inodes(&self, held: &dyn Fn(u64) -> bool) {
        self.lock().inodes.retain(|inode, _| held(*inode));
    }
}
