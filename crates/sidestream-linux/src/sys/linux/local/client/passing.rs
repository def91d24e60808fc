//! Flows that are relayed unseen, and how long they are waited for.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use sidestream_capture::{Dial, Incoming};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long what is relayed may take to end when the capture does.
const GRACE: Duration = Duration::from_secs(1);

/// Relays flows, each in a task of its own.
#[derive(Clone)]
pub(super) struct Passing {
    dial: Arc<dyn Dial>,
    /// Nothing is sent: as long as there is a copy, something is relayed.
    alive: mpsc::Sender<Infallible>,
}

/// The end of all that is relayed.
#[derive(Debug)]
pub(super) struct Passed(mpsc::Receiver<Infallible>);

impl Passing {
    /// Relays to where the dialler leads.
    pub(super) fn new(dial: Arc<dyn Dial>) -> (Self, Passed) {
        let (alive, ended) = mpsc::channel(1);
        (Self { dial, alive }, Passed(ended))
    }

    /// Relays a flow to its end.
    pub(super) fn pass(&self, incoming: Incoming) {
        let Self { dial, alive } = self.clone();
        tokio::spawn(async move {
            crate::pass(incoming, &*dial).await;
            drop(alive);
        });
    }
}

impl std::fmt::Debug for Passing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passing").finish_non_exhaustive()
    }
}

impl Passed {
    /// Waits, within reason, until nothing is relayed and nothing can be any more.
    pub(super) async fn wait(mut self) {
        _ = timeout(GRACE, self.0.recv()).await;
    }
}
