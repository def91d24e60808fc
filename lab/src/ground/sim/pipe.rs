//! Connections in memory that end, half-close and reset as TCP's do.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf as _, Bytes};
use sidestream_capture::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::way::{SEGMENT, Way};

/// How much may be under way, or unread, in one direction.
const WINDOW: usize = 256 * 1024;

/// One end of a connection.
pub(super) struct End {
    inbound: Arc<Pipe>,
    outbound: Arc<Pipe>,
    sleep: Pin<Box<Sleep>>,
    addr: SocketAddr,
}

/// One direction of a connection.
struct Pipe(Mutex<Inner>);

struct Inner {
    way: Way,
    queue: VecDeque<(Instant, Piece)>,
    /// How many bytes are in the queue.
    bytes: usize,
    /// Before that nothing more arrives.
    last: Instant,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// The sender has ended.
    is_ended: bool,
    /// Nobody will read.
    is_gone: bool,
}

enum Piece {
    Bytes(Bytes),
    End,
    Reset,
}

/// Makes a connection: the end of whoever opened it, and the other. What the other sends arrives
/// when the opener knows that it is there.
pub(super) fn pair(ways: [Way; 2], addrs: [SocketAddr; 2], established: Instant) -> (End, End) {
    let [out, back] = ways;
    let (out, back) = (Pipe::new(out, established), Pipe::new(back, established));
    let end = |inbound: &Arc<Pipe>, outbound: &Arc<Pipe>, addr| End {
        inbound: Arc::clone(inbound),
        outbound: Arc::clone(outbound),
        sleep: Box::pin(sleep_until(established)),
        addr,
    };
    (end(&back, &out, addrs[0]), end(&out, &back, addrs[1]))
}

impl Pipe {
    fn new(way: Way, last: Instant) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Inner {
            way,
            queue: VecDeque::new(),
            bytes: 0,
            last,
            reader: None,
            writer: None,
            is_ended: false,
            is_gone: false,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Sends something, which arrives behind all that was sent before.
    fn push(&mut self, piece: Piece, len: usize) {
        self.last = self.last.max(self.way.segment(len));
        self.queue.push_back((self.last, piece));
        self.bytes += len;
        wake(&mut self.reader);
    }

    fn send(&mut self, bytes: &[u8]) {
        let size = if self.way.is_perfect() { bytes.len() } else { SEGMENT };
        for segment in bytes.chunks(size.max(1)) {
            self.push(Piece::Bytes(Bytes::copy_from_slice(segment)), segment.len());
        }
    }

    fn end(&mut self) {
        if !self.is_ended {
            self.is_ended = true;
            self.push(Piece::End, 0);
        }
    }

    fn reset(&mut self) {
        self.is_ended = true;
        self.push(Piece::Reset, 0);
    }

    /// Nobody will read any more.
    fn leave(&mut self) {
        self.is_gone = true;
        wake(&mut self.writer);
    }

    /// Returns whether a reset has arrived.
    fn is_reset(&self) -> bool {
        let reset = self.queue.back().filter(|(_, piece)| matches!(piece, Piece::Reset));
        reset.is_some_and(|(at, _)| *at <= Instant::now())
    }

    fn has_unread(&self) -> bool {
        self.queue.iter().any(|(_, piece)| matches!(piece, Piece::Bytes(_)))
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut pipe = this.inbound.lock();
        let now = Instant::now();
        let before = buf.filled().len();
        while buf.remaining() > 0
            && let Some((at, piece)) = pipe.queue.front_mut()
            && *at <= now
        {
            match piece {
                Piece::Bytes(bytes) => {
                    let len = bytes.len().min(buf.remaining());
                    buf.put_slice(&bytes[..len]);
                    bytes.advance(len);
                    let is_empty = bytes.is_empty();
                    pipe.bytes -= len;
                    if is_empty {
                        pipe.queue.pop_front();
                    }
                }
                _ if buf.filled().len() > before => break,
                Piece::End => return Poll::Ready(Ok(())),
                Piece::Reset => return Poll::Ready(Err(ErrorKind::ConnectionReset.into())),
            }
        }
        if buf.filled().len() > before || buf.remaining() == 0 {
            wake(&mut pipe.writer);
            return Poll::Ready(Ok(()));
        }
        pipe.reader = Some(cx.waker().clone());
        if let Some((at, _)) = pipe.queue.front() {
            this.sleep.as_mut().reset(*at);
            if this.sleep.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = self.outbound.lock();
        if pipe.is_ended || self.inbound.lock().is_reset() {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        if pipe.is_gone {
            // What comes to where nobody is any more is answered by a reset.
            let mut inbound = self.inbound.lock();
            if !inbound.queue.iter().any(|(_, piece)| matches!(piece, Piece::Reset)) {
                inbound.last = inbound.last.max(pipe.way.segment(bytes.len()));
                inbound.reset();
            }
            return Poll::Ready(Ok(bytes.len()));
        }
        let len = bytes.len().min(WINDOW.saturating_sub(pipe.bytes));
        if len == 0 && !bytes.is_empty() {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        pipe.send(&bytes[..len]);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outbound.lock().end();
        Poll::Ready(Ok(()))
    }
}

impl Stream for End {
    fn reset(self: Box<Self>) {
        self.outbound.lock().reset();
        // What was not read is forgotten, so that dropping it resets no second time.
        self.inbound.lock().queue.clear();
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        Some(self.addr)
    }
}

/// Closes as a kernel does: in good order, or by a reset if something was left unread.
impl Drop for End {
    fn drop(&mut self) {
        let mut inbound = self.inbound.lock();
        inbound.leave();
        let has_unread = inbound.has_unread();
        drop(inbound);
        let mut outbound = self.outbound.lock();
        if has_unread {
            outbound.reset();
        } else {
            outbound.end();
        }
    }
}
