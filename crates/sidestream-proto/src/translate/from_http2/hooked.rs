//! Requests and responses that hooks want to see before they go on.

use bytes::{Bytes, BytesMut};
use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{
    Change, Event, Failure, Fields, Part, RequestHead, ResponseHead, SentBody,
};

use super::FromHttp2;
use super::links::{Answer, Answering, Use};
use crate::cx::Cx;
use crate::hooks::{self, Gathered, Question, Verdict, Want};
use crate::http;
use crate::http1::{self, BodyReader, Framing, HeadReader, Piece};
use crate::http2::ErrorCode;

impl FromHttp2 {
    /// Lets hooks see a request, if they want to, and else sends it on.
    pub(super) fn consider(&mut self, id: u32, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        match stream.want {
            Want::Nothing => self.proceed(id, cx),
            Want::Head => self.ask(id, cx),
            Want::Whole if stream.bodiless || stream.came => self.ask(id, cx),
            Want::Whole => {
                stream.gathering = true;
                self.gather(id, cx);
            }
        }
    }

    /// Holds more of a request, and asks where it is too long or whole. What is held is said to be
    /// consumed, for its sender would wait for that.
    pub(super) fn gather(&mut self, id: u32, cx: &mut Cx) {
        let held = self.held_bytes();
        let Some(stream) = self.streams.get_mut(&id).filter(|it| it.gathering) else { return };
        let (exchange, owed) = (stream.exchange, std::mem::take(&mut stream.owed));
        let (came, bytes) = (stream.came, stream.body.len());
        self.client_end.consumed(id, owed);
        let limits = cx.config.hook_limits;
        let too_long = bytes > limits.body_bytes || held > limits.connection_bytes;
        if too_long {
            cx.too_long(exchange, Part::Request);
        }
        if too_long || came {
            self.ask(id, cx);
        }
    }

    /// Returns how much is held because hooks want to see it.
    fn held_bytes(&self) -> usize {
        let streams = self.streams.values().filter(|it| it.gathering || it.judged);
        let asked: usize = streams.map(|stream| stream.body.len()).sum();
        let answers = self.links.iter().map(|link| match &link.answering {
            Answering::Gathering(answer) | Answering::Held(answer) => {
                answer.body.as_ref().map_or(0, |body| body.data.len() + body.wire.len())
            }
            Answering::Body(_) | Answering::Head(_) | Answering::Socket => 0,
        });
        asked + answers.sum::<usize>()
    }

    fn ask(&mut self, id: u32, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let Some(request) = stream.seen.clone() else { return self.proceed(id, cx) };
        stream.whole = stream.bodiless || stream.came && stream.gathering;
        (stream.gathering, stream.judged) = (false, true);
        let body = stream.whole.then(|| Bytes::copy_from_slice(&stream.body));
        cx.ask(Question { exchange: stream.exchange, request, response: None, body });
    }

    /// Hooks judged a message, or it is known whether its user may use us.
    pub(super) fn judged(&mut self, exchange: ExchangeId, verdict: Verdict, cx: &mut Cx) {
        if self.authenticated(exchange, verdict == Verdict::Pass, cx) {
            return;
        }
        let of = self.streams.iter_mut().find(|(_, stream)| stream.exchange == exchange);
        let Some((&id, stream)) = of else { return };
        if std::mem::take(&mut stream.judged) {
            return self.judged_request(id, verdict, cx);
        }
        let link = self.links.iter_mut().find(|link| link.used == Use::Stream(id));
        let Some(link) = link else { return };
        let (server, next) = (link.server, Answering::Head(HeadReader::new(cx.config.http1)));
        match std::mem::replace(&mut link.answering, next) {
            Answering::Held(answer) if answer.asked => {
                self.judged_response(server, id, *answer, verdict, cx);
            }
            other => link.answering = other,
        }
    }

    fn judged_request(&mut self, id: u32, verdict: Verdict, cx: &mut Cx) {
        let (by, changed) = match verdict {
            Verdict::Pass | Verdict::Response { .. } => return self.proceed(id, cx),
            Verdict::Kill { by } => return self.kill(id, by, cx),
            Verdict::Answer { by, head, body } => {
                let answered = self.answer_aside(id, &by, head, body, cx);
                (by, answered)
            }
            Verdict::Request { by, url, head, body } => {
                let changed = self.change_request(id, &by, url, head, body, cx);
                if changed.is_ok() {
                    self.proceed(id, cx);
                }
                (by, changed)
            }
        };
        if let Err(what) = changed {
            self.kill(id, format!("{by}, which made {what}"), cx);
        }
    }

    fn kill(&mut self, id: u32, by: String, cx: &mut Cx) {
        let Some(stream) = self.streams.get(&id) else { return };
        cx.edited(stream.exchange, &by, Change::Killed);
        self.client_end.reset(id, ErrorCode::CANCEL);
        self.give_up(id, Some(Failure::Blocked { by }), cx);
    }

    /// Answers a request in place of the server. What is left of its body goes nowhere.
    fn answer_aside(
        &mut self,
        id: u32,
        by: &str,
        head: ResponseHead,
        body: Bytes,
        cx: &mut Cx,
    ) -> Result<(), &'static str> {
        let Some(stream) = self.streams.get(&id) else { return Ok(()) };
        let (exchange, method) = (stream.exchange, stream.method.clone());
        let head = hooks::checked_answer(head, &body, &method)?;
        let body = hooks::body_of_answer(&head, body, &method);
        let mut fields = Fields::default();
        fields.push(":status", head.status.to_string());
        fields.0.extend(hooks::fields_for_http2(&head.fields)?.0);
        cx.edited(exchange, by, Change::Answered { head, body: SentBody::of(&body) });
        cx.event(Event::PartEnded { exchange, part: Part::Response });
        self.client_end.send_head(id, &fields, body.is_empty());
        if !body.is_empty() {
            self.client_end.send_data(id, body, true);
        }
        self.client_end.let_go(id);
        self.forget(id, None, cx);
        Ok(())
    }

    fn change_request(
        &mut self,
        id: u32,
        by: &str,
        url: Option<String>,
        mut head: RequestHead,
        body: Option<Bytes>,
        cx: &mut Cx,
    ) -> Result<(), &'static str> {
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        let Some(asked) = stream.seen.clone() else { return Ok(()) };
        if let Some(url) = &url {
            stream.to = hooks::moved_request(&asked, url, &mut head)?;
        }
        let body = body.filter(|_| stream.whole);
        // In HTTP/2 a body needs no length.
        let framing = Framing::UntilClose;
        let mut head = hooks::reframed_request(&asked.head, head, framing, body.as_ref())?;
        head.fields = hooks::fields_for_http2(&head.fields)?;
        if let Some(field) = head.fields.0.iter_mut().find(|field| field.is(":method")) {
            field.value = head.method.clone();
        }
        let (exchange, sent) = (stream.exchange, body.as_ref().map(SentBody::of));
        let url = url.unwrap_or_else(|| asked.url.clone());
        if let Some(body) = body {
            stream.bodiless = body.is_empty() && stream.trailers.is_empty();
            stream.body = BytesMut::from(&body[..]);
        }
        stream.method = head.method.clone();
        stream.request = Some(head.clone());
        cx.edited(exchange, by, Change::Request { url, head, body: sent });
        Ok(())
    }

    /// Lets hooks see a response, if they want to, and else sends it on.
    pub(super) fn consider_response(
        &mut self,
        server: u32,
        id: u32,
        mut answer: Answer,
        cx: &mut Cx,
    ) -> bool {
        let Some(stream) = self.streams.get(&id) else { return false };
        let is_socket = stream.is_socket();
        let want = cx.want_response(stream.seen.as_deref(), &answer.parsed.head);
        let framing = http1::response_framing(&answer.parsed.head, &stream.method);
        match (want, framing) {
            (Want::Nothing, _) | (_, Err(_) | Ok(Framing::Tunnel)) => {
                return self.send_head(server, id, answer, cx);
            }
            _ if is_socket => return self.send_head(server, id, answer, cx),
            (Want::Head, Ok(_)) => self.ask_about_response(server, id, answer, cx),
            (Want::Whole, Ok(framing)) => {
                let reader = BodyReader::new(framing, &cx.config.http1);
                answer.body = Some(Gathered::new(reader));
                if let Some(link) = self.link(server) {
                    link.answering = Answering::Gathering(Box::new(answer));
                }
            }
        }
        true
    }

    /// Takes one step in a response that is held whole.
    pub(super) fn gather_response(&mut self, server: u32, id: u32, cx: &mut Cx) -> bool {
        let held = self.held_bytes();
        let Some(stream) = self.streams.get(&id) else { return false };
        let (exchange, part) = (stream.exchange, Part::Response);
        let Some(link) = self.link(server) else { return false };
        let Answering::Gathering(answer) = &mut link.answering else { return false };
        let Some(body) = &mut answer.body else { return false };
        let piece = match body.reader.poll(&mut link.buf) {
            Ok(Some(piece)) => piece,
            Ok(None) => return false,
            Err(error) => return self.unreadable(server, &error.to_string(), cx),
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
                    let (from, what) = (Peer::Server(server), defect.to_string());
                    cx.event(Event::Defect { exchange: Some(exchange), from, what });
                }
            }
        }
        let limits = cx.config.hook_limits;
        let too_long = body.is_too_long(&limits) || held > limits.connection_bytes;
        if too_long {
            cx.too_long(exchange, part);
        }
        if too_long || body.ended {
            self.gathered_response(server, id, cx);
        }
        true
    }

    /// A server ended while its response was held: what lasts until then is whole. Returns whether
    /// it is held.
    pub(super) fn gathering_ended(&mut self, server: u32, cx: &mut Cx) -> bool {
        let Some(link) = self.link(server) else { return false };
        let Use::Stream(id) = link.used else { return false };
        let Answering::Gathering(answer) = &mut link.answering else { return false };
        if let Some(body) = &mut answer.body {
            body.ended = http::missing(&mut body.reader).is_none();
        }
        link.persists = false;
        self.gathered_response(server, id, cx);
        true
    }

    fn gathered_response(&mut self, server: u32, id: u32, cx: &mut Cx) {
        let Some(link) = self.link(server) else { return };
        let next = Answering::Head(HeadReader::new(cx.config.http1));
        match std::mem::replace(&mut link.answering, next) {
            Answering::Gathering(answer) => self.ask_about_response(server, id, *answer, cx),
            other => link.answering = other,
        }
    }

    fn ask_about_response(&mut self, server: u32, id: u32, mut answer: Answer, cx: &mut Cx) {
        let Some(stream) = self.streams.get(&id) else { return };
        let (exchange, seen) = (stream.exchange, stream.seen.clone());
        let Some(request) = seen else {
            self.send_head(server, id, answer, cx);
            return;
        };
        let body = answer.body.as_ref().and_then(Gathered::content);
        let response = Some(answer.parsed.head.clone());
        cx.ask(Question { exchange, request, response, body });
        answer.asked = true;
        if let Some(link) = self.link(server) {
            link.answering = Answering::Held(Box::new(answer));
        }
    }

    fn judged_response(
        &mut self,
        server: u32,
        id: u32,
        mut answer: Answer,
        verdict: Verdict,
        cx: &mut Cx,
    ) {
        let Some(stream) = self.streams.get(&id) else { return };
        let (exchange, method) = (stream.exchange, stream.method.clone());
        let (by, head, body) = match verdict {
            Verdict::Pass | Verdict::Request { .. } => {
                self.send_head(server, id, answer, cx);
                return;
            }
            Verdict::Kill { by } => return self.kill(id, by, cx),
            Verdict::Answer { by, head, body } => (by, head, Some(body)),
            Verdict::Response { by, head, body } => (by, head, body),
        };
        match change_response(&mut answer, exchange, &method, (&by, head, body), cx) {
            Ok(()) => {
                self.send_head(server, id, answer, cx);
            }
            Err(what) => self.kill(id, format!("{by}, which made {what}"), cx),
        }
    }

    /// Sends what was held of a response behind its head.
    pub(super) fn send_held(&mut self, server: u32, id: u32, body: Gathered, cx: &mut Cx) -> bool {
        let Gathered { reader, data, trailers, ended, .. } = body;
        let ends = ended && trailers.is_empty();
        if ends || !data.is_empty() {
            self.client_end.send_data(id, data.freeze(), ends);
        }
        let Some(link) = self.link(server) else { return true };
        link.answering = Answering::Body(reader);
        if !ended {
            return true;
        }
        if !trailers.is_empty() {
            if !self.send_trailers(server, id, &trailers, cx) {
                return true;
            }
            // Where there is nothing to say of them, they are no end.
            self.client_end.send_data(id, Bytes::new(), true);
        }
        self.answered(server, id, cx);
        true
    }
}

/// Changes a response as a hook says.
fn change_response(
    answer: &mut Answer,
    exchange: ExchangeId,
    method: &[u8],
    (by, head, body): (&str, ResponseHead, Option<Bytes>),
    cx: &mut Cx,
) -> Result<(), &'static str> {
    let original = &answer.parsed.head;
    let framing = http1::response_framing(original, method).or(Err("a response of no length"))?;
    let bodiless = method == b"HEAD" || matches!(original.status, 204 | 304);
    let whole = answer.body.as_ref().is_some_and(|body| body.ended);
    let body = body.filter(|_| whole && !bodiless);
    let head = hooks::reframed_response(original, head, method, framing, body.as_ref())?;
    let sent = body.as_ref().map(SentBody::of);
    cx.edited(exchange, by, Change::Response { head: head.clone(), body: sent });
    if let (Some(held), Some(body)) = (&mut answer.body, body) {
        held.data = BytesMut::from(&body[..]);
    }
    answer.parsed.head = head;
    Ok(())
}
