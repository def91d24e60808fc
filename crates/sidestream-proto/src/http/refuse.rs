//! Requests that cannot be read, or must not be passed on.

use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Event, Failure};

use crate::cx::Cx;
use crate::http::{Http, Place, Step, answer};
use crate::http1::HeadError;
use crate::layer::{Layer, Next, Told};
use crate::raw::Raw;

impl Http {
    pub(super) fn unreadable_request(&mut self, error: &HeadError, cx: &mut Cx) -> Step {
        let (from, what) = (Peer::Client, error.to_string());
        let passes = self.place != Place::Proxy && cx.guard().is_none();
        if passes && !matches!(error, HeadError::Smuggling(_)) {
            cx.event(Event::Defect { exchange: None, from, what });
            return self.pass_raw(cx);
        }
        // An answer may only be given in its turn.
        if self.flights.is_empty() {
            answer::refuse(cx, 400, &what);
        }
        Step::Leave(Next::Fail(Failure::Malformed { peer: from, reason: what }))
    }

    /// Refuses a request that must not be passed on, and ends the flow.
    pub(super) fn refuse(
        &mut self,
        id: ExchangeId,
        status: u16,
        failure: Failure,
        cx: &mut Cx,
    ) -> Step {
        // An answer may only be given in its turn.
        if self.flights.is_empty() {
            answer::refuse(cx, status, &failure.to_string());
        }
        cx.event(Event::ExchangeEnded { exchange: id, failure: Some(failure.clone()) });
        Step::Leave(Next::Fail(failure))
    }

    /// Passes on both sides as it is what cannot be read.
    ///
    /// Both peers then see exactly each other, so neither can be made to read it otherwise than
    /// we do.
    pub(super) fn pass_raw(&mut self, cx: &mut Cx) -> Step {
        let only = matches!(self.place, Place::Server { server, .. }
            // What is not HTTP cannot be passed to a proxy that takes nothing else, and says to
            // nobody who sent it.
            if cx.forwards(server).is_none()
                && cx.guard().is_none()
                && self.flights.iter().all(|flight| flight.server == server));
        let (Place::Server { server, .. }, true) = (self.place, only) else {
            let reason = "the message has no readable frame".into();
            return Step::Leave(Next::Fail(Failure::Malformed { peer: Peer::Client, reason }));
        };
        self.end(None, cx);
        let mut replay = vec![
            Told::Data(Peer::Client, self.client.split().freeze()),
            Told::Data(Peer::Server(server), self.server.split().freeze()),
        ];
        replay.retain(|told| !matches!(told, Told::Data(_, bytes) if bytes.is_empty()));
        replay.extend(self.client_ended.map(|clean| Told::Eof(Peer::Client, clean)));
        Step::Leave(Next::become_with(Layer::Raw(Raw::new(server, cx)), replay))
    }
}
