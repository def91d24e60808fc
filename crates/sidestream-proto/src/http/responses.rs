//! The leg towards the servers: responses are read, recorded and sent to the client.

use std::mem;

use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Event, Failure, Part, Point, ResponseHead};

use crate::cx::Cx;
use crate::hooks::Gathered;
use crate::http::flight::Flight;
use crate::http::requests::Reading;
use crate::http::{Http, MAX_HEADS, Place, Step, answer, keep};
use crate::http1::{self, BodyReader, Framing, HeadReader, Parsed, Piece};
use crate::layer::{Layer, Next, Told};
use crate::multiplexed::Multiplexed;
use crate::raw::Raw;
use crate::sniff::{Sniff, Way};
use crate::timers::Timer;
use crate::websocket::WebSocket;

/// A response that was read and is not sent on yet.
pub(crate) struct Answer {
    pub(crate) id: ExchangeId,
    pub(crate) parsed: Parsed<ResponseHead>,
    /// Hooks are asked about it.
    pub(crate) asked: bool,
    /// Its body, as far as it was held.
    pub(crate) body: Option<Gathered>,
}

/// What is being read from the server that answers.
pub(crate) enum Answering {
    Head(HeadReader),
    /// Until its body is whole, which hooks want to see.
    Gathering(Box<Answer>),
    /// Until it is resumed, or hooks have judged it.
    Held(Box<Answer>),
    Body(BodyReader),
}

impl Answering {
    pub(crate) fn head(cx: &Cx) -> Self {
        Self::Head(HeadReader::new(cx.config.http1))
    }

    /// Takes the response out that is held, if it is that exchange's.
    pub(crate) fn take_held(&mut self, exchange: ExchangeId, cx: &Cx) -> Option<Answer> {
        self.take(exchange, false, cx)
    }

    /// Takes the response out that hooks are asked about, if it is that exchange's.
    pub(crate) fn take_asked(&mut self, exchange: ExchangeId, cx: &Cx) -> Option<Answer> {
        self.take(exchange, true, cx)
    }

    fn take(&mut self, exchange: ExchangeId, asked: bool, cx: &Cx) -> Option<Answer> {
        match mem::replace(self, Self::head(cx)) {
            Self::Held(answer) if answer.id == exchange && answer.asked == asked => Some(*answer),
            other => {
                *self = other;
                None
            }
        }
    }
}

impl Http {
    /// Returns whether what comes from the server is read as it comes.
    pub(super) fn reads_responses(&self) -> bool {
        !matches!(self.answering, Answering::Held(_))
            && self.flights.front().is_none_or(|flight| !flight.answered)
    }

    pub(super) fn read_response(&mut self, cx: &mut Cx) -> Step {
        let Some(flight) = self.flights.front() else { return self.unasked(cx) };
        if flight.answered {
            return Step::Idle;
        }
        let (id, server) = (flight.id, Peer::Server(flight.server));
        if flight.answer.is_some() {
            return self.give_answer(cx);
        }
        match &mut self.answering {
            Answering::Held(_) => Step::Idle,
            Answering::Gathering(_) => self.gather_response(cx),
            Answering::Head(reader) => match reader.poll_response(&mut self.server) {
                Ok(None) => Step::Idle,
                Ok(Some(parsed)) => self.begin_response(id, parsed, cx),
                Err(error) => self.unreadable_response(id, server, error.to_string(), cx),
            },
            Answering::Body(reader) => match reader.poll(&mut self.server) {
                Ok(None) => Step::Idle,
                Ok(Some(piece)) => self.send_response_piece(id, piece, cx),
                Err(error) => self.unreadable_response(id, server, error.to_string(), cx),
            },
        }
    }

    fn begin_response(
        &mut self,
        exchange: ExchangeId,
        parsed: Parsed<ResponseHead>,
        cx: &mut Cx,
    ) -> Step {
        cx.timers.clear(Timer::ResponseHead);
        if let Some(refused) = self.refused_by_proxy(&parsed.head, cx) {
            return Step::Leave(refused);
        }
        let from = self.flights.front().map_or(Peer::Client, |flight| Peer::Server(flight.server));
        if parsed.head.is_interim() && !self.tells_interim(&parsed.raw, cx) {
            cx.send(Peer::Client, parsed.raw);
            self.answering = Answering::head(cx);
            return Step::Moved;
        }
        cx.event(Event::Response { exchange, head: parsed.head.clone() });
        self.exclusive |= !parsed.defects.is_empty();
        for defect in &parsed.defects {
            let what = defect.to_string();
            cx.event(Event::Defect { exchange: Some(exchange), from, what });
        }
        if parsed.head.is_interim() {
            cx.send(Peer::Client, parsed.raw);
            self.answering = Answering::head(cx);
            return Step::Moved;
        }
        let answer = Answer { id: exchange, parsed, asked: false, body: None };
        if cx.config.hold.contains(&Point::Response) {
            cx.event(Event::Held { exchange, point: Point::Response });
            self.answering = Answering::Held(Box::new(answer));
            return Step::Moved;
        }
        self.consider_response(answer, cx)
    }

    /// Gives the client the response that a hook gave.
    fn give_answer(&mut self, cx: &mut Cx) -> Step {
        let Some(flight) = self.flights.front_mut() else { return Step::Idle };
        flight.answering = true;
        if let Some(wire) = flight.answer.take() {
            cx.send(Peer::Client, wire);
        }
        self.answered(cx)
    }

    /// Counts an interim response, and returns whether it is among those that are told.
    fn tells_interim(&mut self, raw: &[u8], cx: &mut Cx) -> bool {
        let limit = cx.config.http1.max_head_bytes;
        let Some(flight) = self.flights.front_mut() else { return false };
        if flight.interim.count < MAX_HEADS && flight.interim.bytes + raw.len() <= limit {
            flight.interim.count += 1;
            flight.interim.bytes += raw.len();
            return true;
        }
        if !mem::replace(&mut flight.interim.untold, true) {
            let (exchange, from) = (Some(flight.id), Peer::Server(flight.server));
            let what = "more interim responses than are told".into();
            cx.event(Event::Defect { exchange, from, what });
        }
        false
    }

    pub(super) fn send_response(&mut self, answer: Answer, cx: &mut Cx) -> Step {
        let Answer { parsed, body, .. } = answer;
        let Some(flight) = self.flights.front_mut() else { return Step::Idle };
        let (id, server) = (flight.id, flight.server);
        let framing = match http1::response_framing(&parsed.head, &flight.method) {
            Ok(framing) => framing,
            Err(reason) => {
                // The head was taken off already, so it goes first.
                if !self.is_route(server) {
                    cx.send(Peer::Client, parsed.raw);
                }
                return self.unreadable_response(id, Peer::Server(server), reason.to_string(), cx);
            }
        };
        flight.answering = true;
        self.exclusive |= keep::binds(&parsed.head.fields, keep::CHALLENGES, cx);
        flight.persists &= framing != Framing::UntilClose
            && http1::persists(parsed.head.version, &parsed.head.fields);
        cx.send(Peer::Client, parsed.raw);
        if framing == Framing::Tunnel {
            return self.leave_http(server, &parsed.head, cx);
        }
        let Some(body) = body else {
            self.answering = Answering::Body(BodyReader::new(framing, &cx.config.http1));
            return Step::Moved;
        };
        self.exclusive |= !body.reader.defects().is_empty();
        cx.send(Peer::Client, body.wire.freeze());
        if body.ended {
            return self.answered(cx);
        }
        self.answering = Answering::Body(body.reader);
        Step::Moved
    }

    fn send_response_piece(&mut self, exchange: ExchangeId, piece: Piece, cx: &mut Cx) -> Step {
        let part = Part::Response;
        match piece {
            Piece::Data { data, wire } => {
                if !data.is_empty() {
                    cx.event(Event::Body { exchange, part, data });
                }
                cx.send(Peer::Client, wire);
                Step::Moved
            }
            Piece::Trailers { fields, wire } => {
                if !fields.is_empty() {
                    cx.event(Event::Trailers { exchange, part, fields });
                }
                cx.send(Peer::Client, wire);
                Step::Moved
            }
            Piece::End => {
                self.tell_defects(exchange, cx);
                self.answered(cx)
            }
        }
    }

    /// Tells how the body departed from the standard.
    fn tell_defects(&mut self, exchange: ExchangeId, cx: &mut Cx) {
        let (Answering::Body(reader), Some(flight)) = (&self.answering, self.flights.front())
        else {
            return;
        };
        let from = Peer::Server(flight.server);
        for defect in reader.defects() {
            self.exclusive = true;
            let what = defect.to_string();
            cx.event(Event::Defect { exchange: Some(exchange), from, what });
        }
    }

    /// Notes that the response is whole.
    pub(super) fn answered(&mut self, cx: &mut Cx) -> Step {
        self.answering = Answering::head(cx);
        let Some(flight) = self.flights.front_mut() else { return Step::Idle };
        flight.answered = true;
        cx.event(Event::PartEnded { exchange: flight.id, part: Part::Response });
        if matches!(self.reading, Reading::Undecided) && self.flights.len() == 1 {
            self.reading = Reading::head(cx);
        }
        self.settle(cx)
    }

    /// The connection becomes a tunnel (RFC 9110 §9.3.6) or changes its protocol (§7.8).
    fn leave_http(&mut self, server: u32, head: &ResponseHead, cx: &mut Cx) -> Step {
        if let Some(what) = self.flights.front().and_then(Flight::cannot_leave_http) {
            let (exchange, from) = (self.flights.front().map(|it| it.id), Peer::Server(server));
            cx.event(Event::Defect { exchange, from, what: what.into() });
            return self.pass_raw(cx);
        }
        let Some(Flight { id: exchange, failure, seen, .. }) = self.flights.pop_front() else {
            return Step::Idle;
        };
        let upgraded = (head.status == 101).then(|| http1::upgrade(&head.fields)).flatten();
        let to_http2 = upgraded.is_some_and(|to| to == "h2c");
        if !to_http2 {
            cx.event(Event::PartEnded { exchange, part: Part::Response });
            cx.event(Event::ExchangeEnded { exchange, failure });
        }
        let layer = if to_http2 {
            // The request is answered in the other protocol.
            Layer::Multiplexed(Box::new(Multiplexed::upgraded(server, exchange, cx)))
        } else if head.status != 101 {
            let secure = matches!(self.place, Place::Server { secure: true, .. });
            Layer::Sniff(Sniff::inside(Way::Server(server), secure))
        } else if WebSocket::is_next(head) {
            Layer::WebSocket(Box::new(WebSocket::new(server, exchange, seen.as_ref(), head, cx)))
        } else {
            Layer::Raw(Raw::new(server, cx))
        };
        let mut replay = vec![
            Told::Data(Peer::Client, self.client.split().freeze()),
            Told::Data(Peer::Server(server), self.server.split().freeze()),
        ];
        replay.retain(|told| !matches!(told, Told::Data(_, bytes) if bytes.is_empty()));
        replay.extend(self.client_ended.map(|clean| Told::Eof(Peer::Client, clean)));
        Step::Leave(Next::become_with(layer, replay))
    }

    /// The server speaks without having been asked, as one does that closes an idle connection.
    fn unasked(&mut self, cx: &mut Cx) -> Step {
        if self.server.is_empty() {
            return Step::Idle;
        }
        let Place::Server { server, .. } = self.place else {
            self.server.clear();
            return Step::Idle;
        };
        let (from, what) = (Peer::Server(server), "a response to no request".into());
        cx.event(Event::Defect { exchange: None, from, what });
        self.pass_raw(cx)
    }

    fn unreadable_response(
        &mut self,
        exchange: ExchangeId,
        peer: Peer,
        reason: String,
        cx: &mut Cx,
    ) -> Step {
        let failure = Failure::Malformed { peer, reason };
        if !self.front_is_routed() {
            self.mark(exchange, failure);
            return self.pass_raw(cx);
        }
        if self.flights.front().is_some_and(|flight| !flight.answering) {
            answer::refuse(cx, 502, &failure.to_string());
        }
        Step::Leave(Next::Fail(failure))
    }
}
