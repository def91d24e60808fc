//! What every flow's task knows of its flow, and how it records it.

use std::sync::Arc;
use std::time::SystemTime;

use sidestream_capture::{FlowInfo, Target};
use sidestream_flow::FlowId;
use sidestream_proto::Start;
use sidestream_record::{Closed, Entry, Event, Failure, Opened, Sink};

use crate::proxy::Shared;

/// A flow that is being served.
///
/// If its task ends before the machine does, the flow is recorded as stopped all the same.
pub(crate) struct Flow {
    pub(crate) info: Arc<FlowInfo>,
    pub(crate) shared: Arc<Shared>,
    id: FlowId,
    closed: bool,
}

impl Flow {
    /// Records that the flow was opened.
    pub(crate) fn open(shared: Arc<Shared>, info: FlowInfo) -> Self {
        let mut this = Self { id: shared.ids.flow(), info: Arc::new(info), shared, closed: false };
        let FlowInfo { key, ref process, via, .. } = *this.info;
        let opened = Opened { key, process: process.clone(), via: via.to_owned() };
        this.record(Event::Opened(opened));
        this
    }

    pub(crate) const fn id(&self) -> FlowId {
        self.id
    }

    /// Returns what the flow's machine is told at its start.
    pub(crate) fn start(&self, named: bool) -> Start {
        let key = self.info.key;
        let host = if named { None } else { self.shared.names.of(key.server.ip()) };
        Start { key, named, host, ids: self.shared.ids.clone() }
    }

    pub(crate) fn record(&mut self, event: Event) {
        match &event {
            Event::Dns { message, .. } if message.response => self.shared.names.learn(message),
            Event::Closed(_) => self.closed = true,
            _ => {}
        }
        // What a sink could not take it has counted.
        _ = self.shared.sink.record(&Entry { at: SystemTime::now(), flow: self.id, event });
    }

    /// Returns what a driver's dialler understands.
    pub(crate) fn target(&self, target: sidestream_proto::Target) -> Target {
        match target {
            sidestream_proto::Target::Name(host, port) => Target::Name(host, port),
            sidestream_proto::Target::Original => Target::Addr(self.info.key.server),
        }
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        if self.closed {
            return;
        }
        let failure = if std::thread::panicking() {
            Failure::Internal { reason: "the flow's task panicked; please report it".into() }
        } else {
            Failure::Stopped
        };
        self.record(Event::Closed(Closed { received: 0, sent: 0, failure: Some(failure) }));
    }
}
