//! A port on which nobody listens.

use std::io;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use sidestream_capture::Association;

/// Answers the first datagram as a host does on which nobody listens.
#[derive(Debug, Default)]
pub(super) struct Closed {
    is_asked: bool,
    waker: Option<Waker>,
}

impl Association for Closed {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        if std::mem::take(&mut self.is_asked) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into()));
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_send(&mut self, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<()>> {
        self.is_asked = true;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        Poll::Ready(Ok(()))
    }
}
