//! The associations of all clients, and the flows out of them.

use std::sync::Arc;
use std::task::{Context, Poll};

use sidestream_capture::Incoming;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tracing::warn;

use super::losses::Losses;
use super::relay::{Common, Relay};

/// How many flows there may be of all of them.
const MAX_FLOWS: usize = 16_384;

/// How many new flows may wait to be served; clients that make more are not read meanwhile.
const MAX_WAITING: usize = 64;

/// Associations at work.
pub(super) struct Associations {
    relays: JoinSet<()>,
    common: Common,
    incoming: mpsc::Receiver<Incoming>,
}

impl Associations {
    pub(super) fn new(losses: Arc<Losses>) -> Self {
        let (sender, incoming) = mpsc::channel(MAX_WAITING);
        let flows = Arc::new(Semaphore::new(MAX_FLOWS));
        let common = Common { incoming: sender, flows, losses };
        Self { relays: JoinSet::new(), common, incoming }
    }

    /// Lets an association begin.
    pub(super) fn begin(&mut self, relay: Relay) {
        self.relays.spawn(relay.run(self.common.clone()));
    }

    /// Polls for a new flow.
    pub(super) fn poll_flow(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        while let Poll::Ready(Some(ended)) = self.relays.poll_join_next(cx) {
            if let Err(error) = ended
                && !error.is_cancelled()
            {
                warn!(%error, "an association was lost");
            }
        }
        match self.incoming.poll_recv(cx) {
            Poll::Ready(Some(incoming)) => Poll::Ready(incoming),
            // The sender is ours as well: it is never over.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Ends all of them; flows under way are told.
    pub(super) fn close(&mut self) {
        self.relays.abort_all();
    }
}
