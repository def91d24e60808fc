//! What comes from the redirector while it captures.

use std::io;
use std::sync::Arc;

use sidestream_capture::SpecRequests;
use sidestream_ipc::{Level, Message, PacketTag, Refused};
use sidestream_packet::Batch;
use tokio::io::AsyncRead;
use tokio::sync::mpsc;

use crate::device::MAX_PACKET;
use crate::flows::Flows;
use crate::link::{Link, LinkError};
use crate::redirector::Told;

/// Sorts messages.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    pub(crate) link: Link<R>,
    pub(crate) batches: mpsc::Sender<io::Result<Batch<PacketTag>>>,
    pub(crate) control: Arc<SpecRequests>,
    pub(crate) flows: Flows,
    pub(crate) told: Told,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// Reads until the redirector or the device has gone.
    pub(crate) async fn run(mut self) {
        let ended = loop {
            let handled = match self.link.receive().await {
                Ok(Some(message)) => self.handle(message).await,
                Ok(None) | Err(LinkError::CutOff) => Err(gone()),
                Err(LinkError::Io(error)) => Err(error),
                Err(LinkError::Decode(error)) => Err(invalid(error.to_string())),
            };
            if let Err(error) = handled {
                break error;
            }
        };
        self.control.end();
        // Nobody is told who has dropped the device.
        _ = self.batches.send(Err(ended)).await;
    }

    async fn handle(&mut self, message: Message) -> io::Result<()> {
        let Some(message) = tell(message, &self.flows, &self.told) else { return Ok(()) };
        match message {
            Message::Packets(batch) => {
                if let Some((packet, _)) =
                    batch.iter().find(|(packet, _)| packet.len() > MAX_PACKET)
                {
                    let words = format!("the redirector sent a packet of {} bytes", packet.len());
                    return Err(invalid(words));
                }
                // Waits while too many do, and then the redirector.
                self.batches.send(Ok(batch)).await.map_err(|_dropped| gone())
            }
            Message::SpecSet { serial, error } => {
                self.control.answer(serial, error);
                Ok(())
            }
            Message::Refused(Refused { what, remedy }) => {
                let remedy = remedy.map(|remedy| format!(": {remedy}")).unwrap_or_default();
                Err(io::Error::other(format!("{what}{remedy}")))
            }
            other => Err(invalid(format!("the redirector sent `{}` out of turn", other.name()))),
        }
    }
}

/// Takes a message if it tells of processes, flows or what people should know; else gives it back.
pub(crate) fn tell(message: Message, flows: &Flows, told: &Told) -> Option<Message> {
    match message {
        Message::Process(record) => flows.add_process(*record),
        Message::Forget { key } => flows.forget_process(key),
        Message::Diverted(flow) => flows.open(flow),
        Message::Closed { flow } => flows.close(flow),
        Message::Notice(notice) => {
            let process = notice.process.and_then(|key| flows.process(key));
            // Nobody may be listening.
            _ = told.send((notice, process));
        }
        Message::Log { level, text } => log(level, &text),
        other => return Some(other),
    }
    None
}

/// Makes a line of the redirector's log one of ours.
fn log(level: Level, text: &str) {
    match level {
        Level::Error => tracing::error!(target: "sidestream_redirector", "{text}"),
        Level::Warn => tracing::warn!(target: "sidestream_redirector", "{text}"),
        Level::Info => tracing::info!(target: "sidestream_redirector", "{text}"),
        Level::Debug => tracing::debug!(target: "sidestream_redirector", "{text}"),
        Level::Trace => tracing::trace!(target: "sidestream_redirector", "{text}"),
    }
}

fn invalid(words: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, words)
}

fn gone() -> io::Error {
    let words = "the redirector ended; captured programs now connect directly";
    io::Error::new(io::ErrorKind::UnexpectedEof, words)
}
