//! A client that speaks HTTP/1, and a server that speaks HTTP/2.
//!
//! Pipelined requests become streams at once, and are answered in their order: what comes too
//! early waits, as far as the window of its stream allows.

mod aside;
mod flight;
mod held;
mod hooked;
mod login;
mod requests;
mod responses;
mod sockets;

use std::collections::VecDeque;

use bytes::BytesMut;
use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Event, Failure, Point, Protocol};

use self::flight::{Flight, Piece};
use self::requests::Reading;
use super::HIGH_WATER;
use crate::cx::Cx;
use crate::endpoint::Endpoint;
use crate::hooks::{Detour, Verdict};
use crate::http2::ErrorCode;
use crate::layer::{Next, Told};
use crate::timers::Timer;

/// How many requests of one client may wait for their responses.
const MAX_PIPELINED: usize = 64;

/// What the heads of responses may add up to that were not sent on: interim ones can be many.
const MAX_HEAD_BYTES: usize = 16 * 1024 * 1024;

pub(crate) struct FromHttp1 {
    server: u32,
    secure: bool,
    server_end: Endpoint,
    /// From the client, not parsed yet.
    client: BytesMut,
    client_ended: Option<bool>,
    reading: Reading,
    /// Exchanges whose request was begun on a stream, in order.
    flights: VecDeque<Flight>,
    /// The connections of exchanges that hooks sent elsewhere.
    detours: Vec<Detour<ExchangeId>>,
    /// What the heads of responses add up to that were not sent on.
    head_bytes: usize,
    /// No further stream can be begun.
    server_ended: bool,
    stopping: bool,
}

impl FromHttp1 {
    pub(super) fn new(server: u32, secure: bool, cx: &mut Cx) -> Self {
        cx.event(Event::Recognized(Protocol::Http1));
        let mut this = Self {
            server,
            secure,
            server_end: Endpoint::client(cx.config.endpoint),
            client: BytesMut::new(),
            client_ended: None,
            reading: Reading::head(cx),
            flights: VecDeque::new(),
            detours: Vec::new(),
            head_bytes: 0,
            server_ended: false,
            stopping: false,
        };
        this.flush(cx);
        this
    }

    pub(super) fn wants(&self, peer: Peer) -> bool {
        match peer {
            Peer::Client => self.reads() || self.client.len() < HIGH_WATER,
            // Its windows hold the server back.
            Peer::Server(server) => server == self.server || self.listens(server),
        }
    }

    pub(super) fn handle(&mut self, told: Told, cx: &mut Cx) -> Next {
        match told {
            Told::Data(Peer::Client, bytes) => self.client.extend_from_slice(&bytes),
            Told::Data(Peer::Server(server), bytes) if server != self.server => {
                self.aside_data(server, &bytes, cx);
            }
            Told::Eof(Peer::Server(server), _) if server != self.server => {
                self.aside_ended(server, cx);
            }
            Told::Opened(server) => self.aside_opened(server, cx),
            Told::Established(Peer::Server(server)) if server != self.server => {
                self.aside_ready(server, cx);
            }
            Told::Reset(peer @ Peer::Server(server)) if server != self.server => {
                self.aside_failed(server, Failure::Reset(peer), cx);
            }
            Told::TlsFailed(peer @ Peer::Server(server), error) if server != self.server => {
                let reason = error.to_string();
                self.aside_failed(server, Failure::Tls { peer, reason }, cx);
            }
            Told::OpenFailed(server, failure) if server != self.server => {
                self.aside_failed(server, Failure::Dial(failure), cx);
            }
            Told::Data(Peer::Server(_), bytes) => {
                self.server_end.feed(bytes, cx.now);
                self.take_events(cx);
            }
            Told::Eof(Peer::Client, clean) => self.client_ended = Some(clean),
            Told::Eof(peer @ Peer::Server(_), _) => {
                self.server_gone(&Failure::CutShort { peer, missing: None });
            }
            Told::Reset(peer @ Peer::Server(_)) if !self.flights.is_empty() => {
                self.server_gone(&Failure::Reset(peer));
            }
            Told::Reset(peer) => return Next::Fail(Failure::Reset(peer)),
            Told::TlsFailed(peer, error) => {
                return Next::Fail(Failure::Tls { peer, reason: error.to_string() });
            }
            Told::OpenFailed(_, failure) => return Next::Fail(Failure::Dial(failure)),
            Told::Resumed(exchange) => {
                if let Err(failure) = self.resume(exchange, cx) {
                    return Next::Fail(failure);
                }
            }
            Told::Verdict(exchange, verdict) => {
                let judged = match self.authenticated(exchange, *verdict == Verdict::Pass, cx) {
                    Ok(false) => self.judged(exchange, *verdict, cx),
                    authenticated => authenticated.map(drop),
                };
                if let Err(failure) = judged {
                    self.flush(cx);
                    return Next::Fail(failure);
                }
            }
            Told::Stop => self.stopping = true,
            Told::Expired(Timer::RequestHead) => return self.request_too_slow(cx),
            Told::Established(_) | Told::Expired(_) | Told::Leaf(_) => {}
            Told::MessageVerdict(message, verdict) => {
                if let Some(failure) = self.judged_message(message, *verdict, cx) {
                    self.flush(cx);
                    return Next::Fail(failure);
                }
            }
        }
        let next = self.advance(cx);
        self.time_heads(cx);
        self.flush(cx);
        next
    }

    /// Reads requests, and sends responses, as far as they go.
    fn advance(&mut self, cx: &mut Cx) -> Next {
        self.ask_about_failed(cx);
        loop {
            let mut moved = false;
            match self.read_request(cx) {
                Ok(read) => moved |= read,
                Err(failure) => return Next::Fail(failure),
            }
            match self.answer(cx) {
                Ok(sent) => moved |= sent,
                Err(failure) => return Next::Fail(failure),
            }
            if self.is_through() {
                return self.finish(cx);
            }
            if !moved {
                return Next::Stay;
            }
        }
    }

    /// Returns whether nothing more will be asked, and everything is answered.
    fn is_through(&self) -> bool {
        let asks_no_more = match self.reading {
            Reading::Ended => true,
            Reading::Head(_) => {
                self.stopping || self.server_ended || !self.server_end.can_ever_open()
            }
            Reading::Authenticating(_)
            | Reading::Body(..)
            | Reading::Gathering(_)
            | Reading::Held(_)
            | Reading::Queued(_)
            | Reading::Socket
            | Reading::Undecided => false,
        };
        asks_no_more && self.flights.is_empty()
    }

    fn finish(&mut self, cx: &mut Cx) -> Next {
        self.server_end.go_away(ErrorCode::NO_ERROR);
        self.flush(cx);
        cx.shutdown(Peer::Client, true);
        cx.shutdown(Peer::Server(self.server), true);
        for detour in &self.detours {
            cx.abort(Peer::Server(detour.server));
        }
        Next::Finish
    }

    /// The server sends no more: what it has not answered, it never will.
    fn server_gone(&mut self, failure: &Failure) {
        self.server_ended = true;
        // What goes elsewhere goes on.
        for flight in self.flights.iter_mut().filter(|flight| !flight.aside) {
            flight.fail(failure.clone());
        }
    }

    fn resume(&mut self, exchange: ExchangeId, cx: &mut Cx) -> Result<(), Failure> {
        if let Some(ready) = self.reading.take_held(exchange, false, cx) {
            cx.event(Event::Resumed { exchange, point: Point::Request });
            self.consider(ready, cx)?;
        } else if let Some(flight) = self.flights.iter_mut().find(|flight| flight.id == exchange)
            && std::mem::replace(&mut flight.held, false)
        {
            cx.event(Event::Resumed { exchange, point: Point::Response });
            self.consider_response(exchange, cx);
        }
        Ok(())
    }

    /// Puts on the wire what the end towards the server has to say.
    fn flush(&mut self, cx: &mut Cx) {
        for piece in self.server_end.take_wire() {
            cx.send(Peer::Server(self.server), piece);
        }
    }

    /// Ends all exchanges that are under way.
    pub(super) fn end(&mut self, failure: Option<&Failure>, cx: &mut Cx) {
        let cut = || Failure::CutShort { peer: Peer::Client, missing: None };
        let ours = || failure.cloned().unwrap_or_else(cut);
        for mut flight in self.flights.drain(..) {
            flight.socket.end(cx);
            let own = flight.pending.into_iter().find_map(|piece| match piece {
                Piece::Failed(failure) | Piece::Refusal(_, failure) => Some(failure),
                _ => None,
            });
            let failure = flight.failure.or(own).unwrap_or_else(ours);
            cx.event(Event::ExchangeEnded { exchange: flight.id, failure: Some(failure) });
        }
        if let Reading::Authenticating(ready)
        | Reading::Gathering(ready)
        | Reading::Held(ready)
        | Reading::Queued(ready) = std::mem::replace(&mut self.reading, Reading::Ended)
        {
            cx.event(Event::ExchangeEnded { exchange: ready.id, failure: Some(ours()) });
        }
    }
}
