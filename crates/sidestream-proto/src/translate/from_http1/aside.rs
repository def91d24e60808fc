//! Exchanges that a hook sent to another server, on connections of their own.

use bytes::Bytes;
use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Alteration, Event, Failure, Fields, Part, Version};

use super::FromHttp1;
use super::flight::{Flight, Piece};
use super::hooked::NO_STREAM;
use super::requests::{Reading, Ready, Refused};
use crate::cx::Cx;
use crate::hooks::{Detour, Heard, MAX_DETOURS, Origin};
use crate::http1::{BodyReader, Framing};
use crate::multiplexed::head;
use crate::translate::{HIGH_WATER, malformed, words};

impl FromHttp1 {
    /// Sends a request to another server.
    pub(super) fn open_aside(
        &mut self,
        ready: Ready,
        origin: &Origin,
        cx: &mut Cx,
    ) -> Result<bool, Failure> {
        let held = ready.body.as_ref().filter(|body| body.ended);
        let over = held.map_or(ready.framing == Framing::Empty, |body| {
            body.data.is_empty() && body.trailers.is_empty()
        });
        let (head, _) = head::request(ready.fields.clone());
        let opened = Detour::open(ready.id, &head, over, origin.clone(), cx);
        let mut flight = Flight::aside(&ready);
        flight.persists &= cx.servers.len() < MAX_DETOURS;
        let detour = match opened {
            Ok(detour) => detour,
            Err(what) => {
                let (id, method, version) = (ready.id, flight.method, flight.version);
                let refused = Refused { id, method, version };
                return Ok(self.refuse(refused, 400, malformed(Peer::Client, what)));
            }
        };
        let alteration = Alteration::Translated { from: Version::Http2, to: Version::Http11 };
        cx.event(Event::Altered { exchange: Some(ready.id), alteration });
        self.detours.push(detour);
        self.flights.push_back(flight);
        match ready.body {
            Some(body) => self.send_held(body, over, cx),
            None if over => self.asked(cx),
            None => {
                self.reading = Reading::Body(BodyReader::new(ready.framing, &cx.config.http1));
            }
        }
        Ok(true)
    }

    fn aside_of(&mut self, exchange: ExchangeId) -> Option<&mut Detour<ExchangeId>> {
        self.detours.iter_mut().find(|detour| detour.of == exchange)
    }

    fn aside_to(&mut self, server: u32) -> Option<&mut Detour<ExchangeId>> {
        self.detours.iter_mut().find(|detour| detour.server == server)
    }

    /// Sends content of the last request to its server.
    pub(super) fn send_content(&mut self, stream: u32, data: Bytes, end: bool, cx: &mut Cx) {
        if stream != NO_STREAM {
            return self.server_end.send_data(stream, data, end);
        }
        let exchange = self.flights.back().map(|flight| flight.id);
        if let Some(detour) = exchange.and_then(|exchange| self.aside_of(exchange)) {
            detour.content(&data, end, cx);
        }
    }

    /// Sends the trailers of the last request, in the words of its server.
    pub(super) fn send_trailers(
        &mut self,
        stream: u32,
        http2: Fields,
        http1: &Fields,
        cx: &mut Cx,
    ) {
        if stream != NO_STREAM {
            return self.server_end.send_trailers(stream, http2);
        }
        let exchange = self.flights.back().map(|flight| flight.id);
        if let Some(detour) = exchange.and_then(|exchange| self.aside_of(exchange)) {
            detour.end(&words::trailers_to_http1(http1), cx);
        }
    }

    /// Returns how much of the last request waits for its server.
    pub(super) fn aside_waiting(&self) -> usize {
        let exchange = self.flights.back().map(|flight| flight.id);
        let detour = self.detours.iter().find(|detour| Some(detour.of) == exchange);
        detour.map_or(0, Detour::waiting)
    }

    /// Returns whether more can be taken of a server.
    pub(super) fn listens(&self, server: u32) -> bool {
        let detour = self.detours.iter().find(|detour| detour.server == server);
        let flight = detour.and_then(|detour| self.flights.iter().find(|it| it.id == detour.of));
        flight.is_none_or(|flight| flight.gathering || flight.bytes() < HIGH_WATER)
    }

    /// Such a server was reached.
    pub(super) fn aside_opened(&mut self, server: u32, cx: &mut Cx) {
        match self.aside_to(server).map(|detour| detour.opened(cx)) {
            Some(Ok(true)) => self.aside_ready(server, cx),
            Some(Err(failure)) => self.aside_failed(server, failure, cx),
            Some(Ok(false)) | None => {}
        }
    }

    /// Such a server can be spoken to.
    pub(super) fn aside_ready(&mut self, server: u32, cx: &mut Cx) {
        if let Some(detour) = self.aside_to(server) {
            detour.ready(cx);
        }
    }

    pub(super) fn aside_data(&mut self, server: u32, bytes: &Bytes, cx: &mut Cx) {
        if let Some(detour) = self.aside_to(server) {
            detour.feed(bytes);
        }
        while let Some(detour) = self.aside_to(server) {
            let exchange = detour.of;
            match detour.poll(cx) {
                Ok(Some(heard)) => self.aside_heard(exchange, heard, cx),
                Ok(None) => return,
                Err(reason) => {
                    let failure = Failure::Malformed { peer: Peer::Server(server), reason };
                    return self.aside_failed(server, failure, cx);
                }
            }
        }
    }

    fn aside_heard(&mut self, exchange: ExchangeId, heard: Heard, cx: &mut Cx) {
        let part = Part::Response;
        let Some(at) = self.flights.iter().position(|flight| flight.id == exchange) else { return };
        match heard {
            Heard::Head(fields, ends) => return self.take_head(at, fields, ends, cx),
            Heard::Data(data) => {
                cx.event(Event::Body { exchange, part, data: data.clone() });
                self.flights[at].keep(&data);
            }
            Heard::Trailers(fields) => {
                self.flights[at].pending.push_back(Piece::Trailers(fields.clone()));
                self.flights[at].came = true;
                cx.event(Event::Trailers { exchange, part, fields });
                cx.event(Event::PartEnded { exchange, part });
            }
            Heard::End => {
                self.flights[at].pending.push_back(Piece::End);
                self.flights[at].came = true;
                cx.event(Event::PartEnded { exchange, part });
            }
        }
        self.gather_response(exchange, cx);
    }

    /// Such a server sends no more.
    pub(super) fn aside_ended(&mut self, server: u32, cx: &mut Cx) {
        let Some(detour) = self.aside_to(server) else { return };
        let exchange = detour.of;
        match detour.ended() {
            Some(Ok(heard)) => self.aside_heard(exchange, heard, cx),
            Some(Err(failure)) => self.aside_failed(server, failure, cx),
            None => {}
        }
    }

    /// Such a server was not reached, or failed.
    pub(super) fn aside_failed(&mut self, server: u32, failure: Failure, cx: &mut Cx) {
        let Some(detour) = self.aside_to(server).filter(|it| !it.is_answered()) else { return };
        let exchange = detour.of;
        let Some(flight) = self.flights.iter_mut().find(|flight| flight.id == exchange) else {
            return;
        };
        let unanswered = flight.pending.is_empty() && flight.sending.is_none();
        if unanswered && !flight.came {
            let status = if failure.is_timeout() { 504 } else { 502 };
            flight.came = true;
            flight.pending.push_back(Piece::Refusal(status, failure));
        } else {
            flight.fail(failure);
        }
        self.end_aside(exchange, cx);
    }

    /// Lets go of the connection that an exchange has of its own.
    pub(super) fn end_aside(&mut self, exchange: ExchangeId, cx: &mut Cx) {
        if let Some(at) = self.detours.iter().position(|detour| detour.of == exchange) {
            let detour = self.detours.swap_remove(at);
            cx.abort(Peer::Server(detour.server));
        }
    }
}
