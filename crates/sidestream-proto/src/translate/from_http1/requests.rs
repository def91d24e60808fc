//! The leg towards the client: requests are read, recorded and sent as streams.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Alteration, Event, Failure, Fields, Part, RequestHead, Version};

use super::flight::{Flight, Piece as Answer};
use super::{FromHttp1, MAX_PIPELINED};
use crate::cx::Cx;
use crate::hooks::{Asked, Gathered, Origin, Want};
use crate::http::{self, Place};
use crate::http1::{self, BodyReader, Framing, HeadReader, Parsed, Piece};
use crate::http2::ErrorCode;
use crate::layer::Next;
use crate::mediated::with_host;
use crate::multiplexed::socket::Socket;
use crate::timers::Timer;
use crate::translate::{HIGH_WATER, malformed, request, upgrade, words};

/// A request that was read and has no stream yet.
pub(super) struct Ready {
    pub(super) id: ExchangeId,
    pub(super) head: RequestHead,
    pub(super) fields: Fields,
    pub(super) framing: Framing,
    /// The key of a WebSocket that is asked for.
    pub(super) key: Option<Bytes>,
    /// What hooks want of it.
    pub(super) want: Want,
    /// As the client sent it, where there are hooks.
    pub(super) seen: Option<Arc<Asked>>,
    /// Hooks are asked about it.
    pub(super) asked: bool,
    /// Its body, as far as it was held.
    pub(super) body: Option<Gathered>,
    /// The server that it goes to, if a hook named another one.
    pub(super) to: Option<Origin>,
}

/// A request that is not passed on.
pub(super) struct Refused {
    pub(super) id: ExchangeId,
    pub(super) method: Bytes,
    pub(super) version: Version,
}

/// What is being read from the client.
pub(super) enum Reading {
    Head(HeadReader),
    /// Until it is known whether its user may use us.
    Authenticating(Box<Ready>),
    /// Until its body is whole, which hooks want to see.
    Gathering(Box<Ready>),
    /// Until it is resumed, or hooks have judged it.
    Held(Box<Ready>),
    /// Until the server takes another stream.
    Queued(Box<Ready>),
    /// The body of the last request.
    Body(BodyReader),
    /// Until the response tells whether a WebSocket is open.
    Undecided,
    /// What the client says in a WebSocket.
    Socket,
    /// The client sends no more, or is not listened to any more.
    Ended,
}

impl Reading {
    pub(super) fn head(cx: &Cx) -> Self {
        Self::Head(HeadReader::new(cx.config.http1))
    }

    /// Takes the request out that is held, or that hooks are asked about, if it is that one.
    pub(super) fn take_held(
        &mut self,
        exchange: ExchangeId,
        asked: bool,
        cx: &Cx,
    ) -> Option<Box<Ready>> {
        match mem::replace(self, Self::head(cx)) {
            Self::Held(ready) if ready.id == exchange && ready.asked == asked => Some(ready),
            other => {
                *self = other;
                None
            }
        }
    }
}

impl FromHttp1 {
    /// Returns whether what comes from the client is read as it comes.
    pub(super) fn reads(&self) -> bool {
        match self.reading {
            Reading::Head(_) => self.takes_requests(),
            Reading::Body(_) => self.queued() < HIGH_WATER,
            Reading::Socket => {
                let socket = self.flights.back().map(|flight| &flight.socket);
                self.queued() < HIGH_WATER && socket.is_none_or(|it| it.wants(Peer::Client))
            }
            Reading::Gathering(_) => true,
            Reading::Authenticating(_)
            | Reading::Held(_)
            | Reading::Queued(_)
            | Reading::Undecided
            | Reading::Ended => false,
        }
    }

    fn takes_requests(&self) -> bool {
        self.flights.len() < MAX_PIPELINED
            && !self.stopping
            && !self.server_ended
            && self.server_end.can_ever_open()
    }

    fn queued(&self) -> usize {
        let queued = |flight: &Flight| self.server_end.queued(flight.stream);
        self.flights.back().map_or(0, queued) + self.aside_waiting()
    }

    /// Takes one step, and returns whether it did. A failure is one of the flow.
    pub(super) fn read_request(&mut self, cx: &mut Cx) -> Result<bool, Failure> {
        if !self.reads() && !matches!(self.reading, Reading::Queued(_)) {
            return Ok(false);
        }
        match mem::replace(&mut self.reading, Reading::Ended) {
            Reading::Head(mut reader) => match reader.poll_request(&mut self.client) {
                Ok(Some(parsed)) => self.begin(parsed, cx),
                Ok(None) => {
                    let more = self.client_ended.is_none();
                    if more {
                        self.reading = Reading::Head(reader);
                    } else if !self.client.is_empty() {
                        let (from, what) = (Peer::Client, "half a request".into());
                        cx.event(Event::Defect { exchange: None, from, what });
                    }
                    Ok(!more)
                }
                Err(error) => self.unreadable(malformed(Peer::Client, &error.to_string()), cx),
            },
            Reading::Body(mut reader) => match reader.poll(&mut self.client) {
                Ok(Some(piece)) => {
                    self.reading = Reading::Body(reader);
                    self.send_piece(piece, cx);
                    Ok(true)
                }
                Ok(None) if self.client_ended.is_some() => {
                    let missing = http::missing(&mut reader).flatten();
                    let failure = Failure::CutShort { peer: Peer::Client, missing };
                    self.cut(failure, ErrorCode::CANCEL);
                    Ok(true)
                }
                Ok(None) => {
                    self.reading = Reading::Body(reader);
                    Ok(false)
                }
                Err(error) => {
                    self.cut(malformed(Peer::Client, &error.to_string()), ErrorCode::CANCEL);
                    Ok(true)
                }
            },
            Reading::Queued(ready) => self.dispatch(ready, cx),
            Reading::Gathering(ready) => self.gather_request(ready, cx),
            Reading::Socket => self.read_socket(cx),
            other @ (Reading::Authenticating(_)
            | Reading::Held(_)
            | Reading::Undecided
            | Reading::Ended) => {
                self.reading = other;
                Ok(false)
            }
        }
    }

    fn begin(&mut self, parsed: Parsed<RequestHead>, cx: &mut Cx) -> Result<bool, Failure> {
        let id = cx.ids.exchange();
        let Parsed { mut head, defects, .. } = parsed;
        let place = Place::Server { server: self.server, secure: self.secure };
        let url = http::url(&head, place, cx);
        let admission = cx.admission(id, &head);
        let recorded = cx.take_login(&mut head).unwrap_or_else(|| head.clone());
        let (want, seen) = cx.want_request(&url, &head);
        cx.event(Event::Request { exchange: id, url, head: recorded });
        for defect in &defects {
            let (exchange, from, what) = (Some(id), Peer::Client, defect.to_string());
            cx.event(Event::Defect { exchange, from, what });
        }
        let alteration = Alteration::Translated { from: head.version, to: Version::Http2 };
        cx.event(Event::Altered { exchange: Some(id), alteration });
        let refused = Refused { id, method: head.method.clone(), version: head.version };
        if head.method == "CONNECT" {
            let what = "CONNECT to a server that speaks HTTP/2".into();
            return Ok(self.refuse(refused, 501, Failure::Unsupported { what }));
        }
        let framing = match http1::request_framing(&head) {
            Ok(framing) => framing,
            Err(reason) => {
                let failure = malformed(Peer::Client, &reason.to_string());
                return Ok(self.refuse(refused, 400, failure));
            }
        };
        let fields = match request::to_http2(&head, framing, self.secure) {
            Ok(fields) => with_host(fields, id, cx),
            Err(what) => return Ok(self.refuse(refused, 400, malformed(Peer::Client, what))),
        };
        let key = upgrade::key(&head, framing).cloned();
        let (asked, body, to) = (false, None, None);
        let ready = Ready { id, head, fields, framing, key, want, seen, asked, body, to };
        self.admit(Box::new(ready), admission, cx)
    }

    /// Begins a stream with the request, as soon as the server takes one.
    pub(super) fn dispatch(&mut self, mut ready: Box<Ready>, cx: &mut Cx) -> Result<bool, Failure> {
        if let Some(origin) = ready.to.take() {
            return self.open_aside(*ready, &origin, cx);
        }
        if ready.key.is_some() && !self.server_ended {
            match self.server_end.takes_extended_connect() {
                Some(true) => return Ok(self.open_socket(ready, cx)),
                // It says so in what it says first.
                None if self.server_end.can_ever_open() => {
                    self.reading = Reading::Queued(ready);
                    return Ok(false);
                }
                // It gets what a server gets that knows of no upgrades.
                Some(false) | None => ready.key = None,
            }
        }
        let held = ready.body.as_ref().filter(|body| body.ended);
        let over = held.map_or(ready.framing == Framing::Empty, |body| {
            body.data.is_empty() && body.trailers.is_empty()
        });
        let Some(stream) = self.server_end.open(&ready.fields, over) else {
            if self.server_end.can_ever_open() && !self.server_ended {
                self.reading = Reading::Queued(ready);
                return Ok(false);
            }
            // The server has gone: so does the client, which can ask again elsewhere.
            let peer = Peer::Server(self.server);
            let failure = Failure::GoneAway { peer, code: ErrorCode::NO_ERROR.0 };
            cx.event(Event::ExchangeEnded { exchange: ready.id, failure: Some(failure) });
            return Ok(true);
        };
        let Ready { id, head, framing, seen, body, .. } = *ready;
        let mut flight = Flight::new(id, stream, head.method, head.version);
        flight.seen = seen;
        flight.persists =
            head.version > Version::Http10 && http1::persists(head.version, &head.fields);
        self.flights.push_back(flight);
        match body {
            Some(body) => self.send_held(body, over, cx),
            None if over => self.asked(cx),
            None => self.reading = Reading::Body(BodyReader::new(framing, &cx.config.http1)),
        }
        Ok(true)
    }

    /// Asks the server for a WebSocket as HTTP/2 has it, as soon as it takes a stream.
    fn open_socket(&mut self, ready: Box<Ready>, cx: &mut Cx) -> bool {
        let fields = match upgrade::request_to_http2(&ready.head, self.secure) {
            Ok(fields) => fields,
            Err(what) => {
                let Ready { id, head, .. } = *ready;
                let refused = Refused { id, method: head.method, version: head.version };
                return self.refuse(refused, 400, malformed(Peer::Client, what));
            }
        };
        let Some(stream) = self.server_end.open(&fields, false) else {
            self.reading = Reading::Queued(ready);
            return false;
        };
        let Ready { id, head, key, seen, .. } = *ready;
        let mut flight = Flight::new(id, stream, head.method, head.version);
        flight.seen = seen;
        flight.persists = http1::persists(head.version, &head.fields);
        (flight.socket, flight.key) = (Socket::Asked, key.unwrap_or_default());
        self.flights.push_back(flight);
        self.reading = Reading::Undecided;
        cx.event(Event::PartEnded { exchange: id, part: Part::Request });
        true
    }

    fn send_piece(&mut self, piece: Piece, cx: &mut Cx) {
        let Some(flight) = self.flights.back() else { return };
        let (exchange, stream, part) = (flight.id, flight.stream, Part::Request);
        match piece {
            Piece::Data { data, .. } if data.is_empty() => {}
            Piece::Data { data, .. } => {
                cx.event(Event::Body { exchange, part, data: data.clone() });
                self.send_content(stream, data, false, cx);
            }
            Piece::Trailers { fields, .. } => {
                if fields.is_empty() {
                    return;
                }
                cx.event(Event::Trailers { exchange, part, fields: fields.clone() });
                match words::trailers_to_http2(&fields) {
                    Ok(fields) if fields.is_empty() => {}
                    Ok(trailers) => self.send_trailers(stream, trailers, &fields, cx),
                    Err(what) => {
                        self.cut(malformed(Peer::Client, what), ErrorCode::CANCEL);
                    }
                }
            }
            Piece::End => {
                if let Reading::Body(reader) = &self.reading {
                    for defect in reader.defects() {
                        let (from, what) = (Peer::Client, defect.to_string());
                        cx.event(Event::Defect { exchange: Some(exchange), from, what });
                    }
                }
                // Behind trailers it is one end too many, and is left out.
                self.send_content(stream, Bytes::new(), true, cx);
                self.asked(cx);
            }
        }
    }

    /// Notes that the last request is whole.
    pub(super) fn asked(&mut self, cx: &mut Cx) {
        self.reading = Reading::head(cx);
        let Some(flight) = self.flights.back_mut() else { return };
        flight.asked = true;
        if !flight.persists {
            self.reading = Reading::Ended;
        }
        cx.event(Event::PartEnded { exchange: flight.id, part: Part::Request });
    }

    /// Gives the last request up in the middle of its body, and reads no more.
    fn cut(&mut self, failure: Failure, code: ErrorCode) {
        self.reading = Reading::Ended;
        let Some(flight) = self.flights.back_mut() else { return };
        flight.persists = false;
        flight.asked = true;
        self.server_end.reset(flight.stream, code);
        flight.failure.get_or_insert_with(|| failure.clone());
        flight.fail(failure);
    }

    /// Refuses a request that must not be passed on, in its turn, and reads no more.
    pub(super) fn refuse(&mut self, refused: Refused, status: u16, failure: Failure) -> bool {
        let Refused { id, method, version } = refused;
        let mut flight = Flight::new(id, 0, method, version);
        (flight.asked, flight.came, flight.persists) = (true, true, false);
        flight.pending.push_back(Answer::Refusal(status, failure));
        self.flights.push_back(flight);
        true
    }

    /// What came cannot be read as a request, so neither can what follows.
    fn unreadable(&mut self, failure: Failure, cx: &mut Cx) -> Result<bool, Failure> {
        if self.flights.is_empty() {
            http::refuse(cx, 400, &failure.to_string());
            return Err(failure);
        }
        // The answers to the requests before it are still awaited, and the last that come.
        let (from, what) = (Peer::Client, failure.to_string());
        cx.event(Event::Defect { exchange: None, from, what });
        Ok(true)
    }

    /// Keeps a deadline for a head that has begun.
    pub(super) fn time_heads(&self, cx: &mut Cx) {
        match &self.reading {
            Reading::Head(reader) if reader.has_begun(&self.client) && self.takes_requests() => {
                cx.timers.bring_forward(Timer::RequestHead, cx.now + cx.config.timeouts.head);
            }
            _ => cx.timers.clear(Timer::RequestHead),
        }
    }

    pub(super) fn request_too_slow(&mut self, cx: &mut Cx) -> Next {
        let (peer, what) = (Peer::Client, "the head of a request".into());
        let failure = Failure::TimedOut { peer, what };
        if self.flights.is_empty() {
            http::refuse(cx, 408, &failure.to_string());
        }
        Next::Fail(failure)
    }
}
