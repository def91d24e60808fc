//! The streams that are open, and the exchanges on them.

use std::collections::HashMap;

use bytes::Bytes;
use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Advice, Advised, Event, Failure, Field, Fields, Part};

use crate::cx::Cx;
use crate::http::MAX_HEADS;
use crate::http2::{ErrorCode, Malformed};
use crate::multiplexed::advice::{About, Counsel, MAX_ADVICE_OF_STREAM};
use crate::multiplexed::half::Fault;
use crate::multiplexed::head;
use crate::multiplexed::socket::{MAX_SOCKET_BYTES, Socket};

/// What the heads of all open streams may add up to, in bytes.
const MAX_HELD_BYTES: usize = 16 * 1024 * 1024;

/// What a field costs beside its name and value.
const FIELD_BYTES: usize = size_of::<Field>();

#[derive(Debug)]
struct Stream {
    exchange: ExchangeId,
    /// The request is whole.
    asked: bool,
    /// The head of the final response came.
    answering: bool,
    /// The response is whole.
    answered: bool,
    /// How many heads came beside those that every exchange has.
    heads: u32,
    /// What all heads add up to that were told.
    held_bytes: usize,
    /// How much advice came about it.
    advised: u32,
    socket: Socket,
}

#[derive(Debug)]
pub(super) struct Streams {
    secure: bool,
    open: HashMap<u32, Stream>,
    counsel: Counsel,
    /// The highest stream that the client has begun.
    last: u32,
    /// What the heads of all open streams add up to.
    held_bytes: usize,
    /// What the messages add up to that are under way in WebSockets.
    socket_bytes: usize,
    /// The last stream of the client's that the server takes, and why no later one.
    refused: Option<(u32, Failure)>,
}

impl Streams {
    pub(super) fn new(secure: bool) -> Self {
        Self {
            secure,
            open: HashMap::new(),
            counsel: Counsel::default(),
            last: 0,
            held_bytes: 0,
            socket_bytes: 0,
            refused: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Takes over an exchange whose request came whole before HTTP/2 was spoken.
    pub(super) fn adopt(&mut self, exchange: ExchangeId) {
        self.last = 1;
        self.open.insert(1, Stream { asked: true, ..Stream::new(exchange) });
    }

    /// The client sent the head of a request, or trailers.
    pub(super) fn client_head(
        &mut self,
        id: u32,
        fields: Fields,
        end: bool,
        cx: &mut Cx,
    ) -> Result<(), Fault> {
        if let Some(stream) = self.open.get(&id) {
            let (exchange, part) = (stream.exchange, Part::Request);
            if self.tells_another(Peer::Client, id, cx) {
                self.hold(id, bytes_of(&fields))?;
                cx.event(Event::Trailers { exchange, part, fields });
            }
        } else if id > self.last {
            self.last = id;
            self.begin(id, fields, cx)?;
            if let Some((_, failure)) = self.refused.clone().filter(|(last, _)| id > *last) {
                self.end_those(|begun| begun == id, &failure, cx);
            }
        }
        // What comes on a stream that is over was on its way when it ended.
        self.end_part(id, Part::Request, end, cx);
        Ok(())
    }

    /// The server sent a request that it will answer unasked.
    pub(super) fn promise(&mut self, id: u32, fields: Fields, cx: &mut Cx) -> Result<(), Fault> {
        if self.open.contains_key(&id) {
            return Ok(());
        }
        self.begin(id, fields, cx)?;
        self.end_part(id, Part::Request, true, cx);
        Ok(())
    }

    fn begin(&mut self, id: u32, fields: Fields, cx: &mut Cx) -> Result<(), Fault> {
        let limit = cx.config.http2.max_streams;
        if self.open.len() >= limit {
            return Err(Fault::Limit(format!("more than {limit} streams at once")));
        }
        let exchange = cx.ids.exchange();
        let bytes = bytes_of(&fields);
        let (head, missing) = head::request(fields);
        let url = head::url(&head, self.secure, cx);
        let socket = Socket::asked(&head);
        cx.event(Event::Request { exchange, url, head });
        if let Some(what) = missing {
            cx.event(defect(exchange, Peer::Client, what));
        }
        let mut stream = Stream { socket, ..Stream::new(exchange) };
        let advice_bytes = self.counsel.begun(id, exchange, &mut stream.advised, cx);
        self.open.insert(id, stream);
        self.hold(id, bytes + advice_bytes)
    }

    /// Counts the bytes of a head that is told of an open stream.
    fn hold(&mut self, id: u32, bytes: usize) -> Result<(), Fault> {
        let Some(stream) = self.open.get_mut(&id) else { return Ok(()) };
        stream.held_bytes += bytes;
        self.held_bytes += bytes;
        if self.held_bytes > MAX_HELD_BYTES {
            let what = format!("heads of more than {MAX_HELD_BYTES} bytes in open streams");
            return Err(Fault::Limit(what));
        }
        Ok(())
    }

    /// Counts a head beside those that every exchange has, and returns whether it is among those
    /// that are told.
    fn tells_another(&mut self, from: Peer, id: u32, cx: &mut Cx) -> bool {
        let Some(stream) = self.open.get_mut(&id) else { return false };
        stream.heads = stream.heads.saturating_add(1);
        if stream.heads == MAX_HEADS + 1 {
            cx.event(defect(stream.exchange, from, "more heads in a stream than are told"));
        }
        stream.heads <= MAX_HEADS
    }

    fn take(&mut self, id: u32) -> Option<Stream> {
        let stream = self.open.remove(&id)?;
        self.held_bytes -= stream.held_bytes;
        self.socket_bytes -= stream.socket.held_bytes();
        Some(stream)
    }

    /// The server sent the head of a response, interim or final, or trailers.
    pub(super) fn server_head(
        &mut self,
        from: Peer,
        id: u32,
        fields: Fields,
        end: bool,
        cx: &mut Cx,
    ) -> Result<(), Fault> {
        let Some(stream) = self.open.get_mut(&id) else { return Ok(()) };
        let (exchange, bytes) = (stream.exchange, bytes_of(&fields));
        let event = if stream.answering {
            Event::Trailers { exchange, part: Part::Response, fields }
        } else {
            match head::response(fields) {
                Ok(head) => Event::Response { exchange, head },
                Err(what) => defect(exchange, from, what),
            }
        };
        if let Event::Response { head, .. } = &event
            && !head.is_interim()
        {
            stream.answering = true;
            stream.socket.answered(exchange, from, None, head, cx);
            self.hold(id, bytes)?;
            cx.event(event);
        } else if self.tells_another(from, id, cx) {
            self.hold(id, bytes)?;
            cx.event(event);
        }
        self.end_part(id, Part::Response, end, cx);
        Ok(())
    }

    pub(super) fn data(&mut self, from: Peer, id: u32, data: Bytes, end: bool, cx: &mut Cx) {
        let Some(stream) = self.open.get_mut(&id) else { return };
        let part = if from == Peer::Client { Part::Request } else { Part::Response };
        if let Socket::Open(_) = stream.socket {
            self.message(from, id, data, end, cx);
        } else if !data.is_empty() {
            cx.event(Event::Body { exchange: stream.exchange, part, data });
        }
        self.end_part(id, part, end, cx);
    }

    /// Reads what a peer sent of a WebSocket.
    fn message(&mut self, from: Peer, id: u32, data: Bytes, end: bool, cx: &mut Cx) {
        let Some(stream) = self.open.get_mut(&id) else { return };
        let Some(tap) = stream.socket.tap() else { return };
        self.socket_bytes -= tap.held_bytes();
        // What cannot be read is told as it is.
        let _lost = tap.read(from, data, cx);
        if end {
            tap.finish(from, cx);
        }
        if self.socket_bytes + tap.held_bytes() > MAX_SOCKET_BYTES {
            stream.socket.lose(from, stream.exchange, cx);
        }
        self.socket_bytes += stream.socket.held_bytes();
    }

    fn end_part(&mut self, id: u32, part: Part, end: bool, cx: &mut Cx) {
        let Some(stream) = self.open.get_mut(&id).filter(|_| end) else { return };
        let exchange = stream.exchange;
        let whole = match part {
            Part::Request => &mut stream.asked,
            Part::Response => &mut stream.answered,
        };
        if std::mem::replace(whole, true) {
            return;
        }
        cx.event(Event::PartEnded { exchange, part });
        if stream.asked && stream.answered {
            self.take(id);
            cx.event(Event::ExchangeEnded { exchange, failure: None });
        }
    }

    pub(super) fn reset(&mut self, peer: Peer, id: u32, code: ErrorCode, cx: &mut Cx) {
        let Some(mut stream) = self.take(id) else { return };
        stream.socket.end(cx);
        // A server may so say that it needs no more of the request (RFC 9113 §8.1).
        let well = stream.answered && code == ErrorCode::NO_ERROR;
        let failure = (!well).then_some(Failure::StreamReset { peer, code: code.0 });
        cx.event(Event::ExchangeEnded { exchange: stream.exchange, failure });
    }

    /// A peer gave advice in that stream, or on the connection.
    pub(super) fn advised(&mut self, stream: u32, advised: Advised, cx: &mut Cx) {
        let id = match &advised.advice {
            Advice::Priority { stream, .. } => *stream,
            _ => stream,
        };
        // Only the client's own streams are known to begin later, if at all.
        let may_begin = id % 2 == 1 && id > self.last;
        let about = match self.open.get_mut(&id) {
            Some(open) => {
                let bytes = advised.advice.bytes();
                let room = MAX_HELD_BYTES.saturating_sub(self.held_bytes);
                let fits = bytes <= room && open.advised < MAX_ADVICE_OF_STREAM;
                let held = if fits { bytes } else { 0 };
                open.held_bytes += held;
                self.held_bytes += held;
                if bytes > room {
                    // What follows of this stream's is not told either.
                    open.advised = open.advised.max(MAX_ADVICE_OF_STREAM - 1);
                }
                About::Open(open.exchange, &mut open.advised)
            }
            None if may_begin => About::Later(id),
            None => About::Connection,
        };
        self.counsel.give(about, advised, cx);
    }

    /// A peer gave advice that cannot be read.
    pub(super) fn ill_advised(&mut self, from: Peer, malformed: Malformed, cx: &mut Cx) {
        self.counsel.defect(from, malformed, cx);
    }

    /// The server takes no stream of the client's beyond that one.
    pub(super) fn refuse_beyond(&mut self, last: u32, failure: &Failure, cx: &mut Cx) {
        // Said again, it says nothing new: what is beyond has ended.
        if self.refused.as_ref().is_none_or(|(known, _)| last < *known) {
            self.refused = Some((last, failure.clone()));
            self.end_those(|id| id % 2 == 1 && id > last, failure, cx);
        }
    }

    /// Ends all that are open.
    pub(super) fn end(&mut self, failure: &Failure, cx: &mut Cx) {
        self.counsel.end(cx);
        self.end_those(|_| true, failure, cx);
    }

    fn end_those(&mut self, which: impl Fn(u32) -> bool, failure: &Failure, cx: &mut Cx) {
        let mut ended: Vec<_> = self.open.extract_if(|id, _| which(*id)).collect();
        ended.sort_by_key(|(_, stream)| stream.exchange);
        for (_, Stream { exchange, held_bytes, mut socket, .. }) in ended {
            self.held_bytes -= held_bytes;
            self.socket_bytes -= socket.held_bytes();
            socket.end(cx);
            cx.event(Event::ExchangeEnded { exchange, failure: Some(failure.clone()) });
        }
    }
}

impl Stream {
    const fn new(exchange: ExchangeId) -> Self {
        Self {
            exchange,
            asked: false,
            answering: false,
            answered: false,
            heads: 0,
            held_bytes: 0,
            advised: 0,
            socket: Socket::None,
        }
    }
}

fn bytes_of(fields: &Fields) -> usize {
    fields.iter().map(|field| field.name.len() + field.value.len() + FIELD_BYTES).sum()
}

fn defect(exchange: ExchangeId, from: Peer, what: &str) -> Event {
    Event::Defect { exchange: Some(exchange), from, what: format!("HTTP/2: {what}") }
}
