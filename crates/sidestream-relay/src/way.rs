//! One direction of a relay: from one end to the other.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tracing::trace;

use crate::ends::Pair;
use crate::sys::{Moved, Pipe};

/// How many bytes are copied at once, by way of the stack: what waits in the kernel needs no
/// buffer here.
const COPY_BYTES: usize = 64 * 1024;

/// How many bytes are copied before splicing begins: less is not worth a pipe.
const SPLICE_AFTER: u64 = 100 * 1024;

/// A direction.
#[derive(Debug)]
pub(crate) struct Way {
    /// How many bytes came.
    pub(crate) came: u64,
    /// Bytes that came and were not taken yet.
    kept: Bytes,
    /// Holds bytes, or is there for the next ones.
    pipe: Option<Pipe>,
    /// After how many bytes splicing is tried; `u64::MAX` once it has turned out not to work.
    splice_after: u64,
    /// Something was written since the end was last flushed.
    unflushed: bool,
    state: State,
    /// The sender is broken: its end is none that the receiver is to be told of.
    broken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The sender has ended, the receiver is to be told.
    Ending,
    Over,
}

/// Which end of a direction is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Sender,
    Receiver,
}

impl Way {
    pub(crate) const fn new() -> Self {
        Self {
            came: 0,
            kept: Bytes::new(),
            pipe: None,
            splice_after: SPLICE_AFTER,
            unflushed: false,
            state: State::Open,
            broken: false,
        }
    }

    /// Has something wait already, which is not counted.
    pub(crate) fn keep(&mut self, early: Bytes) {
        self.kept = early;
    }

    /// Takes nothing more from the sender; what waits already is still delivered.
    pub(crate) fn end(&mut self, is_told: bool) {
        self.state = if is_told { State::Over } else { State::Ending };
    }

    /// Returns whether the sender has ended.
    pub(crate) fn is_ending(&self) -> bool {
        self.state != State::Open
    }

    /// Returns whether nothing more will go this way.
    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Over && !self.holds()
    }

    /// Returns whether something waits for the receiver.
    pub(crate) fn holds(&self) -> bool {
        !self.kept.is_empty() || self.pipe.as_ref().is_some_and(|pipe| pipe.len() > 0)
    }

    /// Has the receiver not be told of the sender's end, but of its reset, which comes then.
    pub(crate) fn mute(&mut self) {
        self.broken = true;
    }

    /// Gives up: what waits is dropped.
    pub(crate) fn give_up(&mut self) {
        self.kept = Bytes::new();
        // One with something in it is closed.
        self.put_pipe_back();
        self.state = State::Over;
    }

    /// Moves what can be moved; it is ready once the sender has ended and the receiver was told.
    pub(crate) fn poll<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        mut pair: Pair<'_, S>,
    ) -> Poll<Result<(), Broken>> {
        loop {
            if self.holds() {
                ready!(self.poll_deliver(cx, &mut pair)).or(Err(Broken::Receiver))?;
                continue;
            }
            match self.state {
                State::Open => ready!(self.poll_move(cx, &mut pair))?,
                State::Ending if self.broken => self.state = State::Over,
                State::Ending => {
                    let shut = Pin::new(&mut *pair.to).poll_shutdown(cx);
                    ready!(shut).or(Err(Broken::Receiver))?;
                    self.state = State::Over;
                }
                State::Over => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Writes some of what waits.
    fn poll_deliver<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        pair: &mut Pair<'_, S>,
    ) -> Poll<io::Result<()>> {
        if !self.kept.is_empty() {
            let written = ready!(Pin::new(&mut *pair.to).poll_write(cx, &self.kept))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.kept.advance(written);
            self.unflushed = true;
            if self.kept.is_empty() {
                self.kept = Bytes::new();
            }
            return Poll::Ready(Ok(()));
        }
        let (Some(pipe), Some(socket)) = (&mut self.pipe, pair.receiver()) else {
            return Poll::Ready(Ok(()));
        };
        ready!(socket.poll_write_ready(cx))?;
        match pipe.drain(socket) {
            Ok(Moved::Bytes(_)) => {}
            Ok(Moved::Unable) => {
                trace!("a connection cannot be spliced");
                self.kept = pipe.read()?.into();
                self.splice_after = u64::MAX;
            }
            // It was not ready after all, and is waited for next time.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
        Poll::Ready(Ok(()))
    }

    /// Takes the next bytes and passes on what the receiver takes at once. If none are there,
    /// nothing is held.
    fn poll_move<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        pair: &mut Pair<'_, S>,
    ) -> Poll<Result<(), Broken>> {
        let is_worth_it = self.came >= self.splice_after && pair.receiver().is_some();
        let moved = match pair.sender().filter(|_| is_worth_it) {
            Some(socket) => self.poll_fill(cx, socket),
            None => self.poll_copy(cx, pair),
        };
        if moved.is_pending() {
            self.rest(cx, pair.to);
        }
        moved
    }

    /// Lets go of what is not needed while nothing comes.
    fn rest<S: AsyncWrite + Unpin>(&mut self, cx: &mut Context<'_>, to: &mut S) {
        self.put_pipe_back();
        if self.unflushed {
            // A flush that takes long, or fails, is seen by the next write.
            self.unflushed = Pin::new(to).poll_flush(cx).is_pending();
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, socket: &TcpStream) -> Poll<Result<(), Broken>> {
        ready!(socket.poll_read_ready(cx)).or(Err(Broken::Sender))?;
        if self.pipe.is_none() {
            self.pipe = Pipe::take();
        }
        let Some(pipe) = &mut self.pipe else {
            // Others have all the pipes at the moment.
            self.splice_after = self.came + SPLICE_AFTER;
            return Poll::Ready(Ok(()));
        };
        match pipe.fill(socket) {
            Ok(Moved::Bytes(0)) => {
                self.state = State::Ending;
                self.put_pipe_back();
            }
            Ok(Moved::Bytes(bytes)) => self.came += bytes as u64,
            Ok(Moved::Unable) => {
                trace!("a connection cannot be spliced");
                self.splice_after = u64::MAX;
                self.put_pipe_back();
            }
            // It was not ready after all, and is waited for next time.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_broken) => return Poll::Ready(Err(Broken::Sender)),
        }
        Poll::Ready(Ok(()))
    }

    fn put_pipe_back(&mut self) {
        if let Some(pipe) = self.pipe.take() {
            pipe.put_back();
        }
    }

    fn poll_copy<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        pair: &mut Pair<'_, S>,
    ) -> Poll<Result<(), Broken>> {
        let mut bytes = [MaybeUninit::uninit(); COPY_BYTES];
        let mut buf = ReadBuf::uninit(&mut bytes);
        ready!(Pin::new(&mut *pair.from).poll_read(cx, &mut buf)).or(Err(Broken::Sender))?;
        let mut came = buf.filled();
        if came.is_empty() {
            self.state = State::Ending;
            return Poll::Ready(Ok(()));
        }
        self.came += came.len() as u64;
        // What is written at once needs no buffer.
        match Pin::new(&mut *pair.to).poll_write(cx, came) {
            Poll::Ready(Ok(written @ 1..)) => {
                self.unflushed = true;
                came = &came[written..];
            }
            Poll::Ready(_) => return Poll::Ready(Err(Broken::Receiver)),
            Poll::Pending => {}
        }
        self.kept = Bytes::copy_from_slice(came);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.put_pipe_back();
    }
}
