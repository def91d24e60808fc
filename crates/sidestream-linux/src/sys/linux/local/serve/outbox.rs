//! What waits to be sent to the proxy.

use std::os::fd::OwnedFd;

use sidestream_ipc::Message;
use tracing::warn;

use super::super::channel::{ChannelError, Sender};

/// Where the engine puts what it has to say; that never waits.
#[derive(Debug)]
pub(crate) struct Outbox(Sender);

impl Outbox {
    pub(crate) fn new(sender: Sender) -> Self {
        Self(sender)
    }

    /// Adds a message.
    pub(crate) fn push(&mut self, message: &Message) {
        self.add(message, Vec::new());
    }

    /// Adds a message that a descriptor accompanies.
    pub(crate) fn push_with(&mut self, message: &Message, descriptor: OwnedFd) {
        self.add(message, vec![descriptor]);
    }

    fn add(&mut self, message: &Message, descriptors: Vec<OwnedFd>) {
        if let Err(error) = self.0.queue(message, descriptors) {
            warn!(%error, "a message was dropped");
        }
    }

    /// Returns how many bytes wait.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.0.queued_bytes()
    }

    /// Sends what waits.
    ///
    /// # Cancel safety
    ///
    /// What was not sent waits on.
    pub(crate) async fn flush(&mut self) -> Result<(), ChannelError> {
        self.0.flush().await
    }
}
