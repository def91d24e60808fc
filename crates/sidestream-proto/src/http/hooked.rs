//! Requests and responses that hooks want to see before they go on.

use std::mem;

use bytes::{Bytes, BytesMut};
use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{
    Alteration, Change, Event, Failure, Part, RequestHead, ResponseHead, SentBody,
};

use crate::cx::Cx;
use crate::hooks::{self, Gathered, Question, Verdict, Want};
use crate::http::flight::Flight;
use crate::http::requests::{Reading, Ready};
use crate::http::responses::{Answer, Answering};
use crate::http::{Http, Step, missing};
use crate::http1::{self, BodyReader, Framing, Piece};
use crate::layer::Next;

/// What is said to a client that waits with a body that a hook wants to see first.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl Http {
    /// Lets hooks see a request, if they want to, and else sends it on.
    pub(super) fn consider(&mut self, mut ready: Ready, cx: &mut Cx) -> Step {
        if cx.config.hooks.is_some() || cx.guard().is_some() {
            stay_in_http1(&mut ready, cx);
        }
        let head = &ready.parsed.head;
        let leaves_http = head.method == "CONNECT" || ready.framing == Framing::Tunnel;
        let want = if leaves_http { Want::Nothing } else { ready.want };
        match want {
            Want::Nothing => self.dispatch(ready, cx),
            Want::Head if ready.framing != Framing::Empty => self.ask_about_request(ready, cx),
            Want::Head | Want::Whole => {
                if http1::expects_continue(head)
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
                self.reading = Reading::Gathering(Box::new(ready));
                Step::Moved
            }
        }
    }

    /// Takes one step in a request that is held whole.
    pub(super) fn gather_request(&mut self, cx: &mut Cx) -> Step {
        let Reading::Gathering(ready) = &mut self.reading else { return Step::Idle };
        let (id, part) = (ready.id, Part::Request);
        let Some(body) = &mut ready.body else { return Step::Idle };
        match body.reader.poll(&mut self.client) {
            Ok(Some(piece)) => {
                take_piece(body, piece, id, part, Peer::Client, cx);
                let too_long = body.is_too_long(&cx.config.hook_limits);
                if too_long {
                    cx.too_long(id, part);
                }
                if too_long || body.ended {
                    return self.gathered_request(cx);
                }
                Step::Moved
            }
            // What is cut short goes on as far as it came.
            Ok(None) if self.client_ended.is_some() => self.gathered_request(cx),
            Ok(None) => Step::Idle,
            Err(error) => {
                let reason = error.to_string();
                let failure = Failure::Malformed { peer: Peer::Client, reason };
                self.reading = Reading::Ended;
                self.refuse(id, 400, failure, cx)
            }
        }
    }

    fn gathered_request(&mut self, cx: &mut Cx) -> Step {
        match mem::replace(&mut self.reading, Reading::head(cx)) {
            Reading::Gathering(ready) => self.ask_about_request(*ready, cx),
            other => {
                self.reading = other;
                Step::Idle
            }
        }
    }

    fn ask_about_request(&mut self, mut ready: Ready, cx: &mut Cx) -> Step {
        let Some(request) = ready.seen.clone() else { return self.dispatch(ready, cx) };
        let body = ready.body.as_ref().and_then(Gathered::content);
        cx.ask(Question { exchange: ready.id, request, response: None, body });
        ready.asked = true;
        self.reading = Reading::Held(Box::new(ready));
        Step::Moved
    }

    /// Hooks judged a message.
    pub(super) fn judged(&mut self, exchange: ExchangeId, verdict: Verdict, cx: &mut Cx) -> Next {
        let step = if let Some(ready) = self.reading.take_asked(exchange, cx) {
            self.judged_request(ready, verdict, cx)
        } else if let Some(answer) = self.answering.take_asked(exchange, cx) {
            self.judged_response(answer, verdict, cx)
        } else {
            Step::Idle
        };
        match step {
            Step::Leave(next) => next,
            Step::Idle | Step::Moved => self.advance(cx),
        }
    }

    fn judged_request(&mut self, mut ready: Ready, verdict: Verdict, cx: &mut Cx) -> Step {
        match verdict {
            Verdict::Pass | Verdict::Response { .. } => self.dispatch(ready, cx),
            Verdict::Kill { by } => self.kill_request(ready.id, by, cx),
            Verdict::Answer { by, head, body } => self.answer_request(ready, by, head, body, cx),
            Verdict::Request { by, url, head, body } => {
                match change_request(&mut ready, &by, url, head, body, cx) {
                    Ok(()) => self.dispatch(ready, cx),
                    Err(what) => {
                        self.kill_request(ready.id, format!("{by}, which made {what}"), cx)
                    }
                }
            }
        }
    }

    fn kill_request(&mut self, exchange: ExchangeId, by: String, cx: &mut Cx) -> Step {
        cx.edited(exchange, &by, Change::Killed);
        let failure = Failure::Blocked { by };
        cx.event(Event::ExchangeEnded { exchange, failure: Some(failure.clone()) });
        Step::Leave(Next::Fail(failure))
    }

    /// Answers a request in its turn. What is left of its body is read and goes nowhere.
    fn answer_request(
        &mut self,
        ready: Ready,
        by: String,
        head: ResponseHead,
        body: Bytes,
        cx: &mut Cx,
    ) -> Step {
        let request = &ready.parsed.head;
        let method = request.method.clone();
        let mut head = match hooks::checked_answer(head, &body, &method) {
            Ok(head) => head,
            Err(what) => {
                return self.kill_request(ready.id, format!("{by}, which made {what}"), cx);
            }
        };
        let persists = http1::persists(request.version, &request.fields);
        if !persists {
            head.fields.push("Connection", "close");
        }
        let body = hooks::body_of_answer(&head, body, &method);
        let mut wire = BytesMut::new();
        http1::encode_response(&head, &mut wire);
        wire.extend_from_slice(&body);
        let body = SentBody::of(&body);
        cx.edited(ready.id, &by, Change::Answered { head, body });
        let mut flight = Flight::new(ready.id, Flight::NOWHERE, method);
        flight.persists = persists;
        flight.answer = Some(wire.freeze());
        self.flights.push_back(flight);
        let ended = ready.body.as_ref().is_some_and(|body| body.ended);
        let reader = match ready.body {
            Some(body) => body.reader,
            None => BodyReader::new(ready.framing, &cx.config.http1),
        };
        if ended {
            self.asked(ready.id, cx);
            self.reading = Reading::head(cx);
        } else {
            self.reading = Reading::Body(ready.id, reader);
        }
        Step::Moved
    }

    /// Lets hooks see a response, if they want to, and else sends it on.
    pub(super) fn consider_response(&mut self, mut answer: Answer, cx: &mut Cx) -> Step {
        let Some(flight) = self.flights.front() else { return Step::Idle };
        let want = cx.want_response(flight.seen.as_deref(), &answer.parsed.head);
        let framing = http1::response_framing(&answer.parsed.head, &flight.method);
        match (want, framing) {
            (Want::Nothing, _) | (_, Err(_) | Ok(Framing::Tunnel)) => {
                self.send_response(answer, cx)
            }
            (Want::Head, _) => self.ask_about_response(answer, cx),
            (Want::Whole, Ok(framing)) => {
                let reader = BodyReader::new(framing, &cx.config.http1);
                answer.body = Some(Gathered::new(reader));
                self.answering = Answering::Gathering(Box::new(answer));
                Step::Moved
            }
        }
    }

    /// Takes one step in a response that is held whole.
    pub(super) fn gather_response(&mut self, cx: &mut Cx) -> Step {
        let Some(flight) = self.flights.front() else { return Step::Idle };
        let (id, peer, part) = (flight.id, Peer::Server(flight.server), Part::Response);
        let Answering::Gathering(answer) = &mut self.answering else { return Step::Idle };
        let Some(body) = &mut answer.body else { return Step::Idle };
        match body.reader.poll(&mut self.server) {
            Ok(Some(piece)) => {
                take_piece(body, piece, id, part, peer, cx);
                let too_long = body.is_too_long(&cx.config.hook_limits);
                if too_long {
                    cx.too_long(id, part);
                }
                if too_long || body.ended {
                    return self.gathered_response(cx);
                }
                Step::Moved
            }
            Ok(None) => Step::Idle,
            Err(error) => {
                let reason = error.to_string();
                Step::Leave(self.bad_gateway(Failure::Malformed { peer, reason }, cx))
            }
        }
    }

    /// A server ended while its response was held: what lasts until then is whole.
    pub(super) fn gathering_ended(&mut self, clean: bool, cx: &mut Cx) {
        let Answering::Gathering(answer) = &mut self.answering else { return };
        if let Some(body) = &mut answer.body {
            body.ended = clean && missing(&mut body.reader).is_none();
        }
        // It is asked about in any case, and so held.
        _ = self.gathered_response(cx);
    }

    fn gathered_response(&mut self, cx: &mut Cx) -> Step {
        match mem::replace(&mut self.answering, Answering::head(cx)) {
            Answering::Gathering(answer) => self.ask_about_response(*answer, cx),
            other => {
                self.answering = other;
                Step::Idle
            }
        }
    }

    fn ask_about_response(&mut self, mut answer: Answer, cx: &mut Cx) -> Step {
        let Some(flight) = self.flights.front() else { return Step::Idle };
        let Some(request) = flight.seen.clone() else { return self.send_response(answer, cx) };
        let body = answer.body.as_ref().and_then(Gathered::content);
        let response = Some(answer.parsed.head.clone());
        cx.ask(Question { exchange: flight.id, request, response, body });
        answer.asked = true;
        self.answering = Answering::Held(Box::new(answer));
        Step::Moved
    }

    fn judged_response(&mut self, mut answer: Answer, verdict: Verdict, cx: &mut Cx) -> Step {
        let Some(flight) = self.flights.front() else { return Step::Idle };
        let (id, method) = (flight.id, flight.method.clone());
        let (by, head, body) = match verdict {
            Verdict::Pass | Verdict::Request { .. } => return self.send_response(answer, cx),
            Verdict::Kill { by } => {
                cx.edited(id, &by, Change::Killed);
                return Step::Leave(Next::Fail(Failure::Blocked { by }));
            }
            Verdict::Answer { by, head, body } => (by, head, Some(body)),
            Verdict::Response { by, head, body } => (by, head, body),
        };
        match change_response(&mut answer, id, &method, (&by, head, body), cx) {
            Ok(()) => self.send_response(answer, cx),
            Err(what) => {
                let by = format!("{by}, which made {what}");
                cx.edited(id, &by, Change::Killed);
                Step::Leave(Next::Fail(Failure::Blocked { by }))
            }
        }
    }
}

/// Takes a request out of HTTP/1 only where hooks follow, and who asks for a password: what leads
/// to HTTP/2 is not asked for.
fn stay_in_http1(ready: &mut Ready, cx: &mut Cx) {
    let upgrade = http1::upgrade(&ready.parsed.head.fields);
    if upgrade.is_none_or(|to| !to.eq_ignore_ascii_case(b"h2c")) {
        return;
    }
    let names = ["Upgrade", "HTTP2-Settings"];
    ready.parsed.raw = ready.parsed.without(&names);
    ready.parsed.head.fields.0.retain(|field| !names.iter().any(|name| field.is(name)));
    let alteration = Alteration::FieldsRemoved(names.map(str::to_owned).to_vec());
    cx.event(Event::Altered { exchange: Some(ready.id), alteration });
}

fn take_piece(
    body: &mut Gathered,
    piece: Piece,
    exchange: ExchangeId,
    part: Part,
    from: Peer,
    cx: &mut Cx,
) {
    match piece {
        Piece::Data { data, wire } => {
            body.push(&data, &wire);
            if !data.is_empty() {
                cx.event(Event::Body { exchange, part, data });
            }
        }
        Piece::Trailers { fields, wire } => {
            body.push(&Bytes::new(), &wire);
            body.trailers = fields.clone();
            if !fields.is_empty() {
                cx.event(Event::Trailers { exchange, part, fields });
            }
        }
        Piece::End => {
            body.ended = true;
            for defect in body.reader.defects() {
                let what = defect.to_string();
                cx.event(Event::Defect { exchange: Some(exchange), from, what });
            }
        }
    }
}

/// Changes a request as a hook says.
fn change_request(
    ready: &mut Ready,
    by: &str,
    url: Option<String>,
    mut head: RequestHead,
    body: Option<Bytes>,
    cx: &mut Cx,
) -> Result<(), &'static str> {
    let Some(asked) = ready.seen.clone() else { return Ok(()) };
    let mut origin = None;
    if let Some(url) = &url {
        origin = hooks::moved_request(&asked, url, &mut head)?;
    }
    let body = body.filter(|_| ready.body.as_ref().is_some_and(|body| body.ended));
    let original = &ready.parsed.head;
    let head = hooks::reframed_request(original, head, ready.framing, body.as_ref())?;
    let framing = http1::request_framing(&head).or(Err("a request of no length"))?;
    if let (Some(held), Some(body)) = (&mut ready.body, &body) {
        held.replace(body, framing);
    }
    let sent = body.as_ref().map(SentBody::of);
    let url = url.unwrap_or_else(|| asked.url.clone());
    cx.edited(ready.id, by, Change::Request { url, head: head.clone(), body: sent });
    if head != ready.parsed.head {
        let mut raw = BytesMut::new();
        http1::encode_request(&head, &mut raw);
        (ready.parsed.raw, ready.parsed.head) = (raw.freeze(), head);
    }
    (ready.framing, ready.to) = (framing, origin);
    Ok(())
}

/// Changes a response as a hook says.
fn change_response(
    answer: &mut Answer,
    exchange: ExchangeId,
    method: &[u8],
    (by, head, body): (&str, ResponseHead, Option<Bytes>),
    cx: &mut Cx,
) -> Result<(), &'static str> {
    let body = body.filter(|_| answer.body.as_ref().is_some_and(|body| body.ended));
    let original = &answer.parsed.head;
    let framing = http1::response_framing(original, method).or(Err("a response of no length"))?;
    let bodiless = method == b"HEAD" || matches!(original.status, 204 | 304);
    let body = body.filter(|_| !bodiless);
    let head = hooks::reframed_response(original, head, method, framing, body.as_ref())?;
    let framing = http1::response_framing(&head, method).or(Err("a response of no length"))?;
    if let (Some(held), Some(body)) = (&mut answer.body, &body) {
        held.replace(body, framing);
    }
    let sent = body.as_ref().map(SentBody::of);
    cx.edited(exchange, by, Change::Response { head: head.clone(), body: sent });
    if head != answer.parsed.head {
        let mut raw = BytesMut::new();
        http1::encode_response(&head, &mut raw);
        (answer.parsed.raw, answer.parsed.head) = (raw.freeze(), head);
    }
    Ok(())
}
