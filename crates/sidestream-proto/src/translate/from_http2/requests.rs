//! The leg towards the client: streams begin, and their requests are recorded and sent.

use bytes::Bytes;
use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Alteration, Event, Failure, Fields, Part, RequestHead, Version};

use super::FromHttp2;
use super::links::Link;
use super::streams::Stream;
use crate::Output;
use crate::auth::Admission;
use crate::cx::Cx;
use crate::endpoint;
use crate::hooks::Want;
use crate::http2::{ErrorCode, Malformed};
use crate::mediated::with_host;
use crate::multiplexed::{head, socket};
use crate::translate::{HIGH_WATER, failure, malformed, request, words};

impl FromHttp2 {
    /// Takes what the client sent. A failure is one of the flow.
    pub(super) fn take_events(&mut self, cx: &mut Cx) -> Result<(), Failure> {
        while let Some(event) = self.client_end.poll_event() {
            match event {
                endpoint::Event::Head { stream, fields, end } => {
                    self.begin(stream, fields, end, cx);
                }
                endpoint::Event::Data { stream, bytes, end } => {
                    self.take_data(stream, &bytes, end, cx);
                }
                endpoint::Event::Trailers { stream, fields } => {
                    self.take_trailers(stream, fields, cx);
                }
                endpoint::Event::Reset { stream, code } => {
                    let failure = Failure::StreamReset { peer: Peer::Client, code: code.0 };
                    self.give_up(stream, Some(failure), cx);
                }
                endpoint::Event::Refused { stream, fields, fault } => {
                    self.refused(stream, fields, fault, cx);
                }
                endpoint::Event::GoAway { .. } => {}
                endpoint::Event::Closed(fault) => return Err(failure(Peer::Client, fault)),
            }
        }
        Ok(())
    }

    fn begin(&mut self, id: u32, fields: Fields, end: bool, cx: &mut Cx) {
        let (exchange, head, url, admission) = self.record(fields, cx);
        let alteration = Alteration::Translated { from: Version::Http2, to: Version::Http11 };
        cx.event(Event::Altered { exchange: Some(exchange), alteration });
        let is_socket = socket::is_asked(&head.fields);
        if head.method == "CONNECT" && !is_socket {
            let what = "CONNECT over HTTP/2 to a server that speaks HTTP/1".into();
            self.client_end.reset(id, ErrorCode::HTTP_1_1_REQUIRED);
            let failure = Some(Failure::Unsupported { what });
            cx.event(Event::ExchangeEnded { exchange, failure });
            return;
        }
        let (want, seen) = cx.want_request(&url, &head);
        let mut stream = Stream::new(exchange, head, end);
        // What follows the head of a WebSocket is no body.
        stream.want = if is_socket { want.min(Want::Head) } else { want };
        stream.seen = seen;
        stream.authenticating = cx.guard().is_some();
        self.streams.insert(id, stream);
        match admission {
            Admission::Asked(login) => cx.output(Output::Authenticate(login)),
            Admission::Granted => self.admitted(id, cx),
            Admission::Refused => self.unauthorized(id, cx),
        }
        if end {
            self.came(id, cx);
        }
    }

    /// Makes a request one that the server gets, as soon as there is a connection for it.
    pub(super) fn proceed(&mut self, id: u32, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let Some(head) = stream.request.take() else { return };
        let (exchange, end) = (stream.exchange, stream.bodiless);
        // Who sends it elsewhere has named that server.
        let fields = match stream.to {
            None => with_host(head.fields.clone(), exchange, cx),
            Some(_) => head.fields.clone(),
        };
        let head = RequestHead { fields, ..head };
        let made = if stream.is_opening() {
            self.make_socket(&head, cx)
        } else {
            let made = request::to_http1(&head, end);
            let made = made.map(|(wire, sending)| (wire, sending, String::new()));
            made.map_err(|what| (ErrorCode::PROTOCOL_ERROR, malformed(Peer::Client, what)))
        };
        let Some(stream) = self.streams.get_mut(&id) else { return };
        match made {
            Ok((wire, sending, key)) => {
                (stream.head, stream.sending, stream.key) = (wire, sending, key);
                match stream.to.clone() {
                    None => self.waiting.push_back(id),
                    Some(origin) => self.open_aside(id, origin, cx),
                }
            }
            Err((code, failure)) => {
                self.client_end.reset(id, code);
                self.forget(id, Some(failure), cx);
            }
        }
    }

    /// Records a request as the client sent it, and returns its URL.
    fn record(&self, fields: Fields, cx: &mut Cx) -> (ExchangeId, RequestHead, String, Admission) {
        let exchange = cx.ids.exchange();
        let (mut head, _missing) = head::request(fields);
        let url = head::url(&head, self.name.is_some(), cx);
        let admission = cx.admission(exchange, &head);
        let recorded = cx.take_login(&mut head).unwrap_or_else(|| head.clone());
        cx.event(Event::Request { exchange, url: url.clone(), head: recorded });
        (exchange, head, url, admission)
    }

    /// The client's request, or what came after it, is not one.
    fn refused(&mut self, stream: u32, fields: Option<Fields>, fault: Malformed, cx: &mut Cx) {
        let failure = failure(Peer::Client, fault);
        let Some(fields) = fields else { return self.give_up(stream, Some(failure), cx) };
        let (exchange, ..) = self.record(fields, cx);
        cx.event(Event::ExchangeEnded { exchange, failure: Some(failure) });
    }

    fn take_data(&mut self, id: u32, bytes: &Bytes, end: bool, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else {
            // What nobody waits for is still to be counted.
            self.client_end.consumed(id, bytes.len());
            return;
        };
        if stream.is_socket() {
            return self.take_from_socket(id, bytes, end, cx);
        }
        if !bytes.is_empty() {
            let (exchange, part) = (stream.exchange, Part::Request);
            cx.event(Event::Body { exchange, part, data: bytes.clone() });
            stream.owed += bytes.len();
            // Most content comes when it can be sent, and is not copied.
            let server = stream.server.filter(|_| stream.body.is_empty());
            match server {
                Some(server) if self.takes_more(server) => {
                    self.send_content_to(server, id, bytes, cx)
                }
                _ => {
                    if let Some(stream) = self.streams.get_mut(&id) {
                        stream.body.extend_from_slice(bytes);
                    }
                }
            }
        }
        if end {
            self.came(id, cx);
        } else {
            self.gather(id, cx);
        }
    }

    fn take_trailers(&mut self, id: u32, fields: Fields, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.trailers = words::trailers_to_http1(&fields);
        let (exchange, part) = (stream.exchange, Part::Request);
        cx.event(Event::Trailers { exchange, part, fields });
        self.came(id, cx);
    }

    /// Notes that a request came whole.
    pub(super) fn came(&mut self, id: u32, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.came = true;
        cx.event(Event::PartEnded { exchange: stream.exchange, part: Part::Request });
        self.gather(id, cx);
        self.end_request(id, cx);
    }

    /// Sends what there is of a request on the connection that it was given.
    pub(super) fn send_request(&mut self, id: u32, server: u32, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let to = Peer::Server(server);
        stream.server = Some(server);
        cx.send(to, std::mem::take(&mut stream.head));
        self.send_body(id, cx);
    }

    /// Sends what waits of a request's body, if its server takes more.
    pub(super) fn send_body(&mut self, id: u32, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let Some(server) = stream.server.filter(|_| !stream.is_opening()) else { return };
        let body = std::mem::take(&mut stream.body).freeze();
        if !body.is_empty() || stream.owed > 0 {
            self.send_content_to(server, id, &body, cx);
        }
        self.end_request(id, cx);
    }

    /// Returns whether little waits for a server, as far as that is known.
    pub(super) fn takes_more(&mut self, server: u32) -> bool {
        let unwritten = self.link(server).and_then(|link| link.unwritten);
        unwritten.is_none_or(|unwritten| unwritten < HIGH_WATER)
    }

    pub(super) fn send_content_to(&mut self, server: u32, id: u32, bytes: &Bytes, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.sending.content(Peer::Server(server), bytes.clone(), cx);
        let owed = std::mem::take(&mut stream.owed);
        self.client_end.consumed(id, owed);
        if let Some(Link { unwritten: Some(unwritten), .. }) = self.link(server) {
            *unwritten += bytes.len();
        }
    }

    /// Ends a request that came whole, if it was sent as far as it came.
    fn end_request(&mut self, id: u32, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let whole = stream.came && stream.body.is_empty() && !stream.asked && !stream.is_opening();
        let Some(server) = stream.server.filter(|_| whole) else { return };
        stream.sending.end(Peer::Server(server), &stream.trailers, cx);
        stream.asked = true;
        if stream.is_socket() {
            cx.shutdown(Peer::Server(server), true);
        }
        self.settle(id, cx);
    }
}
