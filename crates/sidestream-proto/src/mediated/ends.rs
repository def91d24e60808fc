//! What the two ends say, and how exchanges end before their time.

use sidestream_flow::Peer;
use sidestream_record::{Failure, Fields, Part};

use super::Mediated;
use crate::cx::Cx;
use crate::endpoint;
use crate::http2::{ErrorCode, Malformed};
use crate::translate::failure;

impl Mediated {
    /// Takes what the client sent. A failure is one of the flow.
    pub(super) fn take_from_client(&mut self, cx: &mut Cx) -> Result<(), Failure> {
        while let Some(event) = self.client_end.poll_event() {
            match event {
                endpoint::Event::Head { stream, fields, end } => {
                    self.begin(stream, fields, end, cx)
                }
                endpoint::Event::Data { stream, bytes, end } => {
                    if self.streams.contains_key(&stream) {
                        self.data(stream, Part::Request, bytes, end, cx);
                    } else {
                        self.client_end.consumed(stream, bytes.len());
                    }
                }
                endpoint::Event::Trailers { stream, fields } => {
                    self.trailers(stream, Part::Request, fields, cx);
                }
                endpoint::Event::Reset { stream, code } => self.client_reset(stream, code, cx),
                endpoint::Event::Refused { stream, fields, fault } => {
                    self.refused_client(stream, fields, fault, cx);
                }
                endpoint::Event::GoAway { .. } => {}
                endpoint::Event::Closed(fault) => return Err(failure(Peer::Client, fault)),
            }
        }
        Ok(())
    }

    /// Takes what the server sent. A failure is one of the flow.
    pub(super) fn take_from_server(&mut self, cx: &mut Cx) -> Result<(), Failure> {
        let peer = Peer::Server(self.server);
        while let Some(event) = self.server_end.poll_event() {
            match event {
                endpoint::Event::Head { stream, fields, end } => {
                    if let Some(id) = self.here(stream) {
                        self.answer(id, fields, end, cx);
                    }
                }
                endpoint::Event::Data { stream, bytes, end } => match self.here(stream) {
                    Some(id) => self.data(id, Part::Response, bytes, end, cx),
                    None => self.server_end.consumed(stream, bytes.len()),
                },
                endpoint::Event::Trailers { stream, fields } => {
                    if let Some(id) = self.here(stream) {
                        self.trailers(id, Part::Response, fields, cx);
                    }
                }
                endpoint::Event::Reset { stream, code } => self.server_reset(stream, code, cx),
                endpoint::Event::Refused { stream, fault, .. } => {
                    self.give_up(stream, ErrorCode::INTERNAL_ERROR, failure(peer, fault), cx);
                }
                endpoint::Event::GoAway { last, code } => self.gone_away(last, code, cx),
                endpoint::Event::Closed(fault) => return Err(failure(peer, fault)),
            }
        }
        Ok(())
    }

    fn client_reset(&mut self, id: u32, code: ErrorCode, cx: &mut Cx) {
        let failure = Failure::StreamReset { peer: Peer::Client, code: code.0 };
        self.end_there(id, code);
        self.forget(id, Some(failure), cx);
    }

    /// The client's request, or what came after it, is not one.
    fn refused_client(&mut self, id: u32, fields: Option<Fields>, fault: Malformed, cx: &mut Cx) {
        if let Some(fields) = fields {
            self.begin(id, fields, false, cx);
        }
        self.end_there(id, ErrorCode::CANCEL);
        self.forget(id, Some(failure(Peer::Client, fault)), cx);
    }

    pub(super) fn end_there(&mut self, id: u32, code: ErrorCode) {
        if let Some(there) = self.streams.get(&id).and_then(|stream| stream.there) {
            self.server_end.reset(there, code);
        }
    }

    fn server_reset(&mut self, there: u32, code: ErrorCode, cx: &mut Cx) {
        let Some(stream) = self.here(there).and_then(|id| self.streams.get_mut(&id)) else {
            return;
        };
        if code == ErrorCode::NO_ERROR && stream.response.came {
            // It needs no more of the request (RFC 9113 §8.1), but its answer is still to go on.
            stream.request.came = true;
            stream.request.waiting.clear();
            return;
        }
        let failure = Failure::StreamReset { peer: Peer::Server(self.server), code: code.0 };
        self.give_up(there, code, failure, cx);
    }

    /// Ends a stream that has that number at the server.
    fn give_up(&mut self, there: u32, code: ErrorCode, failure: Failure, cx: &mut Cx) {
        if let Some(id) = self.here(there) {
            self.client_end.reset(id, code);
            self.forget(id, Some(failure), cx);
        }
    }

    /// The server takes no streams beyond that one: the client may send them again elsewhere.
    fn gone_away(&mut self, last: u32, code: ErrorCode, cx: &mut Cx) {
        // One that leaves out nothing announces another (RFC 9113 §6.8).
        if code == ErrorCode::NO_ERROR && last == 0x7fff_ffff {
            self.client_end.wind_down();
        } else {
            self.client_end.go_away(code);
        }
        let failure = Failure::GoneAway { peer: Peer::Server(self.server), code: code.0 };
        let beyond = self.streams.values().filter_map(|it| it.there).filter(|it| *it > last);
        for there in beyond.collect::<Vec<_>>() {
            self.give_up(there, ErrorCode::REFUSED_STREAM, failure.clone(), cx);
        }
    }

    /// Refuses the streams that can no longer be begun at the server.
    pub(super) fn refuse_unopened(&mut self, cx: &mut Cx) {
        if self.server_end.can_ever_open() {
            return;
        }
        let code = ErrorCode::NO_ERROR.0;
        let failure = Failure::GoneAway { peer: Peer::Server(self.server), code };
        let unopened = self.streams.iter().filter(|(_, it)| {
            it.there.is_none() && it.aside.is_none() && !it.request.asked && !it.request.gathering
        });
        for id in unopened.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.client_end.reset(id, ErrorCode::REFUSED_STREAM);
            self.forget(id, Some(failure.clone()), cx);
        }
    }
}
