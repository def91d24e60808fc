//! UDP: one socket for each association, connected to the captured program's.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use sidestream_capture::Association;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, sleep};

/// The largest UDP payload.
const MAX_DATAGRAM: usize = 65_535 - 8;

/// The most datagrams of one association that wait because they came before its socket was
/// there; more are dropped, as a full socket would.
const MAX_WAITING: usize = 256;

/// How long the first datagram is waited for; it was sent together with the flow.
const PRIMING: Duration = Duration::from_secs(1);

thread_local! {
    /// A datagram as large as they get, once for each thread instead of for each association.
    static BUF: RefCell<Box<[u8]>> = RefCell::new(vec![0; MAX_DATAGRAM].into_boxed_slice());
}

/// A UDP flow of a captured program.
#[derive(Debug)]
pub(super) struct UdpFlow {
    id: u64,
    socket: UdpSocket,
    /// What came before the socket was there; it is closed when the program has closed its own.
    queue: mpsc::Receiver<Bytes>,
    /// The first datagram was received, or is not waited for any more: it comes beside the
    /// socket, and what follows it must not overtake it.
    primed: bool,
    closed: bool,
    idle: Pin<Box<Sleep>>,
    /// When a datagram went either way.
    last: Instant,
    idle_timeout: Duration,
    ended: mpsc::UnboundedSender<u64>,
}

impl UdpFlow {
    /// Wraps a connected socket. What is sent into the queue is received first; dropping its
    /// sender ends the flow once the socket is empty. The end of the flow is told by its id.
    pub(super) fn new(
        id: u64,
        socket: OwnedFd,
        idle_timeout: Duration,
        ended: mpsc::UnboundedSender<u64>,
    ) -> io::Result<(Self, mpsc::Sender<Bytes>)> {
        let socket = std::net::UdpSocket::from(socket);
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket)?;
        let (waiting, queue) = mpsc::channel(MAX_WAITING);
        let (idle, last) = (Box::pin(sleep(PRIMING)), Instant::now());
        let (primed, closed) = (false, false);
        let flow = Self { id, socket, queue, primed, closed, idle, last, idle_timeout, ended };
        Ok((flow, waiting))
    }

    fn poll_socket(&self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        BUF.with_borrow_mut(|buf| {
            let mut buf = ReadBuf::new(buf);
            self.socket.poll_recv(cx, &mut buf).map_ok(|()| Bytes::copy_from_slice(buf.filled()))
        })
    }
}

impl Association for UdpFlow {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        if !self.closed {
            match self.queue.poll_recv(cx) {
                Poll::Ready(Some(bytes)) => {
                    self.primed = true;
                    self.last = Instant::now();
                    return Poll::Ready(Ok(Some(bytes)));
                }
                Poll::Ready(None) => self.closed = true,
                Poll::Pending if self.primed => {}
                Poll::Pending => {
                    ready!(self.idle.as_mut().poll(cx));
                    self.primed = true;
                }
            }
        }
        if let Poll::Ready(received) = self.poll_socket(cx) {
            self.last = Instant::now();
            return Poll::Ready(received.map(Some));
        }
        if self.closed {
            return Poll::Ready(Ok(None));
        }
        while self.idle.as_mut().poll(cx).is_ready() {
            let end = self.last + self.idle_timeout;
            if end <= Instant::now() {
                return Poll::Ready(Ok(None));
            }
            self.idle.as_mut().reset(end);
        }
        Poll::Pending
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        self.last = Instant::now();
        self.socket.poll_send(cx, datagram).map_ok(|_sent| ())
    }
}

impl Drop for UdpFlow {
    fn drop(&mut self) {
        // The capture may be over.
        _ = self.ended.send(self.id);
    }
}
