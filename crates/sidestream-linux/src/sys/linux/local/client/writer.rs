//! What is sent to the helper: requests, and four times a second a sign of life.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sidestream_capture::Incoming;
use sidestream_ipc::Message;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::super::channel::Sender;
use super::room::Room;

/// The helper takes a proxy for dead that was silent for a second.
const BEAT: Duration = Duration::from_millis(250);

/// Takes messages for the helper. They are few: one for each change of the spec.
#[derive(Clone, Debug)]
pub(super) struct Outbox(mpsc::UnboundedSender<Message>);

impl Outbox {
    /// Sends a message, and returns whether there is still a helper to take it.
    pub(super) fn send(&self, message: Message) -> bool {
        self.0.send(message).is_ok()
    }
}

/// Sends what is in the outbox, and beats.
#[derive(Debug)]
pub(super) struct Writer {
    sender: Sender,
    outbox: mpsc::UnboundedReceiver<Message>,
    /// Tells whether flows wait to be taken.
    yields: mpsc::Sender<io::Result<Incoming>>,
    /// Counts those that were taken.
    taken: Arc<AtomicU64>,
    room: Room,
}

impl Writer {
    pub(super) fn new(
        sender: Sender,
        yields: mpsc::Sender<io::Result<Incoming>>,
        taken: Arc<AtomicU64>,
        room: Room,
    ) -> (Outbox, Self) {
        let (sends, outbox) = mpsc::unbounded_channel();
        (Outbox(sends), Self { sender, outbox, yields, taken, room })
    }

    /// Sends until the helper has gone; that it has is told by the reader.
    pub(super) async fn run(mut self) {
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut taken_before = 0;
        loop {
            let message = tokio::select! {
                message = self.outbox.recv() => match message {
                    Some(message) => message,
                    None => return,
                },
                _tick = beats.tick() => {
                    let taken = self.taken.load(Ordering::Relaxed);
                    let is_stuck = self.yields.capacity() == 0 && taken == taken_before;
                    taken_before = taken;
                    // More are better not captured than kept waiting.
                    if is_stuck || self.room.is_short() {
                        continue;
                    }
                    Message::Beat
                }
            };
            if let Err(error) = self.sender.send(&message, &[]).await {
                tracing::debug!(%error, "the helper does not listen any more");
                return;
            }
        }
    }
}
