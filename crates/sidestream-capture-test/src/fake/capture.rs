//! The near end of the link: the driver.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use sidestream_capture::{
    Attribution, BoxFuture, Capabilities, Capture, Control, Destination, Egress, FlowInfo,
    Incoming, Kind, Pending, Refusal, SetSpecError, Stream,
};
use sidestream_flow::{FlowKey, Process, Transport};
use sidestream_record::DialFailure;
use sidestream_spec::Spec;
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, oneshot};

use super::datagrams::FrameAssociation;
use super::frame::{Body, Frame, MAX_FRAME, Open, Reason};
use super::link::{End, Tasks};
use super::stream::FrameStream;

/// How many flows may wait to be taken; more are refused.
const BACKLOG: usize = 8_192;

/// The driver. Dropping it ends the link: flows under way are reset, new ones are left alone.
#[derive(Debug)]
pub struct FakeCapture {
    incoming: mpsc::Receiver<Incoming>,
    control: Arc<FakeControl>,
    _tasks: Tasks,
}

impl FakeCapture {
    pub(super) fn new(link: DuplexStream) -> Self {
        let (opened, incoming) = mpsc::channel(BACKLOG);
        let acks = Arc::new(Acks::default());
        let mut driver = Driver { opened, acks: Arc::clone(&acks) };
        let (end, tasks) = End::start(link, move |end, frame| driver.handle_frame(end, frame));
        let control = Arc::new(FakeControl { end, acks, last: AtomicU64::new(0) });
        Self { incoming, control, _tasks: tasks }
    }
}

impl Capture for FakeCapture {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        self.incoming.poll_recv(cx).map(Ok)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
            .with_udp()
            .with_ipv6()
            .with_attribution(Attribution::Kernel)
            .with_refusal(Refusal::Same)
            .with_spec()
    }

    fn control(&self) -> Option<Arc<dyn Control>> {
        Some(Arc::clone(&self.control) as Arc<dyn Control>)
    }
}

/// What the driver does with frames of no flow yet. It lives in the reading task and ends with
/// the link, which ends the capture and whoever waits for an acknowledgement.
struct Driver {
    opened: mpsc::Sender<Incoming>,
    acks: Arc<Acks>,
}

impl Driver {
    fn handle_frame(&mut self, end: &Arc<End>, Frame { flow, body }: Frame) {
        match body {
            Body::Open(open) => self.handle_open(end, flow, &open),
            Body::SpecSet => {
                let waiting = self.acks.lock().as_mut().and_then(|acks| acks.remove(&flow));
                // Whoever waited may have gone.
                _ = waiting.map(|waiting| waiting.send(()));
            }
            // A flow that this end has closed may still be spoken of.
            _ => {}
        }
    }

    fn handle_open(&mut self, end: &Arc<End>, id: u64, open: &Open) {
        let Ok(permit) = self.opened.try_reserve() else {
            return end.send(id, Body::Refuse(Reason::Other));
        };
        let kind = match open.transport {
            Transport::Tcp => {
                let stream = FrameStream::new(Arc::clone(end), id, open.server);
                Kind::Tcp(Box::new(FramePending { stream }))
            }
            Transport::Udp => {
                Kind::Udp(Box::new(FrameAssociation::new(Arc::clone(end), id, open.client)))
            }
        };
        permit.send(Incoming { info: open.info(), kind });
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        *self.acks.lock() = None;
    }
}

impl Open {
    fn info(&self) -> FlowInfo {
        let path = (!self.path.is_empty()).then(|| Path::new(&self.path));
        let name = path.and_then(Path::file_name).unwrap_or_default();
        let process = Process {
            pid: self.pid,
            name: name.to_string_lossy().into_owned(),
            path: path.map(Path::to_owned),
            parent: self.parent_process().map(Arc::new),
            ..Process::default()
        };
        let Self { transport, client, server, .. } = *self;
        FlowInfo {
            key: FlowKey { transport, client, server },
            process: Some(Arc::new(process)),
            via: "fake",
            destination: Destination::Original,
            egress: Egress::default(),
            residual: None,
        }
    }

    fn parent_process(&self) -> Option<Process> {
        (self.parent != 0).then(|| Process { pid: self.parent, ..Process::default() })
    }
}

/// A client that waits at the far end.
struct FramePending {
    stream: FrameStream,
}

impl Pending for FramePending {
    fn accept(mut self: Box<Self>) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            self.stream.answer(Body::Accept)?;
            Ok(Box::new(self.stream) as Box<dyn Stream>)
        })
    }

    fn refuse(mut self: Box<Self>, reason: &DialFailure) {
        let reason = match reason {
            DialFailure::Refused => Reason::Refused,
            DialFailure::Unknown { .. } | DialFailure::Unreachable => Reason::Unreachable,
            DialFailure::TimedOut => Reason::TimedOut,
            _ => Reason::Other,
        };
        // A client that has gone does not mind.
        drop(self.stream.answer(Body::Refuse(reason)));
    }
}

/// Who waits for which spec to be in force; `None` when the link is over.
#[derive(Debug)]
struct Acks(Mutex<Option<HashMap<u64, oneshot::Sender<()>>>>);

impl Default for Acks {
    fn default() -> Self {
        Self(Mutex::new(Some(HashMap::new())))
    }
}

impl Acks {
    fn lock(&self) -> MutexGuard<'_, Option<HashMap<u64, oneshot::Sender<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct FakeControl {
    end: Arc<End>,
    acks: Arc<Acks>,
    last: AtomicU64,
}

impl Control for FakeControl {
    fn set_spec(&self, spec: Spec) -> BoxFuture<'static, Result<(), SetSpecError>> {
        let text = spec.to_string();
        if text.len() > MAX_FRAME / 2 {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "the spec exceeds a frame");
            return Box::pin(std::future::ready(Err(error.into())));
        }
        let (acknowledge, acknowledged) = oneshot::channel();
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(acks) = &mut *self.acks.lock() {
            acks.insert(number, acknowledge);
            self.end.send(number, Body::SetSpec(text));
        }
        // The sender is dropped with the link.
        Box::pin(async { acknowledged.await.map_err(|_over| SetSpecError::Over) })
    }
}
