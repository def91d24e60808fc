//! Accepting connections from several listeners in turn.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Sleep, sleep};

/// How long accepting rests when there is no descriptor left for a connection.
const REST: Duration = Duration::from_millis(50);

/// Listeners that are asked in turn.
#[derive(Debug)]
pub(super) struct Accepting {
    listeners: Vec<TcpListener>,
    rest: Option<Pin<Box<Sleep>>>,
    /// The system has nothing to give, and that was told.
    scarce: bool,
}

impl Accepting {
    /// Registers these listeners with the current runtime.
    pub(super) fn new(listeners: Vec<OwnedFd>) -> io::Result<Self> {
        let listen = |fd| TcpListener::from_std(std::net::TcpListener::from(fd));
        let listeners = listeners.into_iter().map(listen).collect::<io::Result<_>>()?;
        Ok(Self { listeners, rest: None, scarce: false })
    }

    /// Listens no more.
    pub(super) fn close(&mut self) {
        self.listeners.clear();
    }

    pub(super) fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<(TcpStream, SocketAddr)> {
        if let Some(rest) = &mut self.rest {
            ready!(rest.as_mut().poll(cx));
            self.rest = None;
        }
        for index in 0..self.listeners.len() {
            while let Poll::Ready(accepted) = self.listeners[index].poll_accept(cx) {
                match accepted {
                    Ok(accepted) => {
                        self.scarce = false;
                        // The other family is asked first the next time.
                        self.listeners.rotate_left(1);
                        return Poll::Ready(accepted);
                    }
                    // The client has gone again before it was its turn.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    Err(error) => {
                        if !std::mem::replace(&mut self.scarce, true) {
                            tracing::warn!(%error, "new connections wait");
                        }
                        self.rest = Some(Box::pin(sleep(REST)));
                        return self.poll_accept(cx);
                    }
                }
            }
        }
        Poll::Pending
    }
}
