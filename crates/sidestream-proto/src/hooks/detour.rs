//! An exchange that a hook sent to another server: a connection of its own, in HTTP/1.1.

use bytes::{Bytes, BytesMut};
use sidestream_flow::Peer;
use sidestream_record::{Event, Failure, Fields, RequestHead};

use super::Origin;
use crate::Target;
use crate::cx::Cx;
use crate::http1::{self, BodyReader, HeadReader, Piece};
use crate::translate::body::Sending;
use crate::translate::{request, response, words};

/// How many servers a connection may be sent to in all, before the client is told to begin anew.
pub(crate) const MAX_DETOURS: usize = 1000;

/// The connection of one exchange with a server that a hook named.
#[derive(Debug)]
pub(crate) struct Detour<Id> {
    pub(crate) server: u32,
    /// Whose it is.
    pub(crate) of: Id,
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

/// What such a server said.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A head, and whether nothing follows it.
    Head(Fields, bool),
    Data(Bytes),
    End,
    Trailers(Fields),
}

impl<Id: Copy> Detour<Id> {
    /// Asks for a connection for a request of HTTP/2; `end` if it has no body.
    ///
    /// # Errors
    ///
    /// HTTP/1 cannot express the request.
    pub(crate) fn open(
        of: Id,
        head: &RequestHead,
        end: bool,
        origin: Origin,
        cx: &mut Cx,
    ) -> Result<Self, &'static str> {
        let (wire, sending) = request::to_http1(head, end)?;
        let server = cx.open(Target::Name(origin.host.clone(), origin.port));
        Ok(Self {
            server,
            of,
            method: head.method.clone(),
            origin,
            waiting: Some(BytesMut::from(&wire[..])),
            sending,
            buf: BytesMut::new(),
            reading: Reading::Head(HeadReader::new(cx.config.http1)),
        })
    }

    /// The server was reached: begins TLS with it, or returns that it can be spoken to.
    pub(crate) fn opened(&self, cx: &mut Cx) -> Result<bool, Failure> {
        let secured = self.origin.name().and_then(|name| {
            let Some(name) = name else { return Ok(true) };
            let alpn = vec![b"http/1.1".to_vec()];
            cx.secure(self.server, name, alpn, None).map_err(|error| error.to_string())?;
            Ok(false)
        });
        secured.map_err(|reason| Failure::Tls { peer: Peer::Server(self.server), reason })
    }

    /// The server can be spoken to.
    pub(crate) fn ready(&mut self, cx: &mut Cx) {
        let peer = Peer::Server(self.server);
        if let Some(session) = cx.leg(peer).and_then(|leg| leg.top_mut()) {
            let tls = session.facts(peer, None, None);
            cx.event(Event::Secured(tls));
        }
        if let Some(waiting) = self.waiting.take() {
            cx.send(peer, waiting.freeze());
        }
    }

    /// Returns how content is sent, once the server is there.
    pub(crate) fn sending(&self) -> Option<Sending> {
        self.waiting.is_none().then_some(self.sending)
    }

    /// Sends content, or keeps it until the server is there.
    pub(crate) fn content(&mut self, data: &Bytes, end: bool, cx: &mut Cx) {
        let to = Peer::Server(self.server);
        let Some(waiting) = &mut self.waiting else {
            self.sending.content(to, data.clone(), cx);
            if end {
                self.sending.end(to, &Fields::default(), cx);
            }
            return;
        };
        match self.sending {
            Sending::Plain => waiting.extend_from_slice(data),
            Sending::Chunked if data.is_empty() => {}
            Sending::Chunked => http1::encode_chunk(data, waiting),
        }
        if end {
            self.end(&Fields::default(), cx);
        }
    }

    /// Ends the request, with trailers.
    pub(crate) fn end(&mut self, trailers: &Fields, cx: &mut Cx) {
        match &mut self.waiting {
            None => self.sending.end(Peer::Server(self.server), trailers, cx),
            Some(waiting) if self.sending == Sending::Chunked => {
                http1::encode_last_chunk(trailers, waiting);
            }
            Some(_) => {}
        }
    }

    /// Returns how much waits for the server.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.as_ref().map_or(0, BytesMut::len)
    }

    /// Takes what the server sent.
    pub(crate) fn feed(&mut self, bytes: &Bytes) {
        self.buf.extend_from_slice(bytes);
    }

    /// Returns the next thing that the server said.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, or passed on.
    pub(crate) fn poll(&mut self, cx: &Cx) -> Result<Option<Heard>, String> {
        match &mut self.reading {
            Reading::Ended => Ok(None),
            Reading::Head(reader) => {
                let parsed = reader.poll_response(&mut self.buf).map_err(|it| it.to_string())?;
                let Some(parsed) = parsed else { return Ok(None) };
                let head = parsed.head;
                let framing =
                    http1::response_framing(&head, &self.method).map_err(|it| it.to_string())?;
                let fields = response::to_http2(&head, framing)?;
                let interim = head.is_interim();
                let ends = framing == http1::Framing::Empty && !interim;
                self.reading = match (interim, ends) {
                    (true, _) => Reading::Head(HeadReader::new(cx.config.http1)),
                    (false, true) => Reading::Ended,
                    (false, false) => Reading::Body(BodyReader::new(framing, &cx.config.http1)),
                };
                Ok(Some(Heard::Head(fields, ends)))
            }
            Reading::Body(reader) => loop {
                let piece = reader.poll(&mut self.buf).map_err(|it| it.to_string())?;
                let heard = match piece {
                    None => return Ok(None),
                    Some(Piece::Data { data, .. }) if data.is_empty() => continue,
                    Some(Piece::Data { data, .. }) => Heard::Data(data),
                    Some(Piece::Trailers { fields, .. }) if fields.is_empty() => continue,
                    Some(Piece::Trailers { fields, .. }) => {
                        self.reading = Reading::Ended;
                        Heard::Trailers(words::trailers_to_http2(&fields)?)
                    }
                    Some(Piece::End) => {
                        self.reading = Reading::Ended;
                        Heard::End
                    }
                };
                return Ok(Some(heard));
            },
        }
    }

    /// The server sends no more: returns what that means for a response that had not ended, if
    /// there is one.
    pub(crate) fn ended(&mut self) -> Option<Result<Heard, Failure>> {
        let whole = match &mut self.reading {
            Reading::Body(reader) => reader.finish_at_eof().is_ok(),
            Reading::Ended => return None,
            Reading::Head(_) => false,
        };
        if whole {
            self.reading = Reading::Ended;
            return Some(Ok(Heard::End));
        }
        let peer = Peer::Server(self.server);
        Some(Err(Failure::CutShort { peer, missing: None }))
    }

    /// Returns whether the response came whole.
    pub(crate) const fn is_answered(&self) -> bool {
        matches!(self.reading, Reading::Ended)
    }
}
