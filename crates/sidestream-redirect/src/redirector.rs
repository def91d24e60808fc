//! A redirector that captures for us.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use sidestream_capture::{Control, SpecRequests};
use sidestream_flow::Process;
use sidestream_ipc::{Message, Notice, SetSpec, Started};
use sidestream_packet::Batch;
use sidestream_spec::Spec;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use crate::device::Device;
use crate::error::StartError;
use crate::flows::Flows;
use crate::handshake::shake_hands;
use crate::link::Link;
use crate::outgoing::Outgoing;
use crate::reader::Reader;
use crate::writer::{Outbox, Writer};

/// How many batches wait to be taken; then the redirector waits, and at last drops packets.
const MAX_BATCHES: usize = 4;

/// Takes notices, each with the process that it is about.
pub(crate) type Told = mpsc::UnboundedSender<(Notice, Option<Arc<Process>>)>;

/// What is captured, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which processes.
    pub spec: Spec,
    /// Whether connections that are open already are reset, so that they come again.
    pub reset_existing: bool,
}

/// A redirector that captures.
#[non_exhaustive]
pub struct Redirector {
    /// The packets of captured flows, both ways. Dropping it ends the capture.
    pub device: Device,
    /// What is known of the flows.
    pub flows: Flows,
    /// Changes what is captured.
    pub control: Arc<dyn Control>,
    /// What the user should be told, with the process that it is about.
    pub notices: mpsc::UnboundedReceiver<(Notice, Option<Arc<Process>>)>,
    /// What it can do.
    pub started: Started,
    outbox: Outbox,
}

impl fmt::Debug for Redirector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redirector").field("started", &self.started).finish_non_exhaustive()
    }
}

impl Redirector {
    /// Has the redirector at the other end of a stream capture.
    ///
    /// From here on this process gives a sign of life four times a second, within the current
    /// runtime. Should it stop, or should packets not be taken, programs connect directly.
    ///
    /// # Errors
    ///
    /// The redirector cannot capture here, and says why; or it does not speak as it should.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream, which ends the redirector's capture.
    pub async fn start<S>(stream: S, options: Options) -> Result<Self, StartError>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (reads, mut writes) = tokio::io::split(stream);
        let (told, notices) = mpsc::unbounded_channel();
        let (mut link, flows) = (Link::new(reads), Flows::default());
        let started = shake_hands(&mut link, &mut writes, &options, &flows, &told).await?;

        let (sends, outbox) = mpsc::unbounded_channel();
        let (waits, batches) = mpsc::channel(MAX_BATCHES);
        let (outgoing, taken) = (Arc::<Outgoing>::default(), Arc::<AtomicU64>::default());
        let control = Arc::new(SpecRequests::new({
            let (outbox, reset_existing) = (Outbox(sends.clone()), options.reset_existing);
            move |serial, spec| {
                let spec = spec.as_str().to_owned();
                outbox.send(Message::SetSpec(SetSpec { serial, spec, reset_existing }))
            }
        }));
        let writer = Writer {
            stream: writes,
            outbox,
            outgoing: Arc::clone(&outgoing),
            batches: waits.downgrade(),
            taken: Arc::clone(&taken),
        };
        let reader = Reader {
            link,
            batches: waits,
            control: Arc::clone(&control),
            flows: flows.clone(),
            told,
        };
        let device = Device {
            batches,
            current: (Batch::default(), 0),
            outgoing,
            taken,
            reader: tokio::spawn(reader.run()),
            writer: tokio::spawn(writer.run()),
        };
        Ok(Self { device, flows, control, notices, started, outbox: Outbox(sends) })
    }

    /// Asks the redirector to end the capture; the device comes to its end when it has.
    pub fn stop(&self) {
        // One that has gone needs not be asked.
        _ = self.outbox.send(Message::Stop);
    }
}
