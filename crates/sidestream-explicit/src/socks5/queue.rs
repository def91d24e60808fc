//! Datagrams of a flow that nobody has taken yet.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

/// How many may wait.
const MAX_DATAGRAMS: usize = 256;
/// How many bytes of them.
const MAX_BYTES: usize = 1024 * 1024;

/// What waits, between the relay that fills it and the flow that takes from it.
#[derive(Debug, Default)]
pub(crate) struct Queue(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    datagrams: VecDeque<Bytes>,
    len_bytes: usize,
    waker: Option<Waker>,
    is_closed: bool,
}

impl Queue {
    /// Appends a datagram, if there is room for it.
    pub(crate) fn push(&self, datagram: Bytes) -> bool {
        let mut waiting = self.lock();
        let len_bytes = waiting.len_bytes + datagram.len();
        if waiting.datagrams.len() >= MAX_DATAGRAMS || len_bytes > MAX_BYTES {
            return false;
        }
        waiting.len_bytes = len_bytes;
        waiting.datagrams.push_back(datagram);
        if let Some(waker) = waiting.waker.take() {
            waker.wake();
        }
        true
    }

    /// Polls for the next; `None` means that no more will come.
    pub(crate) fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut waiting = self.lock();
        if let Some(datagram) = waiting.datagrams.pop_front() {
            waiting.len_bytes -= datagram.len();
            return Poll::Ready(Some(datagram));
        }
        if waiting.is_closed {
            return Poll::Ready(None);
        }
        waiting.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Says that one of the two has gone.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        waiting.is_closed = true;
        if let Some(waker) = waiting.waker.take() {
            waker.wake();
        }
    }

    /// Returns whether one of the two has gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
