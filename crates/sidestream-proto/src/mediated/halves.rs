//! What comes from either end is recorded, and waits in its stream until it can go on.

use bytes::Bytes;
use sidestream_record::{Event, Failure, Fields, Part, Point};

use super::stream::{Item, Stream};
use super::{HIGH_WATER, Mediated};
use crate::cx::Cx;
use crate::http2::ErrorCode;
use crate::multiplexed::head;

impl Mediated {
    /// The client began a stream with a request.
    pub(super) fn begin(&mut self, id: u32, fields: Fields, end: bool, cx: &mut Cx) {
        let exchange = cx.ids.exchange();
        let (head, _missing) = head::request(fields.clone());
        let url = head::url(&head, self.secure, cx);
        cx.event(Event::Request { exchange, url, head });
        let mut stream = Stream::new(exchange);
        stream.request.begun = true;
        if cx.config.hold.contains(&Point::Request) {
            stream.request.held = true;
            cx.event(Event::Held { exchange, point: Point::Request });
        }
        stream.request.waiting.push_back(Item::Head { fields, end });
        self.streams.insert(id, stream);
        self.came(id, Part::Request, end, cx);
    }

    /// The server sent the head of a response, interim or final.
    pub(super) fn answer(&mut self, id: u32, fields: Fields, end: bool, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let exchange = stream.exchange;
        // The end point took it, so it has a status.
        if let Ok(head) = head::response(fields.clone()) {
            stream.response.begun = !head.is_interim();
            cx.event(Event::Response { exchange, head });
        }
        if stream.response.begun && cx.config.hold.contains(&Point::Response) {
            stream.response.held = true;
            cx.event(Event::Held { exchange, point: Point::Response });
        }
        stream.response.waiting.push_back(Item::Head { fields, end });
        self.came(id, Part::Response, end, cx);
    }

    pub(super) fn data(&mut self, id: u32, part: Part, bytes: Bytes, end: bool, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if !bytes.is_empty() {
            let (exchange, data) = (stream.exchange, bytes.clone());
            cx.event(Event::Body { exchange, part, data });
        }
        stream.half(part).waiting.push_back(Item::Data { bytes, end });
        self.came(id, part, end, cx);
    }

    pub(super) fn trailers(&mut self, id: u32, part: Part, fields: Fields, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let told = Event::Trailers { exchange: stream.exchange, part, fields: fields.clone() };
        cx.event(told);
        stream.half(part).waiting.push_back(Item::Trailers(fields));
        self.came(id, part, true, cx);
    }

    fn came(&mut self, id: u32, part: Part, end: bool, cx: &mut Cx) {
        if let Some(stream) = self.streams.get_mut(&id).filter(|_| end) {
            stream.half(part).came = true;
            cx.event(Event::PartEnded { exchange: stream.exchange, part });
        }
    }

    /// Passes on what can go on, of every stream.
    pub(super) fn pass(&mut self, cx: &mut Cx) {
        for id in self.streams.keys().copied().collect::<Vec<_>>() {
            self.pass_request(id);
            self.pass_response(id);
            let over = self.streams.get(&id).is_some_and(Stream::is_over);
            if over && self.client_end.queued(id) == 0 {
                // A server may have answered without the whole request.
                self.client_end.reset(id, ErrorCode::NO_ERROR);
                self.forget(id, None, cx);
            }
        }
        self.refuse_unopened(cx);
    }

    fn pass_request(&mut self, id: u32) {
        let Self { streams, client_end, server_end, .. } = self;
        let Some(stream) = streams.get_mut(&id).filter(|stream| !stream.request.held) else {
            return;
        };
        while let Some(item) = stream.request.waiting.pop_front() {
            match (item, stream.there) {
                (Item::Head { fields, end }, None) => {
                    stream.there = server_end.open(&fields, end);
                    if stream.there.is_none() {
                        // The server takes no more at the moment.
                        return stream.request.waiting.push_front(Item::Head { fields, end });
                    }
                }
                (Item::Data { bytes, end }, Some(there)) => {
                    if server_end.queued(there) >= HIGH_WATER {
                        return stream.request.waiting.push_front(Item::Data { bytes, end });
                    }
                    client_end.consumed(id, bytes.len());
                    server_end.send_data(there, bytes, end);
                }
                (Item::Trailers(fields), Some(there)) => server_end.send_trailers(there, fields),
                (Item::Head { .. }, Some(_)) | (Item::Data { .. } | Item::Trailers(_), None) => {}
            }
        }
    }

    fn pass_response(&mut self, id: u32) {
        let Self { streams, client_end, server_end, .. } = self;
        let Some(stream) = streams.get_mut(&id).filter(|stream| !stream.response.held) else {
            return;
        };
        let Some(there) = stream.there else { return };
        while let Some(item) = stream.response.waiting.pop_front() {
            match item {
                Item::Head { fields, end } => client_end.send_head(id, &fields, end),
                Item::Data { bytes, end } => {
                    if client_end.queued(id) >= HIGH_WATER {
                        return stream.response.waiting.push_front(Item::Data { bytes, end });
                    }
                    server_end.consumed(there, bytes.len());
                    client_end.send_data(id, bytes, end);
                }
                Item::Trailers(fields) => client_end.send_trailers(id, fields),
            }
        }
    }

    /// Takes an exchange out. What it still held counts as consumed, for nobody will.
    pub(super) fn forget(&mut self, id: u32, failure: Option<Failure>, cx: &mut Cx) {
        let Some(stream) = self.streams.remove(&id) else { return };
        self.client_end.consumed(id, stream.request.bytes());
        if let Some(there) = stream.there {
            self.server_end.consumed(there, stream.response.bytes());
        }
        cx.event(Event::ExchangeEnded { exchange: stream.exchange, failure });
    }

    /// Returns the client's stream that has that number at the server.
    pub(super) fn here(&self, there: u32) -> Option<u32> {
        self.streams.iter().find(|(_, it)| it.there == Some(there)).map(|(id, _)| *id)
    }
}
