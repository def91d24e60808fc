//! What every flow's task has: the machine, what is known of the flow, and how it is recorded.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use sidestream_capture::{Destination, FlowInfo, Target};
use sidestream_flow::FlowId;
use sidestream_proto::{Conn, Output, Start};
use sidestream_record::{Entry, Event, Failure, Opened, Sink};
use tracing::error;

use crate::proxy::Shared;

/// A flow that is being served.
///
/// If its task ends before the machine does, the flow is recorded as stopped all the same.
pub(crate) struct Flow {
    pub(crate) conn: Conn,
    pub(crate) info: Arc<FlowInfo>,
    pub(crate) shared: Arc<Shared>,
    id: FlowId,
}

impl Flow {
    /// Records that the flow was opened.
    pub(crate) fn open(shared: Arc<Shared>, id: FlowId, info: FlowInfo) -> Self {
        let FlowInfo { key, ref process, via, destination, .. } = info;
        let opened = Opened { key, process: process.clone(), via: via.to_owned() };
        let named = destination == Destination::Named;
        let host = if named { None } else { shared.names.of(key.server.ip()) };
        let start = Start { key, named, host, ids: shared.ids.clone() };
        let conn = Conn::new(Arc::clone(&shared.config), start, Instant::now());
        let this = Self { conn, id, info: Arc::new(info), shared };
        this.record(Event::Opened(opened));
        this
    }

    pub(crate) fn record(&self, event: Event) {
        if let Event::Dns { message, .. } = &event
            && message.response
        {
            self.shared.names.learn(message);
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

    /// Ends what is under way, and records how.
    fn abandon(&mut self, failure: Failure) {
        self.conn.abandon(failure);
        loop {
            match self.conn.poll_output() {
                Output::Event(event) => self.record(event),
                Output::Done | Output::Wait(_) => return,
                _ => {}
            }
        }
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return self.abandon(Failure::Stopped);
        }
        let reason = "the flow's task panicked; please report it".into();
        // What panicked once may do so again, and a panic that leaves a destructor during
        // unwinding would abort the whole process.
        let abandoned = catch_unwind(AssertUnwindSafe(|| {
            self.abandon(Failure::Internal { reason });
        }));
        if abandoned.is_err() {
            error!("the end of a flow whose task panicked could not be recorded");
        }
    }
}
