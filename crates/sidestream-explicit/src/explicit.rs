//! The driver: listeners, and flows out of the connections they accept.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use sidestream_capture::{
    Accepted, Attribution, Capabilities, Capture, Destination, Egress, FlowInfo, Incoming, Kind,
    Refusal, Target,
};
use sidestream_flow::{FlowKey, Process};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tracing::warn;

use crate::bind::BindError;
use crate::listeners::{Listeners, is_local};

/// How the flows of this driver are named to the user.
const VIA: &str = "regular";

/// How many connections may wait for the process behind them to be found.
const MAX_LOOKUPS: usize = 64;

/// Finds the process that opened a flow from this machine; it may take its time.
pub type Lookup = dyn Fn(&FlowKey) -> Option<Arc<Process>> + Send + Sync;

/// Listens for clients that speak to a proxy.
pub struct Explicit {
    listeners: Listeners,
    via: &'static str,
    destination: Destination,
    /// Where all flows go, if not to whatever their requests name.
    server: Option<SocketAddr>,
    lookup: Option<Arc<Lookup>>,
    lookups: JoinSet<(TcpStream, FlowKey, Option<Arc<Process>>)>,
}

impl Explicit {
    /// Listens on all of these addresses; an IPv6 address takes IPv6 only. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// The first address that cannot be had; its message says what to do.
    pub fn bind(addrs: &[SocketAddr]) -> Result<Self, BindError> {
        let listeners = Listeners::bind(addrs)?;
        let (via, destination, lookups) = (VIA, Destination::Named, JoinSet::new());
        Ok(Self { listeners, via, destination, server: None, lookup: None, lookups })
    }

    /// Stands in for one server: all flows go there.
    #[must_use]
    pub fn with_server(self, server: &Target) -> Self {
        let (destination, server) = stand_in(server);
        Self { destination, server: Some(server), ..self }
    }

    /// Names the flows to the user by another mode than `regular`.
    #[must_use]
    pub fn with_via(self, via: &'static str) -> Self {
        Self { via, ..self }
    }

    /// Attributes clients on this machine to the process that `lookup` finds.
    ///
    /// It is called off the asynchronous threads, and may read files.
    pub fn with_lookup(self, lookup: Arc<Lookup>) -> Self {
        Self { lookup: Some(lookup), ..self }
    }

    /// Returns the addresses on which it listens, with the ports that were taken.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.listeners.local_addrs()
    }

    fn incoming(&self, stream: TcpStream, key: FlowKey, process: Option<Arc<Process>>) -> Incoming {
        let (destination, egress) = (self.destination.clone(), Egress::default());
        let key = FlowKey { server: self.server.unwrap_or(key.server), ..key };
        let info = FlowInfo { key, process, via: self.via, destination, egress, residual: None };
        Incoming { info, kind: Kind::Tcp(Box::new(Accepted(stream))) }
    }

    fn poll_lookups(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        while let Poll::Ready(Some(found)) = self.lookups.poll_join_next(cx) {
            match found {
                Ok((stream, key, process)) => {
                    return Poll::Ready(self.incoming(stream, key, process));
                }
                // The look-up panicked, and took the connection with it.
                Err(error) => warn!(%error, "a process look-up failed"),
            }
        }
        Poll::Pending
    }
}

impl Capture for Explicit {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        loop {
            if let Poll::Ready(incoming) = self.poll_lookups(cx) {
                return Poll::Ready(Ok(Some(incoming)));
            }
            if self.lookups.len() >= MAX_LOOKUPS {
                return Poll::Pending;
            }
            if self.listeners.are_closed() {
                return if self.lookups.is_empty() { Poll::Ready(Ok(None)) } else { Poll::Pending };
            }
            let Poll::Ready((stream, key)) = self.listeners.poll_accept(cx) else {
                return Poll::Pending;
            };
            match &self.lookup {
                Some(lookup) if is_local(&key) => {
                    let lookup = Arc::clone(lookup);
                    self.lookups.spawn_blocking(move || {
                        let process = lookup(&key);
                        (stream, key, process)
                    });
                }
                _ => return Poll::Ready(Ok(Some(self.incoming(stream, key, None)))),
            }
        }
    }

    fn close(&mut self) -> bool {
        self.listeners.close();
        true
    }

    fn capabilities(&self) -> Capabilities {
        let attribution =
            if self.lookup.is_some() { Attribution::Lookup } else { Attribution::None };
        Capabilities::default()
            .with_ipv6()
            .with_attribution(attribution)
            .with_refusal(Refusal::Reset)
            .with_descriptors()
    }
}

impl fmt::Debug for Explicit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explicit").field("listeners", &self.listeners).finish_non_exhaustive()
    }
}

/// Words where all flows go as a flow has it: a name is left to whoever dials.
pub(crate) fn stand_in(server: &Target) -> (Destination, SocketAddr) {
    match server {
        Target::Addr(addr) => (Destination::Original, *addr),
        Target::Name(name, port) => {
            let unknown = (Ipv4Addr::UNSPECIFIED, *port).into();
            (Destination::Host(name.as_str().into()), unknown)
        }
    }
}
