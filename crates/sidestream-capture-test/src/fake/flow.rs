//! One end of a stream: what has come, what may be sent, and who waits.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use tokio::io::ReadBuf;

use super::frame::Reason;

/// How many bytes a side may send before the other has read any.
pub(super) const WINDOW: usize = 64 * 1024;

/// One end of a stream.
#[derive(Debug, Default)]
pub(super) struct Flow(Mutex<State>);

#[derive(Debug)]
struct State {
    /// What the driver answered, where this end is the client's.
    answer: Option<Result<(), Reason>>,
    inbox: VecDeque<Bytes>,
    /// How many bytes are in the inbox.
    waiting: usize,
    /// How many bytes the other side has room for.
    credit: usize,
    eof: bool,
    reset: bool,
    /// Nobody is there to write to.
    gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            answer: None,
            inbox: VecDeque::new(),
            waiting: 0,
            credit: WINDOW,
            eof: false,
            reset: false,
            gone: false,
            reader: None,
            writer: None,
        }
    }
}

impl Flow {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // What the link says.

    pub(super) fn answered(&self, answer: Result<(), Reason>) {
        let mut state = self.lock();
        state.answer = Some(answer);
        wake(&mut state.reader);
    }

    /// Takes bytes in; `false` when they are more than this end had room for.
    pub(super) fn data(&self, bytes: Bytes) -> bool {
        let mut state = self.lock();
        if state.eof || state.waiting + bytes.len() > WINDOW {
            return false;
        }
        state.waiting += bytes.len();
        if !bytes.is_empty() {
            state.inbox.push_back(bytes);
        }
        wake(&mut state.reader);
        true
    }

    pub(super) fn credit(&self, bytes: u32) {
        let mut state = self.lock();
        state.credit = state.credit.saturating_add(bytes as usize).min(WINDOW);
        wake(&mut state.writer);
    }

    pub(super) fn eof(&self) {
        let mut state = self.lock();
        state.eof = true;
        wake(&mut state.reader);
    }

    pub(super) fn reset(&self) {
        let mut state = self.lock();
        state.reset = true;
        wake(&mut state.reader);
        wake(&mut state.writer);
    }

    /// The link is over: what came before its end can still be read.
    pub(super) fn lost(&self) {
        let mut state = self.lock();
        state.gone = true;
        state.reset |= !state.eof;
        wake(&mut state.reader);
        wake(&mut state.writer);
    }

    // What the stream asks.

    pub(super) fn is_reset(&self) -> bool {
        self.lock().reset
    }

    pub(super) fn has_unread(&self) -> bool {
        self.lock().waiting > 0
    }

    pub(super) fn poll_answer(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        if let Some(answer) = state.answer {
            return Poll::Ready(answer.map_err(|reason| reason.kind().into()));
        }
        if state.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Reads; the number is that of the bytes for which there is room again.
    pub(super) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        if state.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if let Some(front) = state.inbox.front_mut() {
            let len = front.len().min(buf.remaining());
            buf.put_slice(&front[..len]);
            front.advance(len);
            if front.is_empty() {
                state.inbox.pop_front();
            }
            state.waiting -= len;
            return Poll::Ready(Ok(len));
        }
        if state.eof {
            return Poll::Ready(Ok(0));
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Takes credit for as many of those bytes as there is room for.
    pub(super) fn poll_take_credit(
        &self,
        cx: &mut Context<'_>,
        wanted: usize,
    ) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        if state.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if state.gone {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let len = wanted.min(state.credit);
        if len == 0 && wanted > 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.credit -= len;
        Poll::Ready(Ok(len))
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl Reason {
    /// What a client's `connect` says.
    const fn kind(self) -> io::ErrorKind {
        match self {
            Self::Refused => io::ErrorKind::ConnectionRefused,
            Self::Unreachable => io::ErrorKind::HostUnreachable,
            Self::TimedOut => io::ErrorKind::TimedOut,
            Self::Other => io::ErrorKind::ConnectionAborted,
        }
    }
}
