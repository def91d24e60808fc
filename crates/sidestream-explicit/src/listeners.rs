//! The listeners of a driver, and the connections that they accept.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use sidestream_flow::{FlowKey, Transport};
use tokio::net::{TcpListener, TcpStream};
use tracing::warn;

use crate::backoff::Backoff;
use crate::bind::{BindError, listen};

/// Listens on several addresses, and goes on when the system has nothing left to accept with.
#[derive(Debug)]
pub(crate) struct Listeners {
    listeners: Vec<TcpListener>,
    turn: usize,
    backoff: Backoff,
}

impl Listeners {
    /// Listens on all of these addresses; an IPv6 address takes IPv6 only.
    pub(crate) fn bind(addrs: &[SocketAddr]) -> Result<Self, BindError> {
        let listeners = addrs.iter().map(|addr| listen(*addr)).collect::<Result<_, _>>()?;
        Ok(Self { listeners, turn: 0, backoff: Backoff::default() })
    }

    /// Returns where it listens, with the ports that were taken.
    pub(crate) fn local_addrs(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Listens no longer.
    pub(crate) fn close(&mut self) {
        self.listeners.clear();
    }

    /// Returns whether it listens nowhere.
    pub(crate) fn are_closed(&self) -> bool {
        self.listeners.is_empty()
    }

    /// Polls for a connection, and the sockets that are its ends.
    pub(crate) fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<(TcpStream, FlowKey)> {
        loop {
            if self.backoff.poll_ready(cx).is_pending() {
                return Poll::Pending;
            }
            let Poll::Ready(accepted) = self.poll_each(cx) else { return Poll::Pending };
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
    fn poll_each(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
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
}

fn prepare((stream, client): (TcpStream, SocketAddr)) -> io::Result<(TcpStream, FlowKey)> {
    // Without it small writes wait for the client's delayed acknowledgement.
    stream.set_nodelay(true)?;
    let server = stream.local_addr()?;
    Ok((stream, FlowKey { transport: Transport::Tcp, client, server }))
}

/// A client of this machine comes from loopback, or from the very address that it connected to.
pub(crate) fn is_local(key: &FlowKey) -> bool {
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
