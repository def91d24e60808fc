//! What comes from either end is recorded, and waits in its stream until it can go on.

use bytes::Bytes;
use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Event, Failure, Fields, Part, Point};

use super::stream::{Aside, Item, Stream};
use super::{HIGH_WATER, Mediated};
use crate::auth;
use crate::cx::Cx;
use crate::hooks::Want;
use crate::http2::ErrorCode;
use crate::multiplexed::head;
use crate::multiplexed::socket::Socket;
use crate::translate::words;

/// Puts the server's own name in, where clients take us for it.
pub(crate) fn with_host(fields: Fields, exchange: ExchangeId, cx: &mut Cx) -> Fields {
    put_host(fields, |name, sent| cx.set_host(name, Some(sent), exchange))
}

/// Does so once more, where what was told of it had to give way to what a hook made of the request.
pub(super) fn with_host_again(fields: Fields, cx: &Cx) -> Fields {
    put_host(fields, |_, sent| cx.config.reverse.as_ref()?.host_for(Some(sent)))
}

fn put_host(mut fields: Fields, mut host_for: impl FnMut(&str, &Bytes) -> Option<Bytes>) -> Fields {
    for name in [":authority", "host"] {
        let Some(sent) = fields.get(name).cloned() else { continue };
        let Some(host) = host_for(name, &sent) else { continue };
        let named = fields.0.iter_mut().filter(|it| it.name.eq_ignore_ascii_case(name.as_bytes()));
        named.for_each(|field| field.value = host.clone());
    }
    fields
}

impl Mediated {
    /// The client began a stream with a request.
    pub(super) fn begin(&mut self, id: u32, mut fields: Fields, end: bool, cx: &mut Cx) {
        let exchange = cx.ids.exchange();
        let (mut head, _missing) = head::request(fields.clone());
        let url = head::url(&head, self.secure, cx);
        let admission = cx.admission(exchange, &head);
        let recorded = cx.take_login(&mut head);
        if recorded.is_some() {
            auth::strip(&mut fields);
        }
        let (want, seen) = cx.want_request(&url, &head);
        let mut stream = Stream::new(exchange);
        stream.socket = Socket::asked(&head);
        stream.seen = seen;
        stream.is_head = head.method == "HEAD";
        stream.request.want = match (head.method == "CONNECT", head.fields.get(":protocol")) {
            (true, None) => Want::Nothing,
            // What follows its head is no body.
            (true, Some(_)) => want.min(Want::Head),
            (false, _) => want,
        };
        let is_guarded = recorded.is_some();
        cx.event(Event::Request { exchange, url, head: recorded.unwrap_or(head) });
        stream.request.begun = true;
        (stream.authenticating, stream.request.held) = (is_guarded, is_guarded);
        if !is_guarded {
            stream.request.hold(exchange, Point::Request, cx);
        }
        let fields = with_host(fields, exchange, cx);
        stream.request.waiting.push_back(Item::Head { fields, end });
        let held = stream.request.held;
        self.streams.insert(id, stream);
        self.came(id, Part::Request, end, cx);
        if is_guarded {
            self.admit(id, admission, cx);
        } else if !held {
            self.consider(id, Part::Request, cx);
        }
    }

    /// The server sent the head of a response, interim or final.
    pub(super) fn answer(&mut self, id: u32, fields: Fields, end: bool, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let exchange = stream.exchange;
        // The end point took it, so it has a status.
        if let Ok(head) = head::response(fields.clone()) {
            stream.response.begun = !head.is_interim();
            if stream.response.begun {
                let server = Peer::Server(self.server);
                stream.socket.answered(exchange, server, stream.seen.as_ref(), &head, cx);
            }
            if stream.response.begun && stream.method() != "CONNECT" {
                stream.response.want = cx.want_response(stream.seen.as_deref(), &head);
            }
            cx.event(Event::Response { exchange, head });
        }
        if stream.response.begun {
            stream.response.hold(exchange, Point::Response, cx);
        }
        stream.response.waiting.push_back(Item::Head { fields, end });
        let considered = stream.response.begun && !stream.response.held;
        self.came(id, Part::Response, end, cx);
        if considered {
            self.consider(id, Part::Response, cx);
        }
    }

    pub(super) fn data(&mut self, id: u32, part: Part, bytes: Bytes, end: bool, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if stream.socket.tap().is_some() {
            return self.socket_data(id, part, bytes, end, cx);
        }
        if !bytes.is_empty() {
            let (exchange, data) = (stream.exchange, bytes.clone());
            cx.event(Event::Body { exchange, part, data });
        }
        let count = bytes.len();
        stream.half(part).waiting.push_back(Item::Data { bytes, end, count });
        self.came(id, part, end, cx);
        self.gather(id, part, cx);
    }

    pub(super) fn trailers(&mut self, id: u32, part: Part, fields: Fields, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let told = Event::Trailers { exchange: stream.exchange, part, fields: fields.clone() };
        cx.event(told);
        stream.half(part).waiting.push_back(Item::Trailers(fields));
        self.came(id, part, true, cx);
        self.gather(id, part, cx);
    }

    pub(super) fn came(&mut self, id: u32, part: Part, end: bool, cx: &mut Cx) {
        if let Some(stream) = self.streams.get_mut(&id).filter(|_| end) {
            stream.half(part).came = true;
            cx.event(Event::PartEnded { exchange: stream.exchange, part });
        }
    }

    /// Passes on what can go on, of every stream.
    pub(super) fn pass(&mut self, cx: &mut Cx) {
        for id in self.streams.keys().copied().collect::<Vec<_>>() {
            self.pass_request(id, cx);
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

    fn pass_request(&mut self, id: u32, cx: &mut Cx) {
        if self.streams.get(&id).is_some_and(|stream| stream.aside.is_some()) {
            return self.pass_aside(id, cx);
        }
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
                (Item::Data { bytes, end, count }, Some(there)) => {
                    if server_end.queued(there) >= HIGH_WATER {
                        let item = Item::Data { bytes, end, count };
                        return stream.request.waiting.push_front(item);
                    }
                    client_end.consumed(id, count);
                    server_end.send_data(there, bytes, end);
                }
                (Item::Trailers(fields), Some(there)) => server_end.send_trailers(there, fields),
                (Item::Head { .. }, Some(_)) | (Item::Data { .. } | Item::Trailers(_), None) => {}
            }
        }
    }

    /// Passes on a request that does not go to the server.
    fn pass_aside(&mut self, id: u32, cx: &mut Cx) {
        let to = self.detour_of(id);
        let Self { streams, client_end, .. } = self;
        let Some(stream) = streams.get_mut(&id) else { return };
        if stream.aside == Some(Aside::Detour) && to.is_none() {
            return;
        }
        while let Some(item) = stream.request.waiting.pop_front() {
            match item {
                Item::Data { bytes, end, count } => {
                    client_end.consumed(id, count);
                    if let Some((server, sending)) = to {
                        sending.content(Peer::Server(server), bytes, cx);
                        if end {
                            sending.end(Peer::Server(server), &Fields::default(), cx);
                        }
                    }
                }
                Item::Trailers(fields) => {
                    if let Some((server, sending)) = to {
                        let fields = words::trailers_to_http1(&fields);
                        sending.end(Peer::Server(server), &fields, cx);
                    }
                }
                Item::Head { .. } => {}
            }
        }
    }

    fn pass_response(&mut self, id: u32) {
        let Self { streams, client_end, server_end, .. } = self;
        let Some(stream) = streams.get_mut(&id).filter(|stream| !stream.response.held) else {
            return;
        };
        let there = stream.there;
        while let Some(item) = stream.response.waiting.pop_front() {
            match item {
                Item::Head { fields, end } => client_end.send_head(id, &fields, end),
                Item::Data { bytes, end, count } => {
                    if client_end.queued(id) >= HIGH_WATER {
                        let item = Item::Data { bytes, end, count };
                        return stream.response.waiting.push_front(item);
                    }
                    if let Some(there) = there {
                        server_end.consumed(there, count);
                    }
                    client_end.send_data(id, bytes, end);
                }
                Item::Trailers(fields) => client_end.send_trailers(id, fields),
            }
        }
    }

    /// Takes an exchange out. What it still held counts as consumed, for nobody will.
    pub(super) fn forget(&mut self, id: u32, failure: Option<Failure>, cx: &mut Cx) {
        let Some(mut stream) = self.streams.remove(&id) else { return };
        let [asked, answered] = stream.socket.untaken();
        stream.socket.end(cx);
        self.end_detour(id, cx);
        self.client_end.consumed(id, stream.request.uncounted() + asked);
        if let Some(there) = stream.there {
            self.server_end.consumed(there, stream.response.uncounted() + answered);
        }
        cx.event(Event::ExchangeEnded { exchange: stream.exchange, failure });
    }

    /// Returns the client's stream that has that number at the server.
    pub(super) fn here(&self, there: u32) -> Option<u32> {
        self.streams.iter().find(|(_, it)| it.there == Some(there)).map(|(id, _)| *id)
    }
}
