//! What is sent to the redirector: packets, requests, and four times a second a sign of life.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sidestream_ipc::{Message, PacketTag, encode, encode_packets_head};
use sidestream_packet::Batch;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::outgoing::Outgoing;

/// The redirector takes a proxy for dead that was silent for a second.
const BEAT: Duration = Duration::from_millis(250);

/// Takes messages for the redirector. They are few: one for each change of the spec.
#[derive(Clone, Debug)]
pub(crate) struct Outbox(pub(crate) mpsc::UnboundedSender<Message>);

impl Outbox {
    /// Sends a message, and returns whether there is still a redirector to take it.
    pub(crate) fn send(&self, message: Message) -> bool {
        self.0.send(message).is_ok()
    }
}

/// Sends what is in the outbox and what is gathered, and beats.
#[derive(Debug)]
pub(crate) struct Writer<W> {
    pub(crate) stream: W,
    pub(crate) outbox: mpsc::UnboundedReceiver<Message>,
    pub(crate) outgoing: Arc<Outgoing>,
    /// Tells whether packets wait to be taken.
    pub(crate) batches: mpsc::WeakSender<io::Result<Batch<PacketTag>>>,
    /// Counts the batches that were taken.
    pub(crate) taken: Arc<AtomicU64>,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    /// Sends until the redirector or the device has gone.
    pub(crate) async fn run(mut self) {
        if let Err(error) = self.send_all().await {
            tracing::debug!(%error, "the redirector does not listen any more");
        }
        self.outgoing.end();
    }

    async fn send_all(&mut self) -> io::Result<()> {
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut taken_before, mut buf) = (0, Vec::new());
        loop {
            buf.clear();
            tokio::select! {
                message = self.outbox.recv() => {
                    let Some(message) = message else { return Ok(()) };
                    encode(&message, &mut buf).map_err(io::Error::other)?;
                }
                () = self.outgoing.filled() => {
                    let batch = self.outgoing.take();
                    if !batch.is_empty() {
                        encode_packets_head(&batch, |tag| *tag, &mut buf).map_err(io::Error::other)?;
                        self.stream.write_all(&buf).await?;
                        self.stream.write_all(batch.bytes()).await?;
                        buf.clear();
                    }
                }
                _tick = beats.tick() => {
                    let taken = self.taken.load(Ordering::Relaxed);
                    // The reader has gone, and with it the redirector.
                    let Some(batches) = self.batches.upgrade() else { return Ok(()) };
                    let is_stuck = batches.capacity() == 0 && taken == taken_before;
                    taken_before = taken;
                    // What is not served is better not captured than kept waiting.
                    if is_stuck {
                        continue;
                    }
                    encode(&Message::Beat, &mut buf).map_err(io::Error::other)?;
                }
            }
            self.stream.write_all(&buf).await?;
            self.stream.flush().await?;
        }
    }
}
