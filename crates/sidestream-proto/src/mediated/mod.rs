//! HTTP/2 between one client and one server where exchanges may be held or changed: each leg is an end
//! point of its own, joined by streams.
//!
//! What waits in a stream, because it is held or because its receiver is slow, waits there alone:
//! it is not said to be consumed, so the window of that stream closes towards its sender, and the
//! others go on.

mod detour;
mod ends;
mod halves;
mod hooked;
mod login;
mod sockets;
mod stream;

use std::collections::BTreeMap;

use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Alteration, Event, Failure, Part, Point, Protocol};

pub(crate) use self::halves::with_host;
use self::stream::Stream;
use crate::cx::Cx;
use crate::endpoint::Endpoint;
use crate::hooks::Detour;
use crate::http2::ErrorCode;
use crate::layer::{Next, Told};

/// What may wait for a stream's window towards its receiver.
const HIGH_WATER: usize = 64 * 1024;

pub(crate) struct Mediated {
    server: u32,
    secure: bool,
    client_end: Endpoint,
    server_end: Endpoint,
    /// The streams that are open, by their number at the client.
    streams: BTreeMap<u32, Stream>,
    /// The connections of streams that hooks sent elsewhere.
    detours: Vec<Detour<u32>>,
    client_ended: bool,
    stopping: bool,
}

impl Mediated {
    pub(crate) fn new(server: u32, secure: bool, cx: &mut Cx) -> Self {
        cx.event(Event::Recognized(Protocol::Http2));
        cx.event(Event::Altered { exchange: None, alteration: Alteration::FramesRemade });
        let mut this = Self {
            server,
            secure,
            client_end: Endpoint::server(cx.config.endpoint),
            server_end: Endpoint::client(cx.config.endpoint),
            streams: BTreeMap::new(),
            detours: Vec::new(),
            client_ended: false,
            stopping: false,
        };
        this.flush(cx);
        this
    }

    pub(crate) fn handle(&mut self, told: Told, cx: &mut Cx) -> Next {
        let taken = match told {
            Told::Data(Peer::Client, bytes) => {
                self.client_end.feed(bytes, cx.now);
                self.take_from_client(cx)
            }
            Told::Data(Peer::Server(server), bytes) if server != self.server => {
                self.detour_data(server, &bytes, cx);
                Ok(())
            }
            Told::Data(Peer::Server(_), bytes) => {
                self.server_end.feed(bytes, cx.now);
                if self.server_end.takes_extended_connect() == Some(true) {
                    self.client_end.enable_extended_connect();
                }
                self.take_from_server(cx)
            }
            Told::Eof(Peer::Client, _) => {
                self.client_ended = true;
                Ok(())
            }
            Told::Eof(Peer::Server(server), _) if server != self.server => {
                self.detour_ended(server, cx);
                Ok(())
            }
            Told::Eof(peer @ Peer::Server(_), _) => {
                self.end(Some(&Failure::CutShort { peer, missing: None }), cx);
                return self.finish(cx);
            }
            Told::Reset(peer @ Peer::Server(server)) if server != self.server => {
                self.detour_failed(server, Failure::Reset(peer), cx);
                Ok(())
            }
            Told::Reset(peer) => return Next::Fail(Failure::Reset(peer)),
            Told::TlsFailed(peer @ Peer::Server(server), error) if server != self.server => {
                let reason = error.to_string();
                self.detour_failed(server, Failure::Tls { peer, reason }, cx);
                Ok(())
            }
            Told::TlsFailed(peer, error) => {
                return Next::Fail(Failure::Tls { peer, reason: error.to_string() });
            }
            Told::OpenFailed(server, failure) if server != self.server => {
                self.detour_failed(server, Failure::Dial(failure), cx);
                Ok(())
            }
            Told::OpenFailed(_, failure) => return Next::Fail(Failure::Dial(failure)),
            Told::Resumed(exchange) => {
                self.resume(exchange, cx);
                Ok(())
            }
            Told::Stop => {
                self.stopping = true;
                self.client_end.wind_down();
                Ok(())
            }
            Told::Opened(server) => {
                self.detour_opened(server, cx);
                Ok(())
            }
            Told::Established(Peer::Server(server)) if self.is_detour(server) => {
                self.detour_ready(server, cx);
                Ok(())
            }
            Told::MessageVerdict(message, verdict) => {
                self.judged_message(message, *verdict, cx);
                Ok(())
            }
            Told::Verdict(exchange, verdict) => {
                self.judged(exchange, *verdict, cx);
                Ok(())
            }
            Told::Established(_) | Told::Expired(_) | Told::Leaf(_) => Ok(()),
        };
        self.pass(cx);
        if let Err(failure) = taken {
            self.end(Some(&failure), cx);
            self.close(cx);
            return Next::Fail(failure);
        }
        self.flush(cx);
        if (self.client_ended || self.stopping) && self.streams.is_empty() {
            return self.finish(cx);
        }
        Next::Stay
    }

    fn resume(&mut self, exchange: ExchangeId, cx: &mut Cx) {
        let stream = self.streams.iter_mut().find(|(_, stream)| stream.exchange == exchange);
        let Some((&id, stream)) = stream.filter(|(_, stream)| !stream.authenticating) else {
            return;
        };
        let points = [(Part::Request, Point::Request), (Part::Response, Point::Response)];
        let held = points.into_iter().find(|(part, _)| {
            let half = stream.half(*part);
            half.held && !half.asked && !half.gathering
        });
        if let Some((part, point)) = held {
            stream.half(part).held = false;
            cx.event(Event::Resumed { exchange, point });
            self.consider(id, part, cx);
        }
    }

    /// Ends the flow with everyone.
    fn finish(&mut self, cx: &mut Cx) -> Next {
        self.close(cx);
        Next::Finish
    }

    fn close(&mut self, cx: &mut Cx) {
        self.client_end.go_away(ErrorCode::NO_ERROR);
        self.server_end.go_away(ErrorCode::NO_ERROR);
        self.flush(cx);
        cx.shutdown(Peer::Client, true);
        cx.shutdown(Peer::Server(self.server), true);
    }

    /// Puts on the wire what the two ends have to say.
    fn flush(&mut self, cx: &mut Cx) {
        for piece in self.client_end.take_wire() {
            cx.send(Peer::Client, piece);
        }
        for piece in self.server_end.take_wire() {
            cx.send(Peer::Server(self.server), piece);
        }
    }

    /// Ends all exchanges that are under way.
    pub(crate) fn end(&mut self, failure: Option<&Failure>, cx: &mut Cx) {
        let cut = || Failure::CutShort { peer: Peer::Client, missing: None };
        for mut stream in std::mem::take(&mut self.streams).into_values() {
            stream.socket.end(cx);
            let failure = Some(failure.cloned().unwrap_or_else(cut));
            cx.event(Event::ExchangeEnded { exchange: stream.exchange, failure });
        }
    }
}
