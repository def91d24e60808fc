//! An exchange that a hook sent to another server: a connection of its own, in HTTP/1.1.

use bytes::{Bytes, BytesMut};
use rustls::pki_types::ServerName;
use sidestream_flow::Peer;
use sidestream_record::{Alteration, Event, Failure, Part, RequestHead, Version};

use super::{HIGH_WATER, Mediated};
use crate::Target;
use crate::cx::Cx;
use crate::hooks::Origin;
use crate::http1::{self, BodyReader, HeadReader, Piece};
use crate::http2::ErrorCode;
use crate::translate::body::Sending;
use crate::translate::{Name, request, response, words};

/// How many servers a connection may be sent to in all, before the client is told to begin anew.
const MAX_SERVERS: usize = 1000;

/// The connection of one stream with a server that a hook named.
#[derive(Debug)]
pub(super) struct Detour {
    pub(super) server: u32,
    /// The client's stream.
    stream: u32,
    method: Bytes,
    origin: Origin,
    /// What goes out once the server is there; `None` afterwards.
    waiting: Option<BytesMut>,
    sending: Sending,
    /// From the server, not parsed yet.
    buf: BytesMut,
    reading: Reading,
}

#[derive(Debug)]
enum Reading {
    Head(HeadReader),
    Body(BodyReader),
    Ended,
}

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
        let (wire, sending) = request::to_http1(head, end)?;
        if let Some(it) = self.streams.get(&stream) {
            let alteration = Alteration::Translated { from: Version::Http2, to: Version::Http11 };
            cx.event(Event::Altered { exchange: Some(it.exchange), alteration });
        }
        if cx.servers.len() >= MAX_SERVERS {
            self.stopping = true;
            self.client_end.go_away(ErrorCode::NO_ERROR);
        }
        let server = cx.open(Target::Name(origin.host.clone(), origin.port));
        self.detours.push(Detour {
            server,
            stream,
            method: head.method.clone(),
            origin,
            waiting: Some(BytesMut::from(&wire[..])),
            sending,
            buf: BytesMut::new(),
            reading: Reading::Head(HeadReader::new(cx.config.http1)),
        });
        Ok(())
    }

    /// Returns whether more can be taken of a server.
    pub(crate) fn wants(&self, peer: Peer) -> bool {
        let detour = self.detours.iter().find(|detour| Peer::Server(detour.server) == peer);
        let stream =
            detour.and_then(|detour| Some((detour.stream, self.streams.get(&detour.stream)?)));
        stream.is_none_or(|(id, stream)| {
            stream.response.bytes() + self.client_end.queued(id) < HIGH_WATER
        })
    }

    pub(super) fn is_detour(&self, server: u32) -> bool {
        self.detours.iter().any(|detour| detour.server == server)
    }

    /// Such a server was reached.
    pub(super) fn detour_opened(&mut self, server: u32, cx: &mut Cx) {
        let Some(detour) = self.detours.iter().find(|detour| detour.server == server) else {
            return;
        };
        if !detour.origin.secure {
            return self.detour_ready(server, cx);
        }
        let name = ServerName::try_from(detour.origin.host.clone());
        let secured = name.map_err(|error| error.to_string()).and_then(|name| {
            let (name, alpn) = (Name { name, sent: true }, vec![b"http/1.1".to_vec()]);
            cx.secure(server, name, alpn, None).map_err(|error| error.to_string())
        });
        if let Err(reason) = secured {
            let failure = Failure::Tls { peer: Peer::Server(server), reason };
            self.detour_failed(server, failure, cx);
        }
    }

    /// Such a server can be spoken to.
    pub(super) fn detour_ready(&mut self, server: u32, cx: &mut Cx) {
        let peer = Peer::Server(server);
        if let Some(session) = cx.leg(peer).and_then(|leg| leg.top_mut()) {
            let tls = session.facts(peer, None, None);
            cx.event(Event::Secured(tls));
        }
        let detour = self.detours.iter_mut().find(|detour| detour.server == server);
        if let Some(waiting) = detour.and_then(|detour| detour.waiting.take()) {
            cx.send(peer, waiting.freeze());
        }
    }

    /// Returns the connection of a stream if it takes content at the moment.
    pub(super) fn detour_of(&self, stream: u32) -> Option<(u32, Sending)> {
        let detour = self.detours.iter().find(|detour| detour.stream == stream)?;
        detour.waiting.is_none().then_some((detour.server, detour.sending))
    }

    pub(super) fn detour_data(&mut self, server: u32, bytes: &Bytes, cx: &mut Cx) {
        let Some(at) = self.detours.iter().position(|detour| detour.server == server) else {
            return;
        };
        self.detours[at].buf.extend_from_slice(bytes);
        while let Some(at) = self.detours.iter().position(|detour| detour.server == server) {
            match self.read_detour(at, cx) {
                Ok(true) => {}
                Ok(false) => return,
                Err(reason) => {
                    let failure = Failure::Malformed { peer: Peer::Server(server), reason };
                    return self.detour_failed(server, failure, cx);
                }
            }
        }
    }

    /// Takes one step in what such a server said, and returns whether it did.
    fn read_detour(&mut self, at: usize, cx: &mut Cx) -> Result<bool, String> {
        let detour = &mut self.detours[at];
        let stream = detour.stream;
        match &mut detour.reading {
            Reading::Ended => Ok(false),
            Reading::Head(reader) => {
                let parsed = reader.poll_response(&mut detour.buf).map_err(|it| it.to_string())?;
                let Some(parsed) = parsed else { return Ok(false) };
                let head = parsed.head;
                let framing =
                    http1::response_framing(&head, &detour.method).map_err(|it| it.to_string())?;
                let fields = response::to_http2(&head, framing)?;
                let interim = head.is_interim();
                let ends = framing == http1::Framing::Empty && !interim;
                detour.reading = match (interim, ends) {
                    (true, _) => Reading::Head(HeadReader::new(cx.config.http1)),
                    (false, true) => Reading::Ended,
                    (false, false) => Reading::Body(BodyReader::new(framing, &cx.config.http1)),
                };
                self.answer(stream, fields, ends, cx);
                Ok(true)
            }
            Reading::Body(reader) => {
                match reader.poll(&mut detour.buf).map_err(|it| it.to_string())? {
                    None => return Ok(false),
                    Some(Piece::Data { data, .. }) if data.is_empty() => {}
                    Some(Piece::Data { data, .. }) => {
                        self.data(stream, Part::Response, data, false, cx);
                    }
                    Some(Piece::Trailers { fields, .. }) if fields.is_empty() => {}
                    Some(Piece::Trailers { fields, .. }) => {
                        detour.reading = Reading::Ended;
                        let fields = words::trailers_to_http2(&fields)?;
                        self.trailers(stream, Part::Response, fields, cx);
                    }
                    Some(Piece::End) => {
                        detour.reading = Reading::Ended;
                        self.data(stream, Part::Response, Bytes::new(), true, cx);
                    }
                }
                Ok(true)
            }
        }
    }

    /// Such a server sends no more.
    pub(super) fn detour_ended(&mut self, server: u32, cx: &mut Cx) {
        let Some(detour) = self.detours.iter_mut().find(|detour| detour.server == server) else {
            return;
        };
        let stream = detour.stream;
        let whole = match &mut detour.reading {
            Reading::Body(reader) => reader.finish_at_eof().is_ok(),
            Reading::Ended => return,
            Reading::Head(_) => false,
        };
        if whole {
            detour.reading = Reading::Ended;
            return self.data(stream, Part::Response, Bytes::new(), true, cx);
        }
        let failure = Failure::CutShort { peer: Peer::Server(server), missing: None };
        self.detour_failed(server, failure, cx);
    }

    /// Such a server was not reached, or failed.
    pub(super) fn detour_failed(&mut self, server: u32, failure: Failure, cx: &mut Cx) {
        let Some(at) = self.detours.iter().position(|detour| detour.server == server) else {
            return;
        };
        if matches!(self.detours[at].reading, Reading::Ended) {
            return;
        }
        let stream = self.detours[at].stream;
        self.client_end.reset(stream, ErrorCode::INTERNAL_ERROR);
        self.forget(stream, Some(failure), cx);
    }

    /// Lets go of the connection that a stream has of its own.
    pub(super) fn end_detour(&mut self, stream: u32, cx: &mut Cx) {
        if let Some(at) = self.detours.iter().position(|detour| detour.stream == stream) {
            let detour = self.detours.swap_remove(at);
            cx.abort(Peer::Server(detour.server));
        }
    }
}
