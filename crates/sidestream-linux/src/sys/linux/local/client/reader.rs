//! Reads what the helper sends, until it ends.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use sidestream_capture::{Incoming, SpecRequests};
use sidestream_ipc::{Message, Refused};
use tokio::sync::mpsc;

use super::super::channel::{ChannelError, Receiver};
use super::elsewhere::Elsewhere;
use super::flows::Flows;
use super::room::Room;
use super::told::Told;

/// Turns messages into flows.
pub(super) struct Reader {
    receiver: Receiver,
    yields: mpsc::Sender<io::Result<Incoming>>,
    asked: Asked,
    told: Told,
    flows: Flows,
    room: Room,
}

/// Who waits for answers of the helper.
pub(super) struct Asked {
    pub(super) control: Arc<SpecRequests>,
    pub(super) elsewhere: Arc<Elsewhere>,
}

impl Reader {
    pub(super) fn new(
        receiver: Receiver,
        yields: mpsc::Sender<io::Result<Incoming>>,
        asked: Asked,
        told: Told,
        flows: Flows,
        room: Room,
    ) -> Self {
        Self { receiver, yields, asked, told, flows, room }
    }

    /// Reads until the helper has gone or nobody takes flows any more.
    pub(super) async fn run(mut self) {
        let ended = loop {
            match self.receiver.receive().await {
                Ok(Some((message, descriptors))) => match self.handle(message, descriptors).await {
                    Ok(()) => {}
                    Err(error) => break error,
                },
                Ok(None) => break gone(),
                Err(error) => break broken(error),
            }
        };
        self.asked.control.end();
        self.asked.elsewhere.end();
        // Nobody is told who has ended the capture.
        _ = self.yields.send(Err(ended)).await;
    }

    async fn handle(&mut self, message: Message, descriptors: Vec<OwnedFd>) -> io::Result<()> {
        let Some(message) = self.told.take(message) else { return Ok(()) };
        match message {
            Message::Flow(flow) => {
                let Some(socket) = descriptors.into_iter().next() else {
                    tracing::warn!(key = %flow.key, "a connection is lost for want of a descriptor");
                    self.room.wait_long().await;
                    return Ok(());
                };
                let process = flow.process.and_then(|key| self.told.process(key));
                match self.flows.open(flow, process, socket) {
                    // Waits while there are too many; the capture may be stopped meanwhile.
                    Ok(Some(incoming)) => _ = self.yields.send(Ok(incoming)).await,
                    Ok(None) => {}
                    Err(error) => tracing::debug!(%error, "a flow was gone before it was taken"),
                }
                self.room.wait().await;
            }
            Message::Datagram { flow, payload } => self.flows.datagram(flow, payload),
            Message::Closed { flow } => self.flows.close(flow),
            Message::SpecSet { serial, error } => self.asked.control.answer(serial, error),
            Message::Opened { serial, error } => {
                self.asked.elsewhere.answer(serial, error, descriptors.into_iter().next());
            }
            Message::Refused(Refused { what, remedy }) => {
                let remedy = remedy.map(|remedy| format!(": {remedy}")).unwrap_or_default();
                return Err(io::Error::other(format!("{what}{remedy}")));
            }
            other => {
                let words = format!("the helper sent `{}` out of turn", other.name());
                return Err(io::Error::new(io::ErrorKind::InvalidData, words));
            }
        }
        Ok(())
    }
}

fn broken(error: ChannelError) -> io::Error {
    match error {
        ChannelError::Closed | ChannelError::CutOff { .. } => gone(),
        ChannelError::Io(error) => error,
        error => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}

fn gone() -> io::Error {
    let words = "the helper ended; captured programs now connect directly";
    io::Error::new(io::ErrorKind::UnexpectedEof, words)
}
