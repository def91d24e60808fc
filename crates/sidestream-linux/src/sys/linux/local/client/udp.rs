//! UDP: one socket for each association, connected to the captured program's.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use sidestream_capture::{Association, Idle, poll_datagram};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep};

use super::room::Seat;

/// The most datagrams of one association that wait because they came before its socket was
/// there; more are dropped, as a full socket would.
const MAX_WAITING: usize = 256;

/// How long the first datagram is waited for; it was sent together with the flow.
const PRIMING: Duration = Duration::from_secs(1);

/// A UDP flow of a captured program.
#[derive(Debug)]
pub(super) struct UdpFlow {
    id: u64,
    socket: UdpSocket,
    /// What came before the socket was there; it is closed when the program has closed its own.
    queue: mpsc::Receiver<Bytes>,
    /// Until when the first datagram is waited for: it comes beside the socket, and what follows
    /// it must not overtake it.
    priming: Option<Pin<Box<Sleep>>>,
    closed: bool,
    idle: Idle,
    ended: mpsc::UnboundedSender<u64>,
    /// It is not told when there is a socket for the server, so room is kept to the end.
    _seat: Seat,
}

impl UdpFlow {
    /// Wraps a connected socket. What is sent into the queue is received first; dropping its
    /// sender ends the flow once the socket is empty. The end of the flow is told by its id.
    pub(super) fn new(
        id: u64,
        socket: OwnedFd,
        idle_timeout: Duration,
        ended: mpsc::UnboundedSender<u64>,
        seat: Seat,
    ) -> io::Result<(Self, mpsc::Sender<Bytes>)> {
        let socket = std::net::UdpSocket::from(socket);
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket)?;
        let (waiting, queue) = mpsc::channel(MAX_WAITING);
        let (priming, idle) = (Some(Box::pin(sleep(PRIMING))), Idle::new(idle_timeout));
        let flow = Self { id, socket, queue, priming, closed: false, idle, ended, _seat: seat };
        Ok((flow, waiting))
    }
}

impl Association for UdpFlow {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        if !self.closed {
            match self.queue.poll_recv(cx) {
                Poll::Ready(Some(bytes)) => {
                    self.priming = None;
                    self.idle.note();
                    return Poll::Ready(Ok(Some(bytes)));
                }
                Poll::Ready(None) => self.closed = true,
                Poll::Pending => {
                    if let Some(priming) = &mut self.priming {
                        ready!(priming.as_mut().poll(cx));
                        self.priming = None;
                    }
                }
            }
        }
        if let Poll::Ready(received) = poll_datagram(&self.socket, cx) {
            self.idle.note();
            return Poll::Ready(received.map(Some));
        }
        if self.closed {
            return Poll::Ready(Ok(None));
        }
        self.idle.poll_over(cx).map(|()| Ok(None))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        self.idle.note();
        self.socket.poll_send(cx, datagram).map_ok(|_sent| ())
    }
}

impl Drop for UdpFlow {
    fn drop(&mut self) {
        // The capture may be over.
        _ = self.ended.send(self.id);
    }
}
