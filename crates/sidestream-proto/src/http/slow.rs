//! Heads that begin and do not end.

use sidestream_flow::Peer;
use sidestream_record::{Event, Failure};

use crate::cx::Cx;
use crate::http::requests::Reading;
use crate::http::responses::Answering;
use crate::http::{Http, Place, Step, answer};
use crate::layer::Next;
use crate::timers::Timer;

impl Http {
    /// Keeps a deadline for each head that has begun, and none for those that have not.
    pub(super) fn time_heads(&self, cx: &mut Cx) {
        let asking = match &self.reading {
            Reading::Head(reader) => reader.has_begun(&self.client) && self.reads_requests(),
            _ => false,
        };
        let answering = match &self.answering {
            Answering::Head(reader) => reader.has_begun(&self.server) && self.reads_responses(),
            _ => false,
        };
        if asking {
            cx.timers.clear(Timer::Sniff);
        }
        for (timer, begun) in [(Timer::RequestHead, asking), (Timer::ResponseHead, answering)] {
            if begun {
                cx.timers.bring_forward(timer, cx.now + cx.config.timeouts.head);
            } else {
                cx.timers.clear(timer);
            }
        }
    }

    /// The head of a request took too long.
    pub(super) fn request_too_slow(&mut self, cx: &mut Cx) -> Next {
        let (from, what) = (Peer::Client, "the head of a request");
        if self.place == Place::Proxy && self.flights.is_empty() {
            let failure = Failure::TimedOut { peer: from, what: what.into() };
            answer::refuse(cx, 408, &failure.to_string());
            return Next::Fail(failure);
        }
        let limit = cx.config.timeouts.head;
        let what = format!("{what} is not whole after {limit:?}");
        cx.event(Event::Defect { exchange: None, from, what });
        if self.place == Place::Proxy {
            // The answers to the requests before it are still awaited, and the last that come.
            self.reading = Reading::Ended;
            if let Some(flight) = self.flights.back_mut() {
                flight.persists = false;
            }
            return Next::Stay;
        }
        self.pass_raw(cx).into_next()
    }

    /// The head of a response took too long.
    pub(super) fn response_too_slow(&mut self, cx: &mut Cx) -> Next {
        let Some(flight) = self.flights.front() else { return Next::Stay };
        let (exchange, peer) = (flight.id, Peer::Server(flight.server));
        let failure = Failure::TimedOut { peer, what: "the head of a response".into() };
        if self.front_is_routed() {
            return self.bad_gateway(failure, cx);
        }
        self.mark(exchange, failure);
        self.pass_raw(cx).into_next()
    }
}

impl Step {
    fn into_next(self) -> Next {
        match self {
            Self::Leave(next) => next,
            Self::Idle | Self::Moved => Next::Stay,
        }
    }
}
