//! One connection of a flow: what was read from it, and what waits to be written to it.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use sidestream_capture::Stream;
use sidestream_relay::{Farewell, Sent};
use tokio::io::ReadBuf;
use tokio_util::io::poll_read_buf;
use tracing::trace;

/// How much may wait for one connection before the others are not read any more.
pub(crate) const HIGH_WATER: usize = 64 * 1024;

/// How much is read at once while more comes than [`FIRST_BYTES`].
const READ_BYTES: usize = 32 * 1024;

/// How much is read at first: on the stack, so that a connection on which nothing comes, or
/// little, holds no buffer.
const FIRST_BYTES: usize = 4 * 1024;

/// How many slices are written at once.
const SLICES: usize = 32;

/// What came from a connection.
#[derive(Debug)]
pub(crate) enum Came {
    Data(Bytes),
    Eof,
    Broken,
}

/// A connection.
pub(crate) struct Side {
    stream: Box<dyn Stream>,
    /// The last read filled its buffer, so a large one is worth it.
    much: bool,
    buf: BytesMut,
    queue: VecDeque<Bytes>,
    queued: usize,
    /// All that waited was written since it was last asked.
    drained: bool,
    shut: Shut,
    ended: bool,
    broken: bool,
    /// That it is broken was told.
    told: bool,
    /// Waits for what the peer said last that takes no more.
    farewell: Farewell,
}

/// A connection that is to be reset once what waits in it is on its way.
pub(crate) struct Leaving {
    side: Option<Side>,
    sent: Sent,
}

/// What a [`Side`] consists of.
pub(crate) struct Parts {
    pub(crate) stream: Box<dyn Stream>,
    /// What waits to be written.
    pub(crate) waiting: Bytes,
    /// The peer sends no more.
    pub(crate) ended: bool,
    /// The peer was told that no more will come.
    pub(crate) is_shut: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shut {
    No,
    Asked,
    Done,
}

impl Side {
    pub(crate) fn new(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            much: false,
            buf: BytesMut::new(),
            queue: VecDeque::new(),
            queued: 0,
            drained: false,
            shut: Shut::No,
            ended: false,
            broken: false,
            told: false,
            farewell: Farewell::new(),
        }
    }

    pub(crate) fn push(&mut self, bytes: Bytes) {
        if !self.broken {
            self.queued += bytes.len();
            self.queue.push_back(bytes);
        }
    }

    pub(crate) fn shutdown(&mut self) {
        if self.shut == Shut::No {
            self.shut = Shut::Asked;
        }
    }

    /// Returns whether nothing waits in it, and both may speak.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.ended && !self.broken && self.shut == Shut::No
    }

    /// Takes it apart, for somebody else to go on with.
    pub(crate) fn into_parts(self) -> Parts {
        let Self { stream, mut queue, ended, shut, .. } = self;
        let waiting = match queue.len() {
            0 | 1 => queue.pop_front().unwrap_or_default(),
            _ => queue.make_contiguous().concat().into(),
        };
        Parts { stream, waiting, ended, is_shut: shut == Shut::Done }
    }

    /// Returns whether it takes no more.
    pub(crate) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Resets the connection once what waits in it is on its way.
    pub(crate) fn reset(self) -> Leaving {
        Leaving { side: Some(self), sent: Sent::default() }
    }

    /// Returns whether all that waited was written since this was last asked.
    pub(crate) const fn take_drained(&mut self) -> bool {
        std::mem::replace(&mut self.drained, false)
    }

    pub(crate) const fn queued(&self) -> usize {
        self.queued
    }

    /// Reads once; after an end or a break there is nothing more.
    ///
    /// What a peer said last that takes no more is read as ever: the kernel has it, and keeps it.
    /// That nothing is there is not believed at once, for this process may not know of it yet.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Came> {
        if self.ended {
            return self.poll_broken();
        }
        let read = if self.much { self.poll_read_much(cx) } else { self.poll_read_first(cx) };
        match read {
            Poll::Ready(Ok(bytes)) if !bytes.is_empty() => return Poll::Ready(Came::Data(bytes)),
            Poll::Ready(Ok(_)) if !self.broken => {
                self.ended = true;
                return Poll::Ready(Came::Eof);
            }
            Poll::Ready(_) => {}
            Poll::Pending if self.broken => ready!(self.farewell.poll_over(cx)),
            Poll::Pending => return Poll::Pending,
        }
        self.ended = true;
        self.broken = true;
        self.poll_broken()
    }

    /// Tells once that a peer has gone of which nothing more will come.
    fn poll_broken(&mut self) -> Poll<Came> {
        if !self.broken || std::mem::replace(&mut self.told, true) {
            return Poll::Pending;
        }
        Poll::Ready(Came::Broken)
    }

    fn poll_read_first(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let mut first = [MaybeUninit::uninit(); FIRST_BYTES];
        let mut buf = ReadBuf::uninit(&mut first);
        ready!(Pin::new(&mut *self.stream).poll_read(cx, &mut buf))?;
        self.much = buf.remaining() == 0;
        Poll::Ready(Ok(Bytes::copy_from_slice(buf.filled())))
    }

    fn poll_read_much(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        self.buf.reserve(READ_BYTES);
        if poll_read_buf(Pin::new(&mut *self.stream), cx, &mut self.buf)?.is_pending() {
            self.much = false;
            self.buf = BytesMut::new();
            return Poll::Pending;
        }
        Poll::Ready(Ok(self.buf.split().freeze()))
    }

    /// Writes what waits, then closes the writing half if that was asked for.
    ///
    /// It is ready once nothing waits any more, or nothing more is taken.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.broken && !self.queue.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.queue.len().min(SLICES);
            for (slice, bytes) in slices.iter_mut().zip(&self.queue) {
                *slice = IoSlice::new(bytes);
            }
            let stream = Pin::new(&mut *self.stream);
            match ready!(stream.poll_write_vectored(cx, &slices[..count])) {
                Ok(0) => self.break_off(&io::ErrorKind::WriteZero.into()),
                Ok(written) => self.written(written),
                Err(error) => self.break_off(&error),
            }
        }
        if !self.broken && self.shut == Shut::Asked {
            let done = ready!(Pin::new(&mut *self.stream).poll_shutdown(cx));
            self.shut = Shut::Done;
            if let Err(error) = done {
                self.break_off(&error);
            }
        }
        Poll::Ready(())
    }

    fn written(&mut self, mut written: usize) {
        self.queued -= written;
        self.drained |= self.queued == 0;
        while let Some(first) = self.queue.front_mut() {
            if written < first.len() {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.queue.pop_front();
        }
    }

    fn break_off(&mut self, error: &io::Error) {
        trace!(%error, "cannot write");
        self.broken = true;
        self.queue.clear();
        self.queued = 0;
    }

    /// Returns whether nothing more will go either way.
    pub(crate) fn is_over(&self) -> bool {
        let is_shut = !self.broken && self.shut == Shut::Done;
        self.ended && self.queue.is_empty() && (self.told || is_shut)
    }

    /// Reads and forgets until the peer has ended.
    pub(crate) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.ended {
            if let Came::Eof | Came::Broken = ready!(self.poll_read(cx)) {
                break;
            }
        }
        Poll::Ready(())
    }
}

impl Leaving {
    /// Polls for the reset, for which nobody who takes nothing is waited for longer than for what
    /// the kernel still has to send.
    pub(crate) fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(side) = &mut self.side {
            if side.poll_write(cx).is_pending() {
                ready!(self.sent.poll_late(cx));
            } else if let Some(socket) = side.stream.socket().filter(|_| !side.broken) {
                ready!(self.sent.poll_sent(cx, socket));
            }
        }
        if let Some(side) = self.side.take() {
            side.stream.reset();
        }
        Poll::Ready(())
    }
}

impl Drop for Leaving {
    /// What waits is lost where nobody waits any longer.
    fn drop(&mut self) {
        if let Some(side) = self.side.take() {
            side.stream.reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::io::{AsyncRead, AsyncWrite};
    use tokio::time::{Instant, timeout};

    use super::*;

    const LONG: std::time::Duration = std::time::Duration::from_secs(3600);

    /// A peer that takes nothing, and says whether it was reset.
    struct Stuck(Arc<AtomicBool>);

    impl AsyncRead for Stuck {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Stuck {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl Stream for Stuck {
        fn reset(self: Box<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_reset_all_the_same() {
        let was_reset = Arc::new(AtomicBool::new(false));
        let mut side = Side::new(Box::new(Stuck(Arc::clone(&was_reset))));
        side.push(Bytes::from_static(b"last words"));
        let mut leaving = side.reset();
        let begin = Instant::now();
        timeout(LONG, poll_fn(|cx| leaving.poll_reset(cx))).await.unwrap();
        assert!(was_reset.load(Ordering::Relaxed));
        // It had its time to take them.
        assert!(begin.elapsed() >= std::time::Duration::from_secs(30));
    }
}
