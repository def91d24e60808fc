//! How exchanges end when a peer goes away.

use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Event, Failure};

use crate::cx::Cx;
use crate::http::requests::Reading;
use crate::http::responses::Answering;
use crate::http::{Http, Place, Step, answer, missing, missing_at};
use crate::layer::{Layer, Next, Told};
use crate::raw::Raw;

impl Http {
    /// A server sends no more.
    pub(super) fn server_ended(&mut self, server: u32, clean: bool, cx: &mut Cx) -> Next {
        let peer = Peer::Server(server);
        if self.answers(server)
            && let Some(next) = self.close_response(peer, clean, cx)
        {
            return next;
        }
        if !self.is_route(server) {
            self.end(Some(&Failure::CutShort { peer, missing: None }), cx);
            if cx.guard().is_some() {
                // What may still come from the client says to nobody who sent it.
                return self.finish(clean, cx);
            }
            let mut replay = Vec::new();
            if !self.client.is_empty() {
                replay.push(Told::Data(Peer::Client, self.client.split().freeze()));
            }
            replay.extend(self.client_ended.map(|clean| Told::Eof(Peer::Client, clean)));
            replay.push(Told::Eof(peer, clean));
            return Next::become_with(Layer::Raw(Raw::after_http(server)), replay);
        }
        self.routes.retain(|route| route.server != server);
        let cut = self.flights.front().filter(|flight| flight.server == server);
        match cut.map(|flight| flight.answering) {
            None => {
                cx.shutdown(peer, clean);
                cx.forget(peer);
                Next::Stay
            }
            Some(true) => {
                cx.shutdown(Peer::Client, false);
                Next::Fail(Failure::CutShort { peer, missing: None })
            }
            Some(false) => self.bad_gateway(Failure::CutShort { peer, missing: None }, cx),
        }
    }

    /// Ends the response that was under way: well if it lasts until the close (RFC 9112 §6.3),
    /// which over TLS has to be told (§9.8), else cut short.
    fn close_response(&mut self, peer: Peer, clean: bool, cx: &mut Cx) -> Option<Next> {
        if self.flights.front().is_none_or(|flight| flight.answered) {
            return None;
        }
        let routed = self.front_is_routed();
        match &mut self.answering {
            Answering::Body(reader) => match missing_at(clean, reader) {
                None => match self.answered(cx) {
                    Step::Leave(next) => return Some(next),
                    Step::Idle | Step::Moved => {}
                },
                Some(missing) => {
                    if let Some(flight) = self.flights.front_mut() {
                        flight.failure.get_or_insert(Failure::CutShort { peer, missing });
                    }
                }
            },
            // Half a head is passed on, for the client to see what there was.
            Answering::Head(_) if !routed => {
                cx.send(Peer::Client, self.server.split().freeze());
            }
            Answering::Gathering(_) | Answering::Head(_) | Answering::Held(_) => {}
        }
        None
    }

    pub(super) fn reset(&mut self, peer: Peer, cx: &mut Cx) -> Next {
        match peer {
            Peer::Server(server) => self.unreachable(server, Failure::Reset(peer), cx),
            Peer::Client => {
                self.leave_servers(cx);
                Next::Fail(Failure::Reset(peer))
            }
        }
    }

    pub(super) fn tls_failed(&mut self, peer: Peer, reason: String, cx: &mut Cx) -> Next {
        let failure = Failure::Tls { peer, reason };
        match peer {
            Peer::Server(server) => self.unreachable(server, failure, cx),
            Peer::Client => Next::Fail(failure),
        }
    }

    /// A server that a request named cannot be reached, or has gone.
    pub(super) fn unreachable(&mut self, server: u32, failure: Failure, cx: &mut Cx) -> Next {
        let waits = matches!(self.reading, Reading::Opening(_, opening) if opening == server);
        if !self.is_route(server) && !waits && !self.is_repeated(server) {
            return Next::Fail(failure);
        }
        self.routes.retain(|route| route.server != server);
        cx.forget(Peer::Server(server));
        match self.flights.front().filter(|flight| flight.server == server) {
            Some(flight) if flight.answering => Next::Fail(failure),
            Some(_) => self.bad_gateway(failure, cx),
            None if waits => self.bad_gateway(failure, cx),
            None => Next::Stay,
        }
    }

    /// Tells the client of a proxy that its server failed, and ends the flow well.
    pub(super) fn bad_gateway(&mut self, failure: Failure, cx: &mut Cx) -> Next {
        let status = if failure.is_timeout() { 504 } else { 502 };
        answer::refuse(cx, status, &failure.to_string());
        self.end(Some(&failure), cx);
        self.finish(true, cx)
    }

    /// Ends all exchanges that are under way.
    pub(crate) fn end(&mut self, failure: Option<&Failure>, cx: &mut Cx) {
        let cut = || Failure::CutShort { peer: Peer::Client, missing: None };
        for flight in self.flights.drain(..) {
            let failure = flight.failure.or_else(|| {
                (!flight.answered || !flight.asked).then(|| failure.cloned().unwrap_or_else(cut))
            });
            cx.event(Event::ExchangeEnded { exchange: flight.id, failure });
        }
        let waiting = match std::mem::replace(&mut self.reading, Reading::Ended) {
            Reading::Authenticating(ready)
            | Reading::Gathering(ready)
            | Reading::Held(ready)
            | Reading::Queued(ready)
            | Reading::Opening(ready, _) => ready.id,
            Reading::Head(_) | Reading::Body(..) | Reading::Undecided | Reading::Ended => return,
        };
        let failure = Some(failure.cloned().unwrap_or_else(cut));
        cx.event(Event::ExchangeEnded { exchange: waiting, failure });
    }

    /// No further request is there. If the client has ended, so does its leg.
    pub(super) fn between_requests(&mut self, cx: &mut Cx) -> Step {
        let Some(clean) = self.client_ended else { return Step::Idle };
        self.reading = Reading::Ended;
        match self.place {
            Place::Server { server, .. } => {
                if !self.client.is_empty() {
                    self.exclusive = true;
                    let (from, what) = (Peer::Client, "half a request".into());
                    cx.event(Event::Defect { exchange: None, from, what });
                    cx.send(Peer::Server(server), self.client.split().freeze());
                }
                if let Some(step) = self.leave_server(server, clean, cx) {
                    return step;
                }
                cx.shutdown(Peer::Server(server), clean);
                Step::Moved
            }
            Place::Proxy if self.flights.is_empty() => Step::Leave(self.finish(clean, cx)),
            // The last response is for a client that only stopped asking.
            Place::Proxy => {
                if let Some(flight) = self.flights.back_mut() {
                    flight.persists = false;
                }
                Step::Moved
            }
        }
    }

    /// The body waits for more. If the client has ended, it was cut short.
    pub(super) fn within_body(&mut self, id: ExchangeId, cx: &mut Cx) -> Step {
        let (Some(clean), Reading::Body(_, reader)) = (self.client_ended, &mut self.reading) else {
            return Step::Idle;
        };
        let missing = missing(reader).flatten();
        self.mark(id, Failure::CutShort { peer: Peer::Client, missing });
        self.reading = Reading::Ended;
        let Some(flight) = self.flights.back_mut() else { return Step::Moved };
        flight.asked = true;
        flight.persists = false;
        cx.send(Peer::Server(flight.server), self.client.split().freeze());
        cx.shutdown(Peer::Server(flight.server), clean);
        Step::Moved
    }
}
