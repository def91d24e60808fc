//! The proxy's side of whole-machine capture: what the helper tells becomes flows.

mod check;
mod elsewhere;
mod flows;
mod handshake;
mod passing;
mod processes;
mod reader;
mod room;
mod told;
mod udp;
mod writer;

use std::io;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use sidestream_capture::{
    Attribution, Capabilities, Capture, Control, Incoming, Refusal, SpecRequests,
};
use sidestream_ipc::{Message, SetSpec, Started};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Sleep, sleep};

use super::channel::Channel;
use super::dial::LocalDial;
use crate::{LocalNotice, LocalNotices, LocalOptions, StartError};
pub use check::check_local;
pub(super) use elsewhere::Elsewhere;

use flows::Flows;
use passing::{Passed, Passing};
use reader::{Asked, Reader};
use room::Room;
use told::Told;
use writer::{Outbox, Writer};

/// How many flows wait to be taken; while there are more, no sign of life is given, and what the
/// programs connect to next passes.
const MAX_WAITING: usize = 256;

/// Yields the flows of the processes on this machine that a spec chooses.
///
/// The kernel accepts a TCP connection before its flow is yielded, so a server that refuses is
/// seen by the client as a reset. Dropping it ends the capture.
#[derive(Debug)]
pub struct LocalCapture {
    incoming: mpsc::Receiver<io::Result<Incoming>>,
    outbox: Outbox,
    control: Arc<SpecRequests>,
    elsewhere: Arc<Elsewhere>,
    started: Started,
    passing: Passing,
    /// What is relayed at the end.
    passed: Option<Passed>,
    reader: JoinHandle<()>,
    writer: JoinHandle<()>,
    /// Counts the flows that were taken.
    taken: Arc<AtomicU64>,
    /// Until when the helper may take its leave.
    closing: Option<Pin<Box<Sleep>>>,
}

impl LocalCapture {
    /// Has the helper at the other end of that connection capture.
    ///
    /// From here on this process gives a sign of life four times a second, within the current
    /// runtime. Should it stop, or should flows not be taken, programs connect directly.
    ///
    /// # Errors
    ///
    /// The helper cannot capture here, and says why; or it does not speak as it should. Nothing
    /// is left behind.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O and time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the helper.
    pub async fn start(
        stream: UnixStream,
        options: LocalOptions,
    ) -> Result<(Self, LocalNotices), StartError> {
        let (notices, told) = mpsc::unbounded_channel();
        let mut told_of = Told::new(notices.clone());
        let (mut sender, mut receiver) = Channel::new(stream)?.split();
        let started =
            handshake::shake_hands(&mut sender, &mut receiver, &options, &mut told_of).await?;
        if !started.all_users {
            // The receiver is here.
            _ = notices.send(LocalNotice::OwnProcesses);
        }
        let (yields, incoming) = mpsc::channel(MAX_WAITING);
        let (taken, room) = (Arc::default(), Room::default());
        let (outbox, writer) =
            Writer::new(sender, yields.clone(), Arc::clone(&taken), room.clone());
        let control = Arc::new(SpecRequests::new({
            let (outbox, reset_existing) = (outbox.clone(), options.reset_existing);
            move |serial, spec| {
                let spec = spec.as_str().to_owned();
                outbox.send(Message::SetSpec(SetSpec { serial, spec, reset_existing }))
            }
        }));
        let elsewhere = Arc::new(Elsewhere::new(outbox.clone()));
        let dial = LocalDial::default().with_elsewhere(Arc::clone(&elsewhere));
        let (passing, passed) = Passing::new(Arc::new(dial));
        let flows = Flows::new(passing.clone(), room.clone(), options.idle_timeout);
        let asked = Asked { control: Arc::clone(&control), elsewhere: Arc::clone(&elsewhere) };
        let reader = Reader::new(receiver, yields, asked, told_of, flows, room);
        let capture = Self {
            incoming,
            outbox,
            control,
            elsewhere,
            started,
            passing,
            passed: Some(passed),
            reader: tokio::spawn(reader.run()),
            writer: tokio::spawn(writer.run()),
            taken,
            closing: None,
        };
        Ok((capture, LocalNotices(told)))
    }

    /// Returns what reaches the servers that captured programs meant to reach, each from the
    /// network namespace of the program.
    pub fn dial(&self) -> LocalDial {
        LocalDial::default().with_elsewhere(Arc::clone(&self.elsewhere))
    }

    /// Ends the capture, and waits until the helper has hung up.
    ///
    /// What was captured meanwhile and not taken is relayed to its server, and briefly waited for.
    pub async fn stop(mut self) {
        self.outbox.send(Message::Stop);
        let rest = async {
            while let Some(Ok(incoming)) = self.incoming.recv().await {
                self.passing.pass(incoming);
            }
        };
        _ = tokio::time::timeout(handshake::PATIENCE, rest).await;
        let passed = self.passed.take();
        // The reader and this have what keeps it waiting.
        drop(self);
        if let Some(passed) = passed {
            passed.wait().await;
        }
    }
}

impl Capture for LocalCapture {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        let received = self.incoming.poll_recv(cx);
        if received.is_ready() {
            self.taken.fetch_add(1, Ordering::Relaxed);
        }
        match (received, &mut self.closing) {
            // That is how a helper ends that was asked to.
            (Poll::Ready(Some(Err(_)) | None), Some(_)) => Poll::Ready(Ok(None)),
            (Poll::Pending, Some(patience)) => patience.as_mut().poll(cx).map(|()| Ok(None)),
            (received, _) => received.map(Option::transpose),
        }
    }

    fn close(&mut self) -> bool {
        if self.closing.is_none() {
            self.outbox.send(Message::Stop);
            self.closing = Some(Box::pin(sleep(handshake::PATIENCE)));
        }
        true
    }

    fn capabilities(&self) -> Capabilities {
        let all = Capabilities::default()
            .with_attribution(Attribution::Kernel)
            .with_refusal(Refusal::Reset)
            .with_spec()
            .with_descriptors();
        let all = if self.started.udp { all.with_udp() } else { all };
        if self.started.ipv6 { all.with_ipv6() } else { all }
    }

    fn control(&self) -> Option<Arc<dyn Control>> {
        Some(Arc::<SpecRequests>::clone(&self.control))
    }
}

impl Drop for LocalCapture {
    fn drop(&mut self) {
        // The two halves of the connection go with them, and the helper with it.
        self.reader.abort();
        self.writer.abort();
    }
}
