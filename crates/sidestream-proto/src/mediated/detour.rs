//! Streams that a hook sent to another server.

use bytes::Bytes;
use sidestream_flow::Peer;
use sidestream_record::{Alteration, Event, Failure, Part, RequestHead, Version};

use super::{HIGH_WATER, Mediated};
use crate::cx::Cx;
use crate::hooks::{Detour, Heard, MAX_DETOURS, Origin};
use crate::http2::ErrorCode;
use crate::translate::body::Sending;

impl Mediated {
    /// Sends the request of a stream to another server; `end` if it has no body.
    pub(super) fn detour(
        &mut self,
        stream: u32,
        head: &RequestHead,
        end: bool,
        origin: Origin,
        cx: &mut Cx,
    ) -> Result<(), &'static str> {
        let servers = cx.servers.len();
        let detour = Detour::open(stream, head, end, origin, cx)?;
        if let Some(it) = self.streams.get(&stream) {
            let alteration = Alteration::Translated { from: Version::Http2, to: Version::Http11 };
            cx.event(Event::Altered { exchange: Some(it.exchange), alteration });
        }
        if servers >= MAX_DETOURS {
            self.stopping = true;
            self.client_end.go_away(ErrorCode::NO_ERROR);
        }
        self.detours.push(detour);
        Ok(())
    }

    /// Returns whether more can be taken of a peer.
    pub(crate) fn wants(&self, peer: Peer) -> bool {
        let detour = self.detours.iter().find(|detour| Peer::Server(detour.server) == peer);
        let stream = detour.and_then(|detour| Some((detour.of, self.streams.get(&detour.of)?)));
        stream.is_none_or(|(id, stream)| {
            stream.response.bytes() + self.client_end.queued(id) < HIGH_WATER
        })
    }

    pub(super) fn is_detour(&self, server: u32) -> bool {
        self.detours.iter().any(|detour| detour.server == server)
    }

    fn detour_to(&mut self, server: u32) -> Option<&mut Detour<u32>> {
        self.detours.iter_mut().find(|detour| detour.server == server)
    }

    /// Such a server was reached.
    pub(super) fn detour_opened(&mut self, server: u32, cx: &mut Cx) {
        match self.detour_to(server).map(|detour| detour.opened(cx)) {
            Some(Ok(true)) => self.detour_ready(server, cx),
            Some(Err(failure)) => self.detour_failed(server, failure, cx),
            Some(Ok(false)) | None => {}
        }
    }

    /// Such a server can be spoken to.
    pub(super) fn detour_ready(&mut self, server: u32, cx: &mut Cx) {
        if let Some(detour) = self.detour_to(server) {
            detour.ready(cx);
        }
    }

    /// Returns the connection of a stream if it takes content at the moment.
    pub(super) fn detour_of(&self, stream: u32) -> Option<(u32, Sending)> {
        let detour = self.detours.iter().find(|detour| detour.of == stream)?;
        Some((detour.server, detour.sending()?))
    }

    pub(super) fn detour_data(&mut self, server: u32, bytes: &Bytes, cx: &mut Cx) {
        if let Some(detour) = self.detour_to(server) {
            detour.feed(bytes);
        }
        while let Some(detour) = self.detour_to(server) {
            let stream = detour.of;
            match detour.poll(cx) {
                Ok(Some(heard)) => self.detour_heard(stream, heard, cx),
                Ok(None) => return,
                Err(reason) => {
                    let failure = Failure::Malformed { peer: Peer::Server(server), reason };
                    return self.detour_failed(server, failure, cx);
                }
            }
        }
    }

    fn detour_heard(&mut self, stream: u32, heard: Heard, cx: &mut Cx) {
        match heard {
            Heard::Head(fields, ends) => self.answer(stream, fields, ends, cx),
            Heard::Data(data) => self.data(stream, Part::Response, data, false, cx),
            Heard::End => self.data(stream, Part::Response, Bytes::new(), true, cx),
            Heard::Trailers(fields) => self.trailers(stream, Part::Response, fields, cx),
        }
    }

    /// Such a server sends no more.
    pub(super) fn detour_ended(&mut self, server: u32, cx: &mut Cx) {
        let Some(detour) = self.detour_to(server) else { return };
        let stream = detour.of;
        match detour.ended() {
            Some(Ok(heard)) => self.detour_heard(stream, heard, cx),
            Some(Err(failure)) => self.detour_failed(server, failure, cx),
            None => {}
        }
    }

    /// Such a server was not reached, or failed.
    pub(super) fn detour_failed(&mut self, server: u32, failure: Failure, cx: &mut Cx) {
        let Some(detour) = self.detour_to(server).filter(|it| !it.is_answered()) else { return };
        let stream = detour.of;
        self.client_end.reset(stream, ErrorCode::INTERNAL_ERROR);
        self.forget(stream, Some(failure), cx);
    }

    /// Lets go of the connection that a stream has of its own.
    pub(super) fn end_detour(&mut self, stream: u32, cx: &mut Cx) {
        if let Some(at) = self.detours.iter().position(|detour| detour.of == stream) {
            let detour = self.detours.swap_remove(at);
            cx.abort(Peer::Server(detour.server));
        }
    }
}
