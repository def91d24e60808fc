//! HTTP/1 between one client and its servers: two legs joined by exchanges.

mod answer;
mod end;
mod flight;
mod forward;
mod hooked;
mod keep;
mod login;
mod refuse;
mod requests;
mod responses;
mod route;
mod slow;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Event, Failure, Point, Protocol};

pub(crate) use answer::refuse;
pub(crate) use route::{authority, fallback_host, url};

use crate::cx::Cx;
use crate::hooks::Verdict;
use crate::http::flight::Flight;
use crate::http::requests::Reading;
use crate::http::responses::Answering;
use crate::http::route::Route;
use crate::http1::{BodyError, BodyReader};
use crate::layer::{Next, Told};
use crate::sniff::no_first_request;
use crate::timers::Timer;

/// What may wait from either side while it is not being read.
const HIGH_WATER: usize = 64 * 1024;

/// How many heads of one exchange are told beside those that every one has: interim responses, and
/// in HTTP/2 trailers.
pub(crate) const MAX_HEADS: u32 = 100;

/// Where requests go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Each to the server that it names.
    Proxy,
    /// All to one server.
    Server {
        server: u32,
        /// Inside TLS.
        secure: bool,
    },
}

pub(crate) struct Http {
    place: Place,
    /// From the client, not parsed yet.
    client: BytesMut,
    client_ended: Option<bool>,
    reading: Reading,
    /// Exchanges whose request was sent on, in order. The server of the first is answering.
    flights: VecDeque<Flight>,
    /// From that server, not parsed yet.
    server: BytesMut,
    answering: Answering,
    /// The servers that requests named, when this is a proxy.
    routes: Vec<Route>,
    /// Servers that ended while something of them was held, and whether they said so themselves.
    late_ends: Vec<(u32, bool)>,
    /// Nobody else is to go on with the connections.
    exclusive: bool,
    stopping: bool,
}

/// Returns how much of a body is missing whose connection has ended, or `None` if it ended well.
pub(crate) fn missing(reader: &mut BodyReader) -> Option<Option<u64>> {
    match reader.finish_at_eof() {
        Ok(()) => None,
        Err(BodyError::CutShort { missing }) => Some(missing),
        Err(_) => Some(None),
    }
}

/// Does the same where TLS may not have ended well: then nobody knows whether a body was whole that
/// lasts until the end (RFC 9112 §9.8).
pub(crate) fn missing_at(clean: bool, reader: &mut BodyReader) -> Option<Option<u64>> {
    missing(reader).or_else(|| (!clean).then_some(None))
}

/// Adds to what waits; where nothing does and nobody else has the bytes, without a copy.
fn gather(waiting: &mut BytesMut, bytes: Bytes) {
    if !waiting.is_empty() {
        return waiting.extend_from_slice(&bytes);
    }
    match bytes.try_into_mut() {
        Ok(bytes) => *waiting = bytes,
        Err(shared) => waiting.extend_from_slice(&shared),
    }
}

/// What one step of reading came to.
enum Step {
    /// Nothing can be done before something more happens.
    Idle,
    /// Something was done, so more may be possible.
    Moved,
    /// The layer is through.
    Leave(Next),
}

impl Http {
    pub(crate) fn new(place: Place, cx: &mut Cx) -> Self {
        cx.event(Event::Recognized(Protocol::Http1));
        Self {
            place,
            client: BytesMut::new(),
            client_ended: None,
            reading: Reading::head(cx),
            flights: VecDeque::new(),
            server: BytesMut::new(),
            answering: Answering::head(cx),
            routes: Vec::new(),
            late_ends: Vec::new(),
            exclusive: false,
            stopping: false,
        }
    }

    pub(crate) fn wants(&self, peer: Peer) -> bool {
        // What is being read is taken off at once, or bounded by the codec's limits. Only what
        // waits for something else piles up.
        match peer {
            Peer::Client => self.reads_requests() || self.client.len() < HIGH_WATER,
            Peer::Server(_) => self.reads_responses() || self.server.len() < HIGH_WATER,
        }
    }

    pub(crate) fn handle(&mut self, told: Told, cx: &mut Cx) -> Next {
        match self.take(told, cx) {
            Next::Stay => self.end_late(cx),
            next => next,
        }
    }

    /// Ends with the servers that ended while something of them was held that went on since.
    fn end_late(&mut self, cx: &mut Cx) -> Next {
        while let Some(at) = self.late_ends.iter().position(|(server, _)| !self.waits_for(*server))
        {
            let (server, clean) = self.late_ends.remove(at);
            match self.server_ended(server, clean, cx) {
                Next::Stay => {}
                next => return next,
            }
        }
        Next::Stay
    }

    fn take(&mut self, told: Told, cx: &mut Cx) -> Next {
        match told {
            Told::Data(Peer::Client, bytes) => gather(&mut self.client, bytes),
            Told::Data(peer @ Peer::Server(server), bytes) => {
                if let Some(leg) = cx.leg(peer) {
                    leg.reused = false;
                }
                if self.answers(server) {
                    gather(&mut self.server, bytes);
                }
            }
            Told::Eof(Peer::Client, clean) => self.client_ended = Some(clean),
            Told::Eof(Peer::Server(server), _) | Told::Reset(Peer::Server(server))
                if self.repeat(server, cx) => {}
            Told::Eof(Peer::Server(server), clean) => {
                // What came before the end is read first.
                let next = self.advance(cx);
                if self.answers(server) {
                    self.gathering_ended(clean, cx);
                }
                return match next {
                    Next::Stay if self.waits_for(server) => {
                        self.late_ends.push((server, clean));
                        Next::Stay
                    }
                    Next::Stay => self.server_ended(server, clean, cx),
                    next => next,
                };
            }
            Told::Opened(server) => return self.opened(server, cx),
            Told::Established(Peer::Server(server)) => return self.routed(server, cx),
            Told::OpenFailed(server, failure) => {
                return self.unreachable(server, Failure::Dial(failure), cx);
            }
            Told::TlsFailed(peer, error) => {
                return self.tls_failed(peer, error.to_string(), cx);
            }
            Told::Reset(peer) => return self.reset(peer, cx),
            Told::Resumed(exchange) => return self.resume(exchange, cx),
            Told::Verdict(exchange, verdict) if self.reading.awaits_login(exchange) => {
                return self.authenticated(*verdict == Verdict::Pass, cx);
            }
            Told::Verdict(exchange, verdict) => return self.judged(exchange, *verdict, cx),
            Told::Stop => self.stopping = true,
            Told::Expired(Timer::RequestHead) => return self.request_too_slow(cx),
            Told::Expired(Timer::ResponseHead) => return self.response_too_slow(cx),
            Told::Expired(Timer::Sniff) if self.place == Place::Proxy => {
                return Next::Fail(no_first_request());
            }
            Told::Expired(Timer::Handshake | Timer::Idle | Timer::Sniff)
            | Told::Established(Peer::Client)
            | Told::Leaf(_)
            | Told::MessageVerdict(..) => {}
        }
        self.advance(cx)
    }

    /// Reads requests and responses as far as they go.
    fn advance(&mut self, cx: &mut Cx) -> Next {
        loop {
            let asked = match self.read_request(cx) {
                Step::Leave(next) => return next,
                step => matches!(step, Step::Moved),
            };
            let answered = match self.read_response(cx) {
                Step::Leave(next) => return next,
                step => matches!(step, Step::Moved),
            };
            if !asked && !answered {
                break;
            }
        }
        for read in [&mut self.client, &mut self.server] {
            // What is empty may still hold all that came before.
            if read.is_empty() {
                *read = BytesMut::new();
            }
        }
        if self.stopping && self.flights.is_empty() && self.reading.is_between() {
            return self.finish(true, cx);
        }
        self.time_heads(cx);
        Next::Stay
    }

    fn resume(&mut self, exchange: ExchangeId, cx: &mut Cx) -> Next {
        if let Some(ready) = self.reading.take_held(exchange, cx) {
            cx.event(Event::Resumed { exchange, point: Point::Request });
            if let Step::Leave(next) = self.consider(ready, cx) {
                return next;
            }
        } else if let Some(answer) = self.answering.take_held(exchange, cx) {
            cx.event(Event::Resumed { exchange, point: Point::Response });
            if let Step::Leave(next) = self.consider_response(answer, cx) {
                return next;
            }
        }
        self.advance(cx)
    }

    /// Returns whether that server's bytes are awaited.
    fn answers(&self, server: u32) -> bool {
        match (self.flights.front(), self.place) {
            (Some(flight), _) => flight.server == server,
            (None, Place::Server { server: only, .. }) => only == server,
            (None, Place::Proxy) => false,
        }
    }

    /// Returns whether a request named that server, or a hook did: others are reached as well.
    fn is_route(&self, server: u32) -> bool {
        !matches!(self.place, Place::Server { server: only, .. } if only == server)
    }

    /// Returns whether the exchange that is answered goes to such a server.
    fn front_is_routed(&self) -> bool {
        self.place == Place::Proxy
            || self.flights.front().is_some_and(|flight| self.is_route(flight.server))
    }

    /// Returns whether what that server said last is held, or what others say comes first.
    fn waits_for(&self, server: u32) -> bool {
        let first = self.flights.front();
        match self.answering {
            Answering::Held(_) => first.is_some_and(|flight| flight.server == server),
            _ if self.is_route(server) => false,
            _ => {
                matches!(self.reading, Reading::Gathering(_) | Reading::Held(_))
                    || first.is_some_and(|flight| flight.server != server)
            }
        }
    }

    /// Ends the exchanges that are over, in order.
    fn settle(&mut self, cx: &mut Cx) -> Step {
        while let Some(flight) = self.flights.pop_front_if(|flight| flight.is_over()) {
            let Flight { id: exchange, server, failure, persists, .. } = flight;
            self.exclusive |= !persists || failure.is_some();
            cx.event(Event::ExchangeEnded { exchange, failure });
            if !persists && self.is_route(server) {
                return Step::Leave(self.finish(true, cx));
            }
        }
        Step::Moved
    }

    /// Ends the flow with everyone.
    fn finish(&mut self, clean: bool, cx: &mut Cx) -> Next {
        cx.shutdown(Peer::Client, clean);
        if let Place::Server { server, .. } = self.place {
            cx.shutdown(Peer::Server(server), clean);
        }
        for route in &self.routes {
            if self.is_unused() && cx.keep(route.server) {
                continue;
            }
            cx.shutdown(Peer::Server(route.server), clean);
        }
        Next::Finish
    }
}
