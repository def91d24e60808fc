//! A TCP connection out of packets, as the rest of the house knows connections.

use std::future::ready;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use sidestream_capture::{BoxFuture, Pending, Stream};
use sidestream_netstack::{Refusal, StreamId};
use sidestream_packet::Unreachable;
use sidestream_record::DialFailure;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::state::{End, Shared, keep};

/// A client that waits for the answer to its SYN.
pub(crate) struct Waiting {
    shared: Shared,
    /// `None` once it was answered.
    id: Option<StreamId>,
}

/// A client's connection.
pub(crate) struct TunnelStream {
    shared: Shared,
    id: StreamId,
    is_shut: bool,
}

impl Waiting {
    pub(crate) const fn new(shared: Shared, id: StreamId) -> Self {
        Self { shared, id: Some(id) }
    }

    fn refuse_with(&mut self, refusal: Refusal) {
        let Some(id) = self.id.take() else { return };
        let mut state = self.shared.lock();
        state.streams.remove(&id);
        state.stack.refuse(id, refusal);
        state.kick();
    }
}

impl Pending for Waiting {
    fn accept(mut self: Box<Self>) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        let shared = self.shared.clone();
        let Some(id) = self.id.take() else {
            return Box::pin(ready(Err(io::ErrorKind::ConnectionAborted.into())));
        };
        let mut state = shared.lock();
        if state.streams.get(&id).is_none_or(|side| side.ended.is_some()) {
            state.streams.remove(&id);
            return Box::pin(ready(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        state.stack.accept(id, Instant::now().into_std());
        state.kick();
        drop(state);
        let stream = TunnelStream { shared, id, is_shut: false };
        Box::pin(ready(Ok(Box::new(stream) as Box<dyn Stream>)))
    }

    fn refuse(mut self: Box<Self>, reason: &DialFailure) {
        self.refuse_with(match reason {
            DialFailure::Unreachable | DialFailure::TimedOut => {
                Refusal::Unreachable(Unreachable::Host)
            }
            _ => Refusal::Reset,
        });
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Nobody took it: as on a host where nobody listens.
        self.refuse_with(Refusal::Reset);
    }
}

impl AsyncRead for TunnelStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let mut state = self.shared.lock();
        let read = state.stack.read(self.id, |bytes| {
            let taken = bytes.len().min(buf.remaining());
            buf.put_slice(&bytes[..taken]);
            taken
        });
        if read > 0 {
            // The window may have opened.
            state.kick();
            return Poll::Ready(Ok(()));
        }
        let Some(side) = state.streams.get_mut(&self.id) else {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        };
        match side.ended {
            Some(End::Reset) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Some(End::Closed) => Poll::Ready(Ok(())),
            None if side.half_closed => Poll::Ready(Ok(())),
            None => {
                keep(&mut side.reader, cx);
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for TunnelStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if slices.iter().all(|bytes| bytes.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        let mut state = self.shared.lock();
        let ended = state.streams.get(&self.id).map(|side| side.ended);
        match ended {
            None | Some(Some(End::Reset)) => {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            Some(Some(End::Closed)) => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Some(None) if self.is_shut => {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            Some(None) => {}
        }
        let now = Instant::now().into_std();
        let mut written = 0;
        for bytes in slices {
            let taken = state.stack.write(self.id, bytes, now);
            written += taken;
            if taken < bytes.len() {
                break;
            }
        }
        if written > 0 {
            state.kick();
            return Poll::Ready(Ok(written));
        }
        if let Some(side) = state.streams.get_mut(&self.id) {
            keep(&mut side.writer, cx);
        }
        Poll::Pending
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            self.is_shut = true;
            let mut state = self.shared.lock();
            state.stack.shutdown(self.id, Instant::now().into_std());
            state.kick();
        }
        Poll::Ready(Ok(()))
    }
}

impl Stream for TunnelStream {
    fn reset(self: Box<Self>) {
        let mut state = self.shared.lock();
        // What has ended already is not there any more.
        if state.streams.remove(&self.id).is_some_and(|side| side.ended.is_none()) {
            state.stack.reset(self.id);
            state.kick();
        }
    }
}

impl Drop for TunnelStream {
    fn drop(&mut self) {
        self.shared.lock().abandon(self.id, Instant::now().into_std());
    }
}
