//! Requests and responses that hooks want to see before they go on.

use std::mem;

use bytes::{Bytes, BytesMut};
use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{
    Alteration, Change, Event, Failure, Part, RequestHead, ResponseHead, SentBody,
};

use super::FromHttp1;
use super::flight::{Flight, Piece as Answer};
use super::requests::{Reading, Ready};
use crate::cx::Cx;
use crate::hooks::{self, Gathered, Question, Verdict, Want};
use crate::http1::{self, BodyReader, Framing, Piece};
use crate::http2::ErrorCode;
use crate::mediated::with_host;
use crate::translate::{malformed, request, words};

/// What is said to a client that waits with a body that a hook wants to see first.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The number of a stream that is none.
pub(super) const NO_STREAM: u32 = u32::MAX;

impl FromHttp1 {
    /// Lets hooks see a request, if they want to, and else sends it on.
    pub(super) fn consider(&mut self, mut ready: Box<Ready>, cx: &mut Cx) -> Result<bool, Failure> {
        match ready.want {
            Want::Nothing => return self.dispatch(ready, cx),
            Want::Head if ready.framing != Framing::Empty => self.ask_about_request(ready, cx),
            Want::Head | Want::Whole => {
                if http1::expects_continue(&ready.head)
                    && self.client.is_empty()
                    && self.flights.is_empty()
                    && ready.framing != Framing::Empty
                {
                    cx.send(Peer::Client, Bytes::from_static(CONTINUE));
                    let alteration = Alteration::Continued;
                    cx.event(Event::Altered { exchange: Some(ready.id), alteration });
                }
                let reader = BodyReader::new(ready.framing, &cx.config.http1);
                ready.body = Some(Gathered::new(reader));
                self.reading = Reading::Gathering(ready);
            }
        }
        Ok(true)
    }

    /// Takes one step in a request that is held whole.
    pub(super) fn gather_request(
        &mut self,
        mut ready: Box<Ready>,
        cx: &mut Cx,
    ) -> Result<bool, Failure> {
        let (exchange, part) = (ready.id, Part::Request);
        let Some(body) = &mut ready.body else { return self.dispatch(ready, cx) };
        let piece = match body.reader.poll(&mut self.client) {
            Ok(Some(piece)) => piece,
            Ok(None) => {
                let cut = self.client_ended.is_some();
                if cut {
                    // What is cut short goes on as far as it came.
                    self.ask_about_request(ready, cx);
                } else {
                    self.reading = Reading::Gathering(ready);
                }
                return Ok(cut);
            }
            Err(error) => {
                let Ready { id, head: RequestHead { method, version, .. }, .. } = *ready;
                let refused = super::requests::Refused { id, method, version };
                let failure = malformed(Peer::Client, &error.to_string());
                return Ok(self.refuse(refused, 400, failure));
            }
        };
        match piece {
            Piece::Data { data, .. } => {
                body.push(&data, &Bytes::new());
                if !data.is_empty() {
                    cx.event(Event::Body { exchange, part, data });
                }
            }
            Piece::Trailers { fields, .. } => {
                body.trailers = fields.clone();
                if !fields.is_empty() {
                    cx.event(Event::Trailers { exchange, part, fields });
                }
            }
            Piece::End => {
                body.ended = true;
                for defect in body.reader.defects() {
                    let (from, what) = (Peer::Client, defect.to_string());
                    cx.event(Event::Defect { exchange: Some(exchange), from, what });
                }
            }
        }
        let too_long = body.is_too_long(&cx.config.hook_limits);
        if too_long {
            cx.too_long(exchange, part);
        }
        if too_long || body.ended {
            self.ask_about_request(ready, cx);
        } else {
            self.reading = Reading::Gathering(ready);
        }
        Ok(true)
    }

    fn ask_about_request(&mut self, mut ready: Box<Ready>, cx: &mut Cx) {
        let Some(request) = ready.seen.clone() else { return };
        let body = ready.body.as_ref().and_then(Gathered::content);
        cx.ask(Question { exchange: ready.id, request, response: None, body });
        ready.asked = true;
        self.reading = Reading::Held(ready);
    }

    /// Hooks judged a message. A failure is one of the flow.
    pub(super) fn judged(
        &mut self,
        exchange: ExchangeId,
        verdict: Verdict,
        cx: &mut Cx,
    ) -> Result<(), Failure> {
        if let Some(ready) = self.reading.take_held(exchange, true, cx) {
            return self.judged_request(ready, verdict, cx);
        }
        let judged = |flight: &Flight| flight.id == exchange && flight.judged;
        match self.flights.iter().position(judged) {
            Some(at) => self.judged_response(at, verdict, cx),
            None => Ok(()),
        }
    }

    fn judged_request(
        &mut self,
        mut ready: Box<Ready>,
        verdict: Verdict,
        cx: &mut Cx,
    ) -> Result<(), Failure> {
        let exchange = ready.id;
        let (by, changed) = match verdict {
            Verdict::Pass | Verdict::Response { .. } => {
                return self.dispatch(ready, cx).map(drop);
            }
            Verdict::Kill { by } => return Err(killed(exchange, by, true, cx)),
            Verdict::Answer { by, head, body } => {
                let answered = self.answer_aside(*ready, &by, head, body, cx);
                (by, answered)
            }
            Verdict::Request { by, url, head, body } => {
                let changed = self.change_request(&mut ready, &by, url, head, body, cx);
                if changed.is_ok() {
                    return self.dispatch(ready, cx).map(drop);
                }
                (by, changed)
            }
        };
        changed.map_err(|what| killed(exchange, format!("{by}, which made {what}"), true, cx))
    }

    /// Answers a request in its turn. What is left of its body is read and goes nowhere.
    fn answer_aside(
        &mut self,
        ready: Ready,
        by: &str,
        head: ResponseHead,
        body: Bytes,
        cx: &mut Cx,
    ) -> Result<(), &'static str> {
        let Ready { id: exchange, head: request, .. } = &ready;
        let exchange = *exchange;
        let head = hooks::checked_answer(head, &body, &request.method)?;
        let body = hooks::body_of_answer(&head, body, &request.method);
        let sent = SentBody::of(&body);
        cx.edited(exchange, by, Change::Answered { head: head.clone(), body: sent });
        let mut flight = Flight::aside(&ready);
        flight.came = true;
        self.head_bytes += super::responses::bytes_of(&head);
        flight.pending.push_back(Answer::Head(head, body.is_empty()));
        if !body.is_empty() {
            flight.pending.push_back(Answer::Data(BytesMut::from(&body[..])));
            flight.pending.push_back(Answer::End);
        }
        cx.event(Event::PartEnded { exchange, part: Part::Response });
        self.flights.push_back(flight);
        match ready.body {
            Some(body) if body.ended => self.asked(cx),
            Some(body) => self.reading = Reading::Body(body.reader),
            None if ready.framing == Framing::Empty => self.asked(cx),
            None => {
                self.reading = Reading::Body(BodyReader::new(ready.framing, &cx.config.http1));
            }
        }
        Ok(())
    }

    fn change_request(
        &self,
        ready: &mut Ready,
        by: &str,
        url: Option<String>,
        mut head: RequestHead,
        body: Option<Bytes>,
        cx: &mut Cx,
    ) -> Result<(), &'static str> {
        let Some(asked) = ready.seen.clone() else { return Ok(()) };
        if let Some(url) = &url {
            ready.to = hooks::moved_request(&asked, url, &mut head)?;
        }
        let body = body.filter(|_| ready.body.as_ref().is_some_and(|body| body.ended));
        let head = hooks::reframed_request(&ready.head, head, ready.framing, body.as_ref())?;
        ready.framing = http1::request_framing(&head).or(Err("a request of no length"))?;
        let fields = request::to_http2(&head, ready.framing, self.secure)?;
        ready.fields = match ready.to {
            None => with_host(fields, ready.id, cx),
            Some(_) => fields,
        };
        let sent = body.as_ref().map(SentBody::of);
        let url = url.unwrap_or_else(|| asked.url.clone());
        cx.edited(ready.id, by, Change::Request { url, head: head.clone(), body: sent });
        if let (Some(held), Some(body)) = (&mut ready.body, body) {
            held.data = BytesMut::from(&body[..]);
        }
        ready.head = head;
        Ok(())
    }

    /// Sends what was held of the last request behind its head; `over` if its head was all.
    pub(super) fn send_held(&mut self, body: Gathered, over: bool, cx: &mut Cx) {
        let Gathered { reader, data, trailers, ended, .. } = body;
        let Some(stream) = self.flights.back().map(|flight| flight.stream) else { return };
        if !data.is_empty() {
            self.send_content(stream, data.freeze(), false, cx);
        }
        if !ended {
            self.reading = Reading::Body(reader);
            return;
        }
        if !over {
            match words::trailers_to_http2(&trailers) {
                Ok(fields) if !fields.is_empty() => {
                    self.send_trailers(stream, fields, &trailers, cx);
                }
                // Behind trailers it would be one end too many.
                _ => self.send_content(stream, Bytes::new(), true, cx),
            }
        }
        self.asked(cx);
    }

    /// Asks about responses that are held until they are whole and never will be.
    pub(super) fn ask_about_failed(&mut self, cx: &mut Cx) {
        let failed = self.flights.iter().filter(|flight| flight.gathering && flight.came);
        for exchange in failed.map(|flight| flight.id).collect::<Vec<_>>() {
            self.gather_response(exchange, cx);
        }
    }

    /// Lets hooks see a response whose head came, if they want to.
    pub(super) fn consider_response(&mut self, exchange: ExchangeId, cx: &mut Cx) {
        let Some(flight) = self.flights.iter_mut().find(|it| it.id == exchange) else { return };
        let begun = |it: &Answer| matches!(it, Answer::Head(head, _) if !head.is_interim());
        if !flight.pending.iter().any(begun) {
            return;
        }
        match flight.want {
            Want::Nothing => {}
            Want::Head => self.ask_about_response(exchange, cx),
            Want::Whole => {
                flight.gathering = true;
                self.gather_response(exchange, cx);
            }
        }
    }

    /// Holds more of a response, and asks where it is too long or whole. What is held is said to be
    /// consumed, for its sender would wait for that.
    pub(super) fn gather_response(&mut self, exchange: ExchangeId, cx: &mut Cx) {
        let held: usize = self.flights.iter().filter(|it| it.gathering).map(Flight::bytes).sum();
        let flight = self.flights.iter_mut().find(|it| it.id == exchange && it.gathering);
        let Some(flight) = flight else { return };
        let limits = cx.config.hook_limits;
        let too_long = flight.bytes() > limits.body_bytes || held > limits.connection_bytes;
        self.server_end.consumed(flight.stream, mem::take(&mut flight.owed));
        let came = flight.came;
        if too_long {
            cx.too_long(exchange, Part::Response);
        }
        if too_long || came {
            self.ask_about_response(exchange, cx);
        }
    }

    fn ask_about_response(&mut self, exchange: ExchangeId, cx: &mut Cx) {
        let Some(flight) = self.flights.iter_mut().find(|it| it.id == exchange) else { return };
        let failed = flight.pending.iter().any(|it| matches!(it, Answer::Failed(_)));
        flight.whole = flight.came && !failed && (flight.gathering || flight.bytes() == 0);
        flight.gathering = false;
        let Some(request) = flight.seen.clone() else { return };
        let response = flight.head().cloned();
        let body = flight.whole.then(|| flight.content());
        flight.judged = true;
        cx.ask(Question { exchange, request, response, body });
    }

    fn judged_response(&mut self, at: usize, verdict: Verdict, cx: &mut Cx) -> Result<(), Failure> {
        let flight = &mut self.flights[at];
        flight.judged = false;
        let (exchange, stream) = (flight.id, flight.stream);
        let (by, head, body) = match verdict {
            Verdict::Pass | Verdict::Request { .. } => return Ok(()),
            Verdict::Kill { by } => {
                self.server_end.reset(stream, ErrorCode::CANCEL);
                return Err(killed(exchange, by, false, cx));
            }
            Verdict::Answer { by, head, body } => (by, head, Some(body)),
            Verdict::Response { by, head, body } => (by, head, body),
        };
        let before = flight.head().map_or(0, super::responses::bytes_of);
        let changed = flight.change(&by, head, body, cx);
        let after = flight.head().map_or(0, super::responses::bytes_of);
        self.head_bytes = (self.head_bytes + after).saturating_sub(before);
        changed.map_err(|what| {
            self.server_end.reset(stream, ErrorCode::CANCEL);
            killed(exchange, format!("{by}, which made {what}"), false, cx)
        })
    }
}

/// Tells who ended an exchange, and so the flow; `ends` if nobody else tells its end.
fn killed(exchange: ExchangeId, by: String, ends: bool, cx: &mut Cx) -> Failure {
    cx.edited(exchange, &by, Change::Killed);
    let failure = Failure::Blocked { by };
    if ends {
        cx.event(Event::ExchangeEnded { exchange, failure: Some(failure.clone()) });
    }
    failure
}
