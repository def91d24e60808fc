//! UDP: one association for each pair of client and server.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use sidestream_capture::{Association, Idle, poll_datagram};
use sidestream_flow::{FlowKey, Transport};
use tokio::io::unix::AsyncFd;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::link::Sockets;
use super::sockets::{bind, connect, readable, receive, udp_kind};

/// The largest UDP payload.
const MAX_DATAGRAM: usize = 65_535 - 8;

/// The most datagrams of one association that wait because they came before its socket was
/// there; more are dropped, as a full socket would.
const MAX_WAITING: usize = 256;

/// The most datagrams that are read in one go, so that connections have their turn.
const MAX_AT_ONCE: usize = 64;

/// The most associations that are alive at once; what would begin another is dropped.
const MAX_ASSOCIATIONS: usize = 16_384;

/// Gives sockets that speak from the addresses of others, in the network that is captured.
pub(super) trait Source: fmt::Debug + Send + Sync {
    fn take(&self, from: SocketAddr) -> io::Result<OwnedFd>;
}

impl Source for Sockets {
    fn take(&self, from: SocketAddr) -> io::Result<OwnedFd> {
        let socket = Self::take(self, udp_kind(from))?;
        bind(socket.as_fd(), from)?;
        Ok(socket)
    }
}

type Ends = (SocketAddr, SocketAddr);

/// The associations that are alive, by client and server.
type Alive = Arc<Mutex<HashMap<Ends, mpsc::Sender<Bytes>>>>;

thread_local! {
    /// A datagram as large as they get, once for each thread instead of for each association.
    static BUF: RefCell<Box<[u8]>> = RefCell::new(vec![0; MAX_DATAGRAM].into_boxed_slice());
}

/// Receives datagrams that belong to no association yet.
#[derive(Debug)]
pub(super) struct Datagrams {
    listeners: Vec<AsyncFd<OwnedFd>>,
    sockets: Arc<dyn Source>,
    alive: Alive,
    idle_timeout: Duration,
    /// That datagrams are lost was told.
    is_told: AtomicBool,
}

impl Datagrams {
    pub(super) fn new(
        listeners: Vec<OwnedFd>,
        sockets: Arc<dyn Source>,
        idle_timeout: Duration,
    ) -> io::Result<Self> {
        let listeners = listeners.into_iter().map(readable).collect::<io::Result<_>>()?;
        let (alive, is_told) = (Alive::default(), AtomicBool::new(false));
        Ok(Self { listeners, sockets, alive, idle_timeout, is_told })
    }

    /// Listens no more; associations that are alive go on.
    pub(super) fn close(&mut self) {
        self.listeners.clear();
    }

    /// Polls for new associations.
    pub(super) fn poll_flows(&mut self, cx: &mut Context<'_>) -> Poll<Vec<(FlowKey, UdpFlow)>> {
        let mut flows = Vec::new();
        let mut left = MAX_AT_ONCE;
        for index in 0..self.listeners.len() {
            while left > 0
                && let Poll::Ready(ready) = self.listeners[index].poll_read_ready(cx)
            {
                let Ok(mut ready) = ready else { break };
                let received = ready.try_io(|listener| receive_from(listener.as_fd()));
                match received {
                    Ok(Ok(Some((ends, bytes)))) => self.handle_datagram(ends, bytes, &mut flows),
                    Ok(Ok(None)) => {}
                    Ok(Err(error)) => tracing::debug!(%error, "a datagram cannot be received"),
                    Err(_would_block) => continue,
                }
                left -= 1;
            }
        }
        if left == 0 {
            cx.waker().wake_by_ref();
        }
        if flows.is_empty() { Poll::Pending } else { Poll::Ready(flows) }
    }

    fn handle_datagram(&self, ends: Ends, bytes: Bytes, flows: &mut Vec<(FlowKey, UdpFlow)>) {
        if let Some(waiting) = lock(&self.alive).get(&ends) {
            if let Err(error) = waiting.try_send(bytes) {
                tracing::debug!(%error, "a datagram is dropped");
            }
            return;
        }
        match self.open(ends, bytes, flows) {
            Ok(flow) => {
                let (client, server) = ends;
                flows.push((FlowKey { transport: Transport::Udp, client, server }, flow));
            }
            // Once: who sends them may go on as long as he likes.
            Err(error) if !self.is_told.swap(true, Ordering::Relaxed) => {
                tracing::warn!(%error, "a datagram is lost");
            }
            Err(error) => tracing::debug!(%error, "a datagram is lost"),
        }
    }

    fn open(
        &self,
        ends: Ends,
        first: Bytes,
        flows: &mut Vec<(FlowKey, UdpFlow)>,
    ) -> io::Result<UdpFlow> {
        let (client, server) = ends;
        if lock(&self.alive).len() >= MAX_ASSOCIATIONS {
            return Err(io::Error::other("there are 16,384 associations already"));
        }
        let socket = self.sockets.take(server)?;
        connect(socket.as_fd(), client)?;
        let (waiting, queue) = mpsc::channel(MAX_WAITING);
        // There is room: nothing else has been queued yet.
        _ = waiting.try_send(first);
        lock(&self.alive).insert(ends, waiting);
        // Between the two calls above it received what anybody sent to that server.
        while let Ok(Some(((from, _), bytes))) = receive_from(socket.as_fd()) {
            self.handle_datagram((from, server), bytes, flows);
        }
        let socket = UdpSocket::from_std(socket.into())?;
        let (alive, idle) = (Arc::clone(&self.alive), Idle::new(self.idle_timeout));
        Ok(UdpFlow { ends, socket, queue, alive, idle })
    }
}

fn lock(alive: &Alive) -> MutexGuard<'_, HashMap<Ends, mpsc::Sender<Bytes>>> {
    alive.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Receives one datagram and its ends; the original destination is missing on a socket that was
/// not told to say it.
fn receive_from(socket: std::os::fd::BorrowedFd<'_>) -> io::Result<Option<(Ends, Bytes)>> {
    BUF.with_borrow_mut(|buf| {
        let datagram = receive(socket, buf)?;
        let bytes = Bytes::copy_from_slice(buf.get(..datagram.len).unwrap_or_default());
        let to = datagram.to.unwrap_or(datagram.from);
        Ok(Some(((datagram.from, to), bytes)))
    })
}

/// A UDP flow of a captured program or host: a socket that speaks from the server's address.
#[derive(Debug)]
pub(super) struct UdpFlow {
    ends: Ends,
    socket: UdpSocket,
    /// What came before the socket was there.
    queue: mpsc::Receiver<Bytes>,
    alive: Alive,
    idle: Idle,
}

impl Association for UdpFlow {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        if let Poll::Ready(Some(bytes)) = self.queue.poll_recv(cx) {
            self.idle.note();
            return Poll::Ready(Ok(Some(bytes)));
        }
        if let Poll::Ready(received) = poll_datagram(&self.socket, cx) {
            self.idle.note();
            return Poll::Ready(received.map(Some));
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
        lock(&self.alive).remove(&self.ends);
    }
}
