//! The leg towards the client: requests are read, recorded and sent on.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Alteration, Event, Failure, Part, Point, RequestHead};

use crate::Output;
use crate::auth::Admission;
use crate::cx::Cx;
use crate::hooks::{self, Gathered, Origin, Want};
use crate::http::flight::Flight;
use crate::http::route::Asked;
use crate::http::{Http, Place, Step, forward, route};
use crate::http1::{self, BodyReader, Framing, HeadReader, Parsed, Piece};
use crate::timers::Timer;

/// How many requests of one client may wait for their responses.
const MAX_PIPELINED: usize = 64;

/// A request that was read and is not sent on yet.
pub(crate) struct Ready {
    pub(crate) id: ExchangeId,
    pub(crate) parsed: Parsed<RequestHead>,
    pub(crate) framing: Framing,
    /// What hooks want of it.
    pub(crate) want: Want,
    /// As the client sent it, where there are hooks.
    pub(crate) seen: Option<Arc<hooks::Asked>>,
    /// Hooks are asked about it.
    pub(crate) asked: bool,
    /// Its body, as far as it was held.
    pub(crate) body: Option<Gathered>,
    /// The server that it goes to, if a hook named another one.
    pub(crate) to: Option<Origin>,
}

/// What is being read from the client.
pub(crate) enum Reading {
    Head(HeadReader),
    /// Until it is known whether its user may use us.
    Authenticating(Box<Ready>),
    /// Until its body is whole, which hooks want to see.
    Gathering(Box<Ready>),
    /// Until it is resumed, or hooks have judged it.
    Held(Box<Ready>),
    /// Until the exchanges before it, with another server, are over.
    Queued(Box<Ready>),
    /// Until its server is there.
    Opening(Box<Ready>, u32),
    Body(ExchangeId, BodyReader),
    /// Until the response tells whether HTTP goes on.
    Undecided,
    /// The client sends no more.
    Ended,
}

impl Reading {
    pub(crate) fn head(cx: &Cx) -> Self {
        Self::Head(HeadReader::new(cx.config.http1))
    }

    /// Returns whether no request is under way on this leg.
    pub(crate) const fn is_between(&self) -> bool {
        matches!(self, Self::Head(_) | Self::Ended)
    }

    /// Returns whether that request waits until it is known whether its user may use us.
    pub(crate) fn awaits_login(&self, exchange: ExchangeId) -> bool {
        matches!(self, Self::Authenticating(ready) if ready.id == exchange)
    }

    /// Takes the request out that is held, if it is that one.
    pub(crate) fn take_held(&mut self, exchange: ExchangeId, cx: &Cx) -> Option<Ready> {
        match mem::replace(self, Self::head(cx)) {
            Self::Held(ready) if ready.id == exchange && !ready.asked => Some(*ready),
            other => {
                *self = other;
                None
            }
        }
    }

    /// Takes the request out that hooks are asked about, if it is that one.
    pub(crate) fn take_asked(&mut self, exchange: ExchangeId, cx: &Cx) -> Option<Ready> {
        match mem::replace(self, Self::head(cx)) {
            Self::Held(ready) if ready.id == exchange && ready.asked => Some(*ready),
            other => {
                *self = other;
                None
            }
        }
    }
}

impl Http {
    /// Returns whether what comes from the client is read as it comes.
    pub(super) fn reads_requests(&self) -> bool {
        match self.reading {
            Reading::Head(_) => self.flights.len() < MAX_PIPELINED && !self.stopping,
            Reading::Body(..) | Reading::Gathering(_) => true,
            Reading::Authenticating(_)
            | Reading::Held(_)
            | Reading::Queued(_)
            | Reading::Opening(..)
            | Reading::Undecided
            | Reading::Ended => false,
        }
    }

    pub(super) fn read_request(&mut self, cx: &mut Cx) -> Step {
        match &mut self.reading {
            Reading::Head(_) if self.flights.len() >= MAX_PIPELINED || self.stopping => Step::Idle,
            Reading::Head(reader) => match reader.poll_request(&mut self.client) {
                Ok(Some(parsed)) => self.begin(parsed, cx),
                Ok(None) => self.between_requests(cx),
                Err(error) => self.unreadable_request(&error, cx),
            },
            Reading::Body(id, reader) => {
                let id = *id;
                match reader.poll(&mut self.client) {
                    Ok(Some(piece)) => self.send_piece(id, piece, cx),
                    Ok(None) => self.within_body(id, cx),
                    Err(error) => {
                        self.mark(id, malformed(&error));
                        self.pass_raw(cx)
                    }
                }
            }
            Reading::Queued(_) if self.flights.is_empty() => {
                match mem::replace(&mut self.reading, Reading::head(cx)) {
                    Reading::Queued(ready) => self.dispatch(*ready, cx),
                    _ => Step::Idle,
                }
            }
            Reading::Gathering(_) => self.gather_request(cx),
            Reading::Authenticating(_)
            | Reading::Held(_)
            | Reading::Queued(_)
            | Reading::Opening(..)
            | Reading::Undecided
            | Reading::Ended => Step::Idle,
        }
    }

    fn begin(&mut self, mut parsed: Parsed<RequestHead>, cx: &mut Cx) -> Step {
        cx.timers.clear(Timer::RequestHead);
        cx.timers.clear(Timer::Sniff);
        let id = cx.ids.exchange();
        let url = route::url(&parsed.head, self.place, cx);
        let admission = self.admission(id, &parsed.head, cx);
        let head = self.take_login(&mut parsed, cx);
        let (want, seen) = match self.place {
            Place::Proxy => cx.want_request(&url, &head),
            Place::Server { .. } => cx.want_request(&url, &parsed.head),
        };
        cx.event(Event::Request { exchange: id, url, head });
        // A server might read it otherwise, and have the next client's request follow that.
        self.exclusive |= !parsed.defects.is_empty();
        for defect in &parsed.defects {
            let (exchange, from, what) = (Some(id), Peer::Client, defect.to_string());
            cx.event(Event::Defect { exchange, from, what });
        }
        let framing = match http1::request_framing(&parsed.head) {
            Ok(framing) => framing,
            Err(reason) => return self.refuse(id, 400, malformed(&reason), cx),
        };
        let (asked, body, to) = (false, None, None);
        let ready = Ready { id, parsed, framing, want, seen, asked, body, to };
        match admission {
            Admission::Granted => self.admit(ready, cx),
            Admission::Refused => self.unauthorized(id, cx),
            Admission::Asked(login) => {
                cx.output(Output::Authenticate(login));
                self.reading = Reading::Authenticating(Box::new(ready));
                Step::Moved
            }
        }
    }

    /// Takes on a request whose user may use us.
    pub(super) fn admit(&mut self, ready: Ready, cx: &mut Cx) -> Step {
        let id = ready.id;
        if self.place != Place::Proxy {
            cx.login_taken(id);
        }
        if cx.config.hold.contains(&Point::Request) {
            cx.event(Event::Held { exchange: id, point: Point::Request });
            self.reading = Reading::Held(Box::new(ready));
            return Step::Moved;
        }
        self.consider(ready, cx)
    }

    /// Sends a request to its server, as soon as that is possible.
    pub(super) fn dispatch(&mut self, ready: Ready, cx: &mut Cx) -> Step {
        if let (Place::Server { server, .. }, None) = (self.place, &ready.to) {
            if self.flights.iter().any(|flight| flight.server != server) {
                self.reading = Reading::Queued(Box::new(ready));
                return Step::Idle;
            }
            if cx.lacks(server) {
                return self.await_server(ready, server, cx);
            }
            if cx.forwards(server).is_some() {
                return self.send_forwarded(ready, server, cx);
            }
            let sent = ready.parsed.head.fields.get("Host");
            let wire = match cx.set_host("Host", sent, ready.id) {
                None => ready.parsed.raw.clone(),
                Some(host) => ready.parsed.edit().set("Host", &host).finish(),
            };
            return self.send_request(ready, server, wire, cx);
        }
        let asked = match (&ready.to, Asked::of(&ready.parsed.head)) {
            (Some(origin), _) => Asked::from(origin),
            (None, Ok(asked)) => asked,
            (None, Err(reason)) => {
                let failure = Failure::Malformed { peer: Peer::Client, reason: reason.into() };
                return self.refuse(ready.id, 400, failure, cx);
            }
        };
        let server = self.route_to(&asked);
        if self.flights.iter().any(|flight| Some(flight.server) != server) {
            self.reading = Reading::Queued(Box::new(ready));
            return Step::Idle;
        }
        match server {
            Some(server) => self.send_routed(ready, server, cx),
            None => {
                let server = self.open_route(asked, cx);
                self.reading = Reading::Opening(Box::new(ready), server);
                Step::Moved
            }
        }
    }

    /// Sends a request that named its server in the form that servers expect.
    pub(super) fn send_routed(&mut self, ready: Ready, server: u32, cx: &mut Cx) -> Step {
        if self.place != Place::Proxy {
            let wire = ready.parsed.raw.clone();
            return self.send_request(ready, server, wire, cx);
        }
        let head = &ready.parsed.head;
        let forwards = cx.forwards(server);
        let target = match forwards {
            // It takes the request as the client gave it to us.
            Some(_) => None,
            None => Asked::of(head).ok().and_then(|asked| asked.origin_form),
        };
        let removed = route::fields_for_the_proxy(head);
        let exchange = Some(ready.id);
        if let Some(to) = &target {
            let alteration = Alteration::TargetForm { from: head.target.clone(), to: to.clone() };
            cx.event(Event::Altered { exchange, alteration });
        }
        if !removed.is_empty() {
            let names = removed.iter().map(|name| (*name).to_owned()).collect();
            cx.event(Event::Altered { exchange, alteration: Alteration::FieldsRemoved(names) });
        }
        let edit = removed.iter().fold(ready.parsed.edit(), |edit, name| edit.remove(name));
        let edit = target.iter().fold(edit, |edit, target| edit.target(target));
        let authorization = forwards.and_then(|forwards| forwards.authorization);
        let wire = forward::authorize(edit, authorization.as_ref(), ready.id, cx).finish();
        self.send_request(ready, server, wire, cx)
    }

    pub(super) fn send_request(
        &mut self,
        ready: Ready,
        server: u32,
        wire: Bytes,
        cx: &mut Cx,
    ) -> Step {
        let Ready { id, parsed, framing, seen, body, .. } = ready;
        self.note_request(&parsed.head, cx);
        let again = self.may_repeat(&parsed.head, framing, server, cx).then(|| wire.clone());
        cx.send(Peer::Server(server), wire);
        let mut flight = Flight::new(id, server, parsed.head.method.clone());
        flight.again = again;
        flight.persists = server < route::MAX_SERVERS - 1;
        flight.seen = seen;
        flight.leaves_http =
            parsed.head.method == "CONNECT" || http1::upgrade(&parsed.head.fields).is_some();
        let undecided = flight.leaves_http && matches!(framing, Framing::Empty | Framing::Tunnel);
        self.flights.push_back(flight);
        let (reader, ended) = match body {
            None => (BodyReader::new(framing, &cx.config.http1), false),
            Some(body) => {
                self.exclusive |= !body.reader.defects().is_empty();
                cx.send(Peer::Server(server), body.wire.freeze());
                (body.reader, body.ended)
            }
        };
        self.reading = Reading::Body(id, reader);
        if undecided {
            self.asked(id, cx);
            self.reading = Reading::Undecided;
        } else if ended {
            self.reading = Reading::head(cx);
            self.asked(id, cx);
        }
        Step::Moved
    }

    fn send_piece(&mut self, exchange: ExchangeId, piece: Piece, cx: &mut Cx) -> Step {
        let Some(server) = self.flights.back().map(|flight| Peer::Server(flight.server)) else {
            return Step::Idle;
        };
        let part = Part::Request;
        match piece {
            Piece::Data { data, wire } => {
                if !data.is_empty() {
                    cx.event(Event::Body { exchange, part, data });
                }
                cx.send(server, wire);
            }
            Piece::Trailers { fields, wire } => {
                if !fields.is_empty() {
                    cx.event(Event::Trailers { exchange, part, fields });
                }
                cx.send(server, wire);
            }
            Piece::End => {
                if let Reading::Body(_, reader) = &self.reading {
                    for defect in reader.defects() {
                        self.exclusive = true;
                        let (from, what) = (Peer::Client, defect.to_string());
                        cx.event(Event::Defect { exchange: Some(exchange), from, what });
                    }
                }
                // What follows a request for another protocol may be that protocol.
                let undecided = self
                    .flights
                    .back()
                    .is_some_and(|flight| flight.leaves_http && !flight.answered);
                self.reading = if undecided { Reading::Undecided } else { Reading::head(cx) };
                self.asked(exchange, cx);
                return self.settle(cx);
            }
        }
        Step::Moved
    }

    /// Notes that a request is whole.
    pub(super) fn asked(&mut self, exchange: ExchangeId, cx: &mut Cx) {
        cx.event(Event::PartEnded { exchange, part: Part::Request });
        if let Some(flight) = self.flights.iter_mut().find(|flight| flight.id == exchange) {
            flight.asked = true;
        }
    }

    /// Notes why an exchange will not end well.
    pub(super) fn mark(&mut self, exchange: ExchangeId, failure: Failure) {
        if let Some(flight) = self.flights.iter_mut().find(|flight| flight.id == exchange) {
            flight.failure.get_or_insert(failure);
        }
    }
}

pub(super) fn malformed(error: &impl ToString) -> Failure {
    Failure::Malformed { peer: Peer::Client, reason: error.to_string() }
}
