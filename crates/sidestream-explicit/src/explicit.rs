//! The driver: listeners, and flows out of the connections they accept.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use sidestream_capture::{
    Accepted, Attribution, Capabilities, Capture, Destination, Egress, FlowInfo, Incoming, Kind,
    Refusal,
};
use sidestream_flow::{FlowKey, Process, Transport};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tracing::warn;

use crate::backoff::Backoff;
use crate::bind::{BindError, listen};

/// How the flows of this driver are named to the user.
const VIA: &str = "regular";

/// How many connections may wait for the process behind them to be found.
const MAX_LOOKUPS: usize = 64;

/// Finds the process that opened a flow from this machine; it may take its time.
pub type Lookup = dyn Fn(&FlowKey) -> Option<Arc<Process>> + Send + Sync;

/// Listens for clients that speak to a proxy.
pub struct Explicit {
    listeners: Vec<TcpListener>,
    turn: usize,
    backoff: Backoff,
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
        Ok(Self {
            listeners: addrs.iter().map(|addr| listen(*addr)).collect::<Result<_, _>>()?,
            turn: 0,
            backoff: Backoff::default(),
            lookup: None,
            lookups: JoinSet::new(),
        })
    }

    /// Attributes clients on this machine to the process that `lookup` finds.
    ///
    /// It is called off the asynchronous threads, and may read files.
    pub fn with_lookup(self, lookup: Arc<Lookup>) -> Self {
        Self { lookup: Some(lookup), ..self }
    }

    /// Returns the addresses on which it listens, with the ports that were taken.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<(TcpStream, FlowKey)> {
        loop {
            if self.backoff.poll_ready(cx).is_pending() {
                return Poll::Pending;
            }
            let Poll::Ready(accepted) = self.poll_listeners(cx) else { return Poll::Pending };
            match accepted.and_then(prepare) {
                Ok(accepted) => {
                    self.backoff.succeeded();
                    return Poll::Ready(accepted);
                }
                Err(error) if is_of_one_connection(&error) => {}
                // No descriptors, no memory: flows that end give them back.
                Err(error) => {
                    let wait = self.backoff.begin();
                    warn!(%error, ?wait, "cannot accept");
                }
            }
        }
    }

    /// Asks each listener, the one after the last that had something first.
    fn poll_listeners(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let count = self.listeners.len();
        for step in 0..count {
            let index = (self.turn + step) % count;
            if let Poll::Ready(accepted) = self.listeners[index].poll_accept(cx) {
                self.turn = index + 1;
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }

    fn poll_lookups(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        while let Poll::Ready(Some(found)) = self.lookups.poll_join_next(cx) {
            match found {
                Ok((stream, key, process)) => return Poll::Ready(incoming(stream, key, process)),
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
            if self.listeners.is_empty() {
                return if self.lookups.is_empty() { Poll::Ready(Ok(None)) } else { Poll::Pending };
            }
            let Poll::Ready((stream, key)) = self.poll_accept(cx) else { return Poll::Pending };
            match &self.lookup {
                Some(lookup) if is_local(&key) => {
                    let lookup = Arc::clone(lookup);
                    self.lookups.spawn_blocking(move || {
                        let process = lookup(&key);
                        (stream, key, process)
                    });
                }
                _ => return Poll::Ready(Ok(Some(incoming(stream, key, None)))),
            }
        }
    }

    fn close(&mut self) -> bool {
        self.listeners.clear();
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

fn prepare((stream, client): (TcpStream, SocketAddr)) -> io::Result<(TcpStream, FlowKey)> {
    // Without it small writes wait for the client's delayed acknowledgement.
    stream.set_nodelay(true)?;
    let server = stream.local_addr()?;
    Ok((stream, FlowKey { transport: Transport::Tcp, client, server }))
}

/// A client of this machine comes from loopback, or from the very address that it connected to.
fn is_local(key: &FlowKey) -> bool {
    key.client.ip().is_loopback() || key.client.ip() == key.server.ip()
}

/// Returns whether an error of accepting tells only that one client went away meanwhile
/// (accept(2) passes on network errors of the new connection, and so do its first options).
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionRefused
            | Kind::ConnectionReset
            | Kind::HostUnreachable
            | Kind::Interrupted
            | Kind::InvalidInput
            | Kind::NetworkDown
            | Kind::NetworkUnreachable
            | Kind::NotConnected
    )
}

fn incoming(stream: TcpStream, key: FlowKey, process: Option<Arc<Process>>) -> Incoming {
    let (destination, egress) = (Destination::Named, Egress::default());
    let info = FlowInfo { key, process, via: VIA, destination, egress, residual: None };
    Incoming { info, kind: Kind::Tcp(Box::new(Accepted(stream))) }
}
