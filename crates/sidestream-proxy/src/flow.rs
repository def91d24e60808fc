//! What every flow's task has: the machine, what is known of the flow, and how it is recorded.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use sidestream_capture::{Destination, FlowInfo, Target};
use sidestream_flow::{FlowId, Transport};
use sidestream_proto::hooks::ConnectFate;
use sidestream_proto::{Conn, Output, PassRules, Start};
use sidestream_record::{Closed, Entry, Event, Failure, Opened, Sink};
use tracing::error;

use crate::clock;
use crate::hooks::Hook;
use crate::passing::Passing;
use crate::proxy::Shared;

/// A flow that is being served.
///
/// If its task ends before the machine does, the flow is recorded as stopped all the same.
pub(crate) struct Flow {
    pub(crate) conn: Conn,
    pub(crate) info: Arc<FlowInfo>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: FlowId,
    /// What looks at its exchanges.
    pub(crate) hook: Option<Arc<dyn Hook>>,
    /// As it was when the flow began.
    passing: Passing,
}

impl Flow {
    /// Records that the flow was opened.
    pub(crate) fn open(shared: Arc<Shared>, id: FlowId, info: Arc<FlowInfo>) -> Self {
        let FlowInfo { key, ref process, via, ref destination, ref residual, .. } = *info;
        let passing = *shared.passing.read().unwrap_or_else(PoisonError::into_inner);
        let opened = Opened { key, process: process.clone(), via: via.to_owned() };
        let named = *destination == Destination::Named;
        let host = match destination {
            Destination::Named => None,
            Destination::Host(name) => Some(name.to_string()),
            _ => shared.names.of(key.server.ip()),
        };
        let refused = passing.refused.and_then(|_| shared.refusals.of(process.as_deref()));
        let pass = PassRules {
            residual: residual.clone(),
            decrypt: passing.decrypt,
            refused,
            suspect: passing.refused.is_some(),
            record_raw: shared.sink.wants_content(),
        };
        let hooked = shared.hooked.read().unwrap_or_else(PoisonError::into_inner).clone();
        let fate = match &hooked {
            Some(hooked) if !named && key.transport == Transport::Tcp => {
                hooked.hook.at_connect(&info)
            }
            _ => ConnectFate::GoOn,
        };
        let start = Start { key, named, host, ids: shared.ids.clone(), pass, fate };
        let config = hooked.as_ref().map_or(&shared.config, |hooked| &hooked.config);
        let conn = Conn::new(Arc::clone(config), start, clock::now());
        let hook = hooked.map(|hooked| hooked.hook);
        let this = Self { conn, id, info, shared, hook, passing };
        this.record(Event::Opened(opened));
        this
    }

    pub(crate) fn record(&self, mut event: Event) {
        match &mut event {
            Event::Dns { message, .. } if message.response => self.shared.names.learn(message),
            Event::Closed(Closed { failure: Some(failure), .. }) => self.remember(failure),
            _ => {}
        }
        // What a sink could not take it has counted.
        _ = self.shared.sink.record(&Entry { at: SystemTime::now(), flow: self.id, event });
    }

    /// Takes note of a client that refused our certificate, and says what that leads to.
    fn remember(&self, failure: &mut Failure) {
        let Failure::CertificateRefused { host, alert, passed_for } = failure else { return };
        let Some(period) = self.passing.refused else { return };
        let process = self.info.process.as_deref();
        if self.shared.refusals.note(process, host, alert.is_some(), period) {
            *passed_for = Some(period);
        }
    }

    /// Returns what a driver's dialler understands.
    pub(crate) fn target(&self, target: sidestream_proto::Target) -> Target {
        match target {
            sidestream_proto::Target::Http(host, port)
            | sidestream_proto::Target::Name(host, port) => Target::Name(host, port),
            sidestream_proto::Target::Original => match &self.info.destination {
                Destination::Host(name) => {
                    Target::Name(name.to_string(), self.info.key.server.port())
                }
                _ => Target::Addr(self.info.key.server),
            },
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
