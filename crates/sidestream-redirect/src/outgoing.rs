//! Packets that wait to be sent to the redirector.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use sidestream_ipc::{MAX_PACKETS, PacketTag};
use sidestream_packet::Batch;
use tokio::sync::Notify;

/// How many bytes of packets wait while a batch is on its way; whoever has more waits.
const MAX_BYTES: usize = 256 * 1024;

/// Gathers packets while others are on their way.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct State {
    batch: Batch<PacketTag>,
    has_ended: bool,
    /// Who has a packet and no room for it.
    waiting: Option<Waker>,
}

impl Outgoing {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a packet, once there is room for it.
    pub(crate) fn poll_push(
        &self,
        cx: &mut Context<'_>,
        packet: &[u8],
        tag: PacketTag,
    ) -> Poll<io::Result<()>> {
        let mut state = self.state();
        if state.has_ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let is_full = state.batch.bytes().len() + packet.len() > MAX_BYTES
            || state.batch.len() >= MAX_PACKETS;
        if !state.batch.is_empty() && is_full {
            state.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.batch.push(packet, tag);
        drop(state);
        self.filled.notify_one();
        Poll::Ready(Ok(()))
    }

    /// Waits until there may be packets.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Takes all packets that there are, and makes room for others.
    pub(crate) fn take(&self) -> Batch<PacketTag> {
        let mut state = self.state();
        if let Some(waiting) = state.waiting.take() {
            waiting.wake();
        }
        std::mem::take(&mut state.batch)
    }

    /// Takes no more packets.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.has_ended = true;
        state.batch = Batch::default();
        if let Some(waiting) = state.waiting.take() {
            waiting.wake();
        }
    }
}
