//! Streams that hooks want to see before they go on.

use bytes::{Bytes, BytesMut};
use sidestream_flow::ExchangeId;
use sidestream_record::{
    Change, Event, Failure, Field, Fields, Part, RequestHead, ResponseHead, SentBody,
};

use super::Mediated;
use super::halves::with_host_again;
use super::stream::{Aside, Half, Item};
use crate::cx::Cx;
use crate::hooks::{self, Question, Verdict, Want};
use crate::http1::Framing;
use crate::http2::ErrorCode;
use crate::multiplexed::head;

impl Mediated {
    /// Holds a half of a stream that hooks want to see, and asks as soon as there is enough of it.
    pub(super) fn consider(&mut self, id: u32, part: Part, cx: &mut Cx) {
        let Some(half) = self.streams.get_mut(&id).map(|stream| stream.half(part)) else { return };
        half.held = half.want > Want::Nothing;
        half.gathering = half.want == Want::Whole;
        if half.want == Want::Head || half.gathering && half.came {
            self.ask(id, part, cx);
        }
    }

    /// Holds more of a body, and asks where it is too long or whole. What is held is said to be
    /// consumed, for its sender would wait for that.
    pub(super) fn gather(&mut self, id: u32, part: Part, cx: &mut Cx) {
        let total: usize = self.streams.values().map(super::Stream::held_bytes).sum();
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let (exchange, there) = (stream.exchange, stream.there);
        let half = stream.half(part);
        if !half.gathering {
            return;
        }
        let mut taken = 0;
        for item in &mut half.waiting {
            if let Item::Data { count, .. } = item {
                taken += std::mem::take(count);
            }
        }
        let limits = cx.config.hook_limits;
        let too_long = half.bytes() > limits.body_bytes || total > limits.connection_bytes;
        let came = half.came;
        match (part, there) {
            (Part::Request, _) => self.client_end.consumed(id, taken),
            (Part::Response, Some(there)) => self.server_end.consumed(there, taken),
            (Part::Response, None) => {}
        }
        if too_long {
            cx.too_long(exchange, part);
        }
        if too_long || came {
            self.ask(id, part, cx);
        }
    }

    fn ask(&mut self, id: u32, part: Part, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let Some(request) = stream.seen.clone() else { return };
        let exchange = stream.exchange;
        let half = stream.half(part);
        let whole = half.came && (half.gathering || half.bytes() == 0);
        (half.gathering, half.asked) = (false, true);
        let body = whole.then(|| half.content());
        let response = match part {
            Part::Request => None,
            Part::Response => half.head().and_then(|fields| head::response(fields.clone()).ok()),
        };
        half.whole = whole;
        cx.ask(Question { exchange, request, response, body });
    }

    /// Hooks judged a message, or it is known whether its user may use us.
    pub(super) fn judged(&mut self, exchange: ExchangeId, verdict: Verdict, cx: &mut Cx) {
        if self.authenticated(exchange, verdict == Verdict::Pass, cx) {
            return;
        }
        let asked = self.streams.iter_mut().find_map(|(id, stream)| {
            let parts = [Part::Request, Part::Response];
            let part = parts.into_iter().find(|part| stream.half(*part).asked)?;
            (stream.exchange == exchange).then_some((*id, part))
        });
        let Some((id, part)) = asked else { return };
        if let Some(half) = self.streams.get_mut(&id).map(|stream| stream.half(part)) {
            (half.held, half.asked) = (false, false);
        }
        let (by, changed) = match (verdict, part) {
            (Verdict::Kill { by }, _) => return self.kill(id, by, cx),
            (Verdict::Answer { by, head, body }, Part::Request) => {
                let changed = self.answer_aside(id, &by, head, body, cx);
                (by, changed)
            }
            (Verdict::Request { by, url, head, body }, Part::Request) => {
                let changed = self.change_request(id, &by, url, head, body, cx);
                (by, changed)
            }
            (Verdict::Answer { by, head, body }, Part::Response) => {
                let changed = self.change_response(id, &by, head, Some(body), cx);
                (by, changed)
            }
            (Verdict::Response { by, head, body }, Part::Response) => {
                let changed = self.change_response(id, &by, head, body, cx);
                (by, changed)
            }
            _ => return,
        };
        if let Err(what) = changed {
            self.kill(id, format!("{by}, which made {what}"), cx);
        }
    }

    pub(super) fn kill(&mut self, id: u32, by: String, cx: &mut Cx) {
        let Some(stream) = self.streams.get(&id) else { return };
        cx.edited(stream.exchange, &by, Change::Killed);
        self.end_there(id, ErrorCode::CANCEL);
        self.client_end.reset(id, ErrorCode::CANCEL);
        self.forget(id, Some(Failure::Blocked { by }), cx);
    }

    /// Answers a request in place of the server.
    fn answer_aside(
        &mut self,
        id: u32,
        by: &str,
        head: ResponseHead,
        body: Bytes,
        cx: &mut Cx,
    ) -> Result<(), &'static str> {
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        let method = stream.method();
        let head = hooks::checked_answer(head, &body, &method)?;
        let body = hooks::body_of_answer(&head, body, &method);
        let mut fields = Fields::default();
        fields.push(":status", head.status.to_string());
        fields.0.extend(hooks::fields_for_http2(&head.fields)?.0);
        let exchange = stream.exchange;
        let sent = SentBody::of(&body);
        cx.edited(exchange, by, Change::Answered { head, body: sent });
        cx.event(Event::PartEnded { exchange, part: Part::Response });
        stream.aside = Some(Aside::Answered);
        let response = &mut stream.response;
        (response.begun, response.came) = (true, true);
        response.waiting.push_back(Item::Head { fields, end: body.is_empty() });
        if !body.is_empty() {
            response.waiting.push_back(Item::Data { bytes: body, end: true, count: 0 });
        }
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
        let mut origin = None;
        if let Some(url) = &url {
            origin = hooks::moved_request(&asked, url, &mut head)?;
        }
        let body = body.filter(|_| stream.request.whole);
        // In HTTP/2 a body needs no length.
        let framing = Framing::UntilClose;
        let mut head = hooks::reframed_request(&asked.head, head, framing, body.as_ref())?;
        head.fields = hooks::fields_for_http2(&head.fields)?;
        if let Some(field) = head.fields.0.iter_mut().find(|field| field.is(":method")) {
            field.value = head.method.clone();
        }
        let (exchange, sent) = (stream.exchange, body.as_ref().map(SentBody::of));
        let url = url.unwrap_or_else(|| asked.url.clone());
        cx.edited(exchange, by, Change::Request { url, head: head.clone(), body: sent });
        let fields = match origin {
            None => with_host_again(head.fields.clone(), cx),
            Some(_) => head.fields.clone(),
        };
        stream.request.change(fields, body);
        if let Some(origin) = origin {
            stream.aside = Some(Aside::Detour);
            let end =
                matches!(stream.request.waiting.pop_front(), Some(Item::Head { end, .. }) if end);
            self.detour(id, &head, end, origin, cx)?;
        }
        Ok(())
    }

    fn change_response(
        &mut self,
        id: u32,
        by: &str,
        head: ResponseHead,
        body: Option<Bytes>,
        cx: &mut Cx,
    ) -> Result<(), &'static str> {
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        let method = stream.method();
        let Some(original) = stream.response.head() else { return Ok(()) };
        let original = head::response(original.clone())?;
        let bodiless = method == b"HEAD"[..] || matches!(original.status, 204 | 304);
        let body = body.filter(|_| stream.response.whole && !bodiless);
        let framing = Framing::UntilClose;
        let mut head = hooks::reframed_response(&original, head, &method, framing, body.as_ref())?;
        head.fields = hooks::fields_for_http2(&head.fields)?;
        let status = Bytes::from(head.status.to_string());
        match head.fields.0.iter_mut().find(|field| field.is(":status")) {
            Some(field) => field.value = status,
            None => head.fields.0.insert(0, Field::new(":status", status)),
        }
        let (exchange, sent) = (stream.exchange, body.as_ref().map(SentBody::of));
        cx.edited(exchange, by, Change::Response { head: head.clone(), body: sent });
        stream.response.change(head.fields, body);
        Ok(())
    }
}

impl Half {
    /// Returns the head that came last, which waits.
    fn head(&self) -> Option<&Fields> {
        self.waiting.iter().rev().find_map(|item| match item {
            Item::Head { fields, .. } => Some(fields),
            Item::Data { .. } | Item::Trailers(_) => None,
        })
    }

    /// Returns what waits of the body.
    fn content(&self) -> Bytes {
        let mut content = BytesMut::new();
        for item in &self.waiting {
            if let Item::Data { bytes, .. } = item {
                content.extend_from_slice(bytes);
            }
        }
        content.freeze()
    }

    /// Puts another head, and where there is one another body, in place of those that wait.
    fn change(&mut self, changed: Fields, body: Option<Bytes>) {
        let heads = |item: &Item| matches!(item, Item::Head { .. });
        let Some(at) = self.waiting.iter().rposition(heads) else { return };
        if let Item::Head { fields, .. } = &mut self.waiting[at] {
            *fields = changed;
        }
        let Some(body) = body else { return };
        self.waiting.retain(|item| !matches!(item, Item::Data { .. }));
        let trailers = matches!(self.waiting.back(), Some(Item::Trailers(_)));
        if let Some(Item::Head { end, .. }) = self.waiting.get_mut(at) {
            *end = body.is_empty() && !trailers;
        }
        if !body.is_empty() {
            self.waiting.insert(at + 1, Item::Data { bytes: body, end: !trailers, count: 0 });
        }
    }
}
