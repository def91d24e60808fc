//! The driver of SOCKS clients: it is told by them where they want to get to.

mod associations;
mod client;
mod farewell;
pub(crate) mod flow;
mod losses;
mod pending;
pub(crate) mod queue;
pub(crate) mod relay;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use sidestream_capture::{Attribution, Capabilities, Capture, Incoming, Refusal};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::warn;

use self::associations::Associations;
use self::client::Outcome;
pub use self::losses::Losses;
use crate::BindError;
use crate::explicit::Lookup;
use crate::listeners::Listeners;
use crate::socks::Credentials;

/// How the flows of this driver are named to the user.
const VIA: &str = "socks5";

/// How many clients may be saying what they want; more wait to be accepted.
const MAX_HANDSHAKES: usize = 4_096;

/// How many clients may have their datagrams relayed.
const MAX_ASSOCIATIONS: usize = 4_096;

/// How many connections may wait for the process behind them to be found.
const MAX_LOOKUPS: usize = 64;

/// Listens for clients that speak SOCKS: version 5 with CONNECT and UDP ASSOCIATE, and CONNECT of
/// versions 4 and 4a.
pub struct Socks5 {
    listeners: Listeners,
    clients: JoinSet<Outcome>,
    associations: Associations,
    shared: Arc<Shared>,
}

/// What all clients of a driver share.
struct Shared {
    credentials: Option<Arc<Credentials>>,
    lookup: Option<Arc<Lookup>>,
    lookups: Semaphore,
    relays: Arc<Semaphore>,
    losses: Arc<Losses>,
}

impl Socks5 {
    /// Listens on all of these addresses; an IPv6 address takes IPv6 only. Needs a tokio runtime.
    ///
    /// Clients that know these credentials are served; all are, if there are none.
    ///
    /// # Errors
    ///
    /// The first address that cannot be had; its message says what to do.
    pub fn bind(addrs: &[SocketAddr], credentials: Option<Credentials>) -> Result<Self, BindError> {
        Ok(Self::new(Listeners::bind(addrs)?, credentials.map(Arc::new), None))
    }

    /// Attributes clients on this machine to the process that `lookup` finds.
    ///
    /// It is called off the asynchronous threads, and may read files.
    pub fn with_lookup(self, lookup: Arc<Lookup>) -> Self {
        Self::new(self.listeners, self.shared.credentials.clone(), Some(lookup))
    }

    fn new(
        listeners: Listeners,
        credentials: Option<Arc<Credentials>>,
        lookup: Option<Arc<Lookup>>,
    ) -> Self {
        let losses = Arc::<Losses>::default();
        let lookups = Semaphore::new(MAX_LOOKUPS);
        let relays = Arc::new(Semaphore::new(MAX_ASSOCIATIONS));
        Self {
            listeners,
            clients: JoinSet::new(),
            associations: Associations::new(Arc::clone(&losses)),
            shared: Arc::new(Shared { credentials, lookup, lookups, relays, losses }),
        }
    }

    /// Returns the addresses on which it listens, with the ports that were taken.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.listeners.local_addrs()
    }

    /// Returns the counts of what clients sent and was not served.
    pub fn losses(&self) -> Arc<Losses> {
        Arc::clone(&self.shared.losses)
    }

    /// Polls for a client that has said what it wants.
    fn poll_clients(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        while let Poll::Ready(Some(outcome)) = self.clients.poll_join_next(cx) {
            match outcome {
                Ok(Outcome::Connect(incoming)) => return Poll::Ready(*incoming),
                Ok(Outcome::Associate(relay)) => self.associations.begin(*relay),
                Ok(Outcome::Gone) => {}
                Err(error) if error.is_cancelled() => {}
                // The look-up panicked, and took the connection with it.
                Err(error) => warn!(%error, "a client was lost"),
            }
        }
        Poll::Pending
    }
}

impl Capture for Socks5 {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        loop {
            if let Poll::Ready(incoming) = self.poll_clients(cx) {
                return Poll::Ready(Ok(Some(incoming)));
            }
            if let Poll::Ready(incoming) = self.associations.poll_flow(cx) {
                return Poll::Ready(Ok(Some(incoming)));
            }
            if self.listeners.are_closed() {
                return if self.clients.is_empty() { Poll::Ready(Ok(None)) } else { Poll::Pending };
            }
            if self.clients.len() >= MAX_HANDSHAKES {
                return Poll::Pending;
            }
            let Poll::Ready((stream, key)) = self.listeners.poll_accept(cx) else {
                return Poll::Pending;
            };
            self.clients.spawn(client::serve(stream, key, Arc::clone(&self.shared)));
        }
    }

    fn close(&mut self) -> bool {
        self.listeners.close();
        // Who has not asked for anything has nothing under way.
        self.clients.abort_all();
        self.associations.close();
        true
    }

    fn capabilities(&self) -> Capabilities {
        let known = self.shared.lookup.is_some();
        let attribution = if known { Attribution::Lookup } else { Attribution::None };
        Capabilities::default()
            .with_udp()
            .with_ipv6()
            .with_attribution(attribution)
            .with_refusal(Refusal::Same)
            .with_descriptors()
    }
}

impl fmt::Debug for Socks5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socks5").field("listeners", &self.listeners).finish_non_exhaustive()
    }
}
