//! The leg towards the servers: responses are read, recorded and sent on their streams.

use bytes::Bytes;
use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Event, Failure, Fields, Part, Point, ResponseHead};

use super::FromHttp2;
use super::links::{Answer, Answering, Use};
use super::streams::Stream;
use crate::cx::Cx;
use crate::http::MAX_HEADS;
use crate::http1::{self, BodyReader, Framing, HeadReader, Parsed, Piece};
use crate::translate::{HIGH_WATER, malformed, response, words};

impl FromHttp2 {
    /// Takes one step in what a server sent, and returns whether it did.
    pub(super) fn read_response(&mut self, server: u32, cx: &mut Cx) -> bool {
        let Some(link) = self.links.iter_mut().find(|link| link.server == server) else {
            return false;
        };
        let Use::Stream(id) = link.used else {
            if link.buf.is_empty() {
                return false;
            }
            // It speaks without having been asked, as one does that closes an idle connection.
            let (from, what) = (Peer::Server(server), "a response to no request".into());
            cx.event(Event::Defect { exchange: None, from, what });
            self.drop_link(server, cx);
            return true;
        };
        let stream = self.streams.get(&id);
        let listens = stream.is_none_or(|stream| stream.socket.wants(Peer::Server(server)));
        let answered = stream.is_none_or(|stream| stream.answered);
        if answered || self.client_end.queued(id) >= HIGH_WATER {
            return false;
        }
        match &mut link.answering {
            Answering::Gathering(_) => self.gather_response(server, id, cx),
            Answering::Held(_) => false,
            Answering::Socket if link.buf.is_empty() => false,
            Answering::Socket if !listens => false,
            Answering::Socket => {
                let bytes = link.buf.split().freeze();
                self.send_to_socket(id, server, bytes, cx);
                true
            }
            Answering::Head(reader) => match reader.poll_response(&mut link.buf) {
                Ok(None) => false,
                Ok(Some(parsed)) => self.begin_response(server, id, parsed, cx),
                Err(error) => self.unreadable(server, &error.to_string(), cx),
            },
            Answering::Body(reader) => match reader.poll(&mut link.buf) {
                Ok(None) => false,
                Ok(Some(Piece::Data { data, .. })) => {
                    let ends = link.buf.is_empty()
                        && matches!(reader.poll(&mut link.buf), Ok(Some(Piece::End)));
                    self.send_content(id, data, ends, cx);
                    if ends {
                        self.answered(server, id, cx);
                    }
                    true
                }
                Ok(Some(Piece::Trailers { fields, .. })) => {
                    self.take_trailers_of(server, id, fields, cx)
                }
                Ok(Some(Piece::End)) => {
                    self.client_end.send_data(id, Bytes::new(), true);
                    self.answered(server, id, cx);
                    true
                }
                Err(error) => self.unreadable(server, &error.to_string(), cx),
            },
        }
    }

    fn begin_response(
        &mut self,
        server: u32,
        id: u32,
        parsed: Parsed<ResponseHead>,
        cx: &mut Cx,
    ) -> bool {
        let Some(stream) = self.streams.get_mut(&id) else { return false };
        let (exchange, from) = (stream.exchange, Peer::Server(server));
        let interim = parsed.head.is_interim();
        stream.interim += u32::from(interim);
        if !interim || stream.interim <= MAX_HEADS {
            cx.event(Event::Response { exchange, head: parsed.head.clone() });
            for defect in &parsed.defects {
                let what = defect.to_string();
                cx.event(Event::Defect { exchange: Some(exchange), from, what });
            }
        }
        let answer = Answer { parsed, asked: false, body: None };
        if interim {
            return self.send_head(server, id, answer, cx);
        }
        if cx.config.hold.contains(&Point::Response) {
            cx.event(Event::Held { exchange, point: Point::Response });
            if let Some(link) = self.link(server) {
                link.answering = Answering::Held(Box::new(answer));
            }
            return true;
        }
        self.consider_response(server, id, answer, cx)
    }

    pub(super) fn resume_response(&mut self, exchange: ExchangeId, cx: &mut Cx) {
        let held = |(id, stream): (&u32, &Stream)| (stream.exchange == exchange).then_some(*id);
        let Some(id) = self.streams.iter().find_map(held) else { return };
        let link = self.links.iter_mut().find(|link| link.used == Use::Stream(id));
        let Some(link) = link else { return };
        let reader = Answering::Head(HeadReader::new(cx.config.http1));
        match std::mem::replace(&mut link.answering, reader) {
            Answering::Held(answer) if !answer.asked => {
                let server = link.server;
                cx.event(Event::Resumed { exchange, point: Point::Response });
                self.consider_response(server, id, *answer, cx);
            }
            other => link.answering = other,
        }
    }

    /// Sends the head of a response on, and what is held behind it.
    pub(super) fn send_head(&mut self, server: u32, id: u32, answer: Answer, cx: &mut Cx) -> bool {
        let Answer { parsed, body, .. } = answer;
        let head = &parsed.head;
        let Some(stream) = self.streams.get(&id) else { return false };
        if stream.is_opening() && !head.is_interim() {
            if matches!(head.status, 101 | 200..=299) {
                return self.open_socket(server, id, head, cx);
            }
            self.refuse_socket(id, cx);
        }
        let Some(stream) = self.streams.get_mut(&id) else { return false };
        let framing = match http1::response_framing(head, &stream.method) {
            Ok(framing) => framing,
            Err(reason) => return self.unreadable(server, &reason.to_string(), cx),
        };
        let fields = match response::to_http2(head, framing) {
            Ok(fields) => fields,
            Err(what) => return self.unreadable(server, what, cx),
        };
        let interim = head.is_interim();
        stream.answering |= !interim;
        let ends = framing == Framing::Empty && !interim;
        self.client_end.send_head(id, &fields, ends);
        let persists =
            framing != Framing::UntilClose && http1::persists(head.version, &head.fields);
        let Some(link) = self.link(server) else { return true };
        if interim {
            link.answering = Answering::Head(HeadReader::new(cx.config.http1));
            return true;
        }
        link.persists &= persists;
        if let (Some(body), false) = (body, ends) {
            return self.send_held(server, id, body, cx);
        }
        link.answering = Answering::Body(BodyReader::new(framing, &cx.config.http1));
        if ends {
            self.answered(server, id, cx);
        }
        true
    }

    pub(super) fn send_content(&mut self, id: u32, data: Bytes, ends: bool, cx: &mut Cx) {
        let Some(stream) = self.streams.get(&id) else { return };
        let (exchange, part) = (stream.exchange, Part::Response);
        if !data.is_empty() {
            cx.event(Event::Body { exchange, part, data: data.clone() });
        }
        if !data.is_empty() || ends {
            self.client_end.send_data(id, data, ends);
        }
    }

    fn take_trailers_of(&mut self, server: u32, id: u32, fields: Fields, cx: &mut Cx) -> bool {
        if fields.is_empty() {
            return true;
        }
        let Some(stream) = self.streams.get(&id) else { return false };
        let (exchange, part) = (stream.exchange, Part::Response);
        let told = Event::Trailers { exchange, part, fields: fields.clone() };
        cx.event(told);
        self.send_trailers(server, id, &fields, cx);
        true
    }

    /// Sends trailers on, and returns whether they could be said.
    pub(super) fn send_trailers(
        &mut self,
        server: u32,
        id: u32,
        fields: &Fields,
        cx: &mut Cx,
    ) -> bool {
        match words::trailers_to_http2(fields) {
            Ok(fields) if fields.is_empty() => {}
            // The end behind it is one too many, and is left out.
            Ok(fields) => self.client_end.send_trailers(id, fields),
            Err(what) => {
                self.unreadable(server, what, cx);
                return false;
            }
        }
        true
    }

    /// Notes that a response is whole.
    pub(super) fn answered(&mut self, server: u32, id: u32, cx: &mut Cx) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.answered = true;
        let exchange = Some(stream.exchange);
        let part = Part::Response;
        if let Some(link) = self.links.iter().find(|link| link.server == server)
            && let Answering::Body(reader) = &link.answering
        {
            for defect in reader.defects() {
                let (from, what) = (Peer::Server(server), defect.to_string());
                cx.event(Event::Defect { exchange, from, what });
            }
        }
        cx.event(Event::PartEnded { exchange: stream.exchange, part });
        self.settle(id, cx);
    }

    /// What a server sent cannot be passed on.
    pub(super) fn unreadable(&mut self, server: u32, what: &str, cx: &mut Cx) -> bool {
        let failure: Failure = malformed(Peer::Server(server), what);
        cx.abort(Peer::Server(server));
        self.lose_link(server, &failure, cx);
        true
    }
}
