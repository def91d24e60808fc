//! A client that speaks HTTP/2, and a server that speaks HTTP/1.
//!
//! Each stream has a connection of its own while it lasts: the first is the flow's, and more are
//! opened as they are needed, up to as many as browsers open. Streams beyond that wait.

mod end;
mod hooked;
mod links;
mod login;
mod requests;
mod responses;
mod slow;
mod sockets;
mod streams;

use std::collections::{BTreeMap, VecDeque};

use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Event, Failure, Point, Protocol};

use self::links::Link;
use self::streams::Stream;
use super::{HIGH_WATER, Name};
use crate::cx::Cx;
use crate::endpoint::Endpoint;
use crate::http2::ErrorCode;
use crate::layer::{Next, Told};
use crate::timers::Timer;

pub(crate) struct FromHttp2 {
    /// The name under which further connections are opened, if they have TLS.
    name: Option<Name>,
    client_end: Endpoint,
    client_ended: bool,
    streams: BTreeMap<u32, Stream>,
    /// The streams that wait for a connection, in order.
    waiting: VecDeque<u32>,
    links: Vec<Link>,
    /// How many connections the server is known to take.
    max_links: usize,
    stopping: bool,
}

impl FromHttp2 {
    pub(super) fn new(server: u32, name: Option<Name>, cx: &mut Cx) -> Self {
        cx.event(Event::Recognized(Protocol::Http2));
        let mut this = Self {
            name,
            // A server of HTTP/1 can refuse a WebSocket as it likes.
            client_end: Endpoint::server_with_extended_connect(cx.config.endpoint),
            client_ended: false,
            streams: BTreeMap::new(),
            waiting: VecDeque::new(),
            links: vec![Link::ready(server, cx)],
            max_links: links::MAX_LINKS,
            stopping: false,
        };
        this.flush(cx);
        this
    }

    pub(super) fn wants(&self, peer: Peer) -> bool {
        match peer {
            // Its windows hold the client back.
            Peer::Client => true,
            Peer::Server(server) => self.reads(server),
        }
    }

    pub(super) fn handle(&mut self, told: Told, cx: &mut Cx) -> Next {
        match told {
            Told::Data(Peer::Client, bytes) => {
                self.client_end.feed(bytes, cx.now);
                if let Err(failure) = self.take_events(cx) {
                    self.flush(cx);
                    cx.shutdown(Peer::Client, true);
                    return Next::Fail(failure);
                }
            }
            Told::Data(Peer::Server(server), bytes) => self.feed_link(server, &bytes),
            Told::Eof(Peer::Client, _) => self.client_ended(cx),
            Told::Eof(Peer::Server(server), clean) => {
                if let Some(link) = self.link(server) {
                    link.ended = Some(clean);
                } else {
                    cx.shutdown(Peer::Server(server), clean);
                }
            }
            Told::Opened(server) => self.opened(server, cx),
            Told::Established(Peer::Server(server)) => self.secured(server, cx),
            Told::OpenFailed(server, failure) => {
                self.unreachable(server, &Failure::Dial(failure), cx);
            }
            Told::TlsFailed(peer @ Peer::Server(server), error) => {
                let reason = error.to_string();
                self.unreachable(server, &Failure::Tls { peer, reason }, cx);
            }
            Told::TlsFailed(peer, error) => {
                return Next::Fail(Failure::Tls { peer, reason: error.to_string() });
            }
            Told::Reset(peer @ Peer::Server(server)) => {
                self.lose_link(server, &Failure::Reset(peer), cx);
            }
            Told::Reset(peer) => return Next::Fail(Failure::Reset(peer)),
            Told::Resumed(exchange) => self.resume(exchange, cx),
            Told::Stop => {
                self.stopping = true;
                self.client_end.wind_down();
            }
            Told::Expired(Timer::ResponseHead) => self.heads_too_slow(cx),
            Told::MessageVerdict(message, verdict) => {
                self.judged_message(message, *verdict, cx);
            }
            Told::Verdict(exchange, verdict) => self.judged(exchange, *verdict, cx),
            Told::Established(_) | Told::Expired(_) | Told::Leaf(_) => {}
        }
        self.advance(cx);
        self.time_heads(cx);
        self.flush(cx);
        if (self.client_ended || self.stopping) && self.streams.is_empty() {
            return self.finish(cx);
        }
        Next::Stay
    }

    /// Reads responses as far as they go, and gives connections to streams that wait.
    fn advance(&mut self, cx: &mut Cx) {
        loop {
            let servers: Vec<_> = self.links.iter().map(|link| link.server).collect();
            let mut moved = self.dispatch(cx);
            for server in servers {
                while self.read_response(server, cx) {
                    moved = true;
                }
            }
            // What came before an end is read first.
            if !moved && !self.close_links(cx) {
                return;
            }
        }
    }

    /// Takes no further streams.
    fn stop(&mut self) {
        self.stopping = true;
        self.client_end.go_away(ErrorCode::NO_ERROR);
    }

    fn resume(&mut self, exchange: ExchangeId, cx: &mut Cx) {
        let held = self.streams.iter_mut().find(|(_, stream)| stream.exchange == exchange);
        if let Some((id, stream)) = held
            && std::mem::replace(&mut stream.held, false)
        {
            cx.event(Event::Resumed { exchange, point: Point::Request });
            let id = *id;
            return self.consider(id, cx);
        }
        self.resume_response(exchange, cx);
    }

    /// Puts on the wire what the end towards the client has to say.
    fn flush(&mut self, cx: &mut Cx) {
        for piece in self.client_end.take_wire() {
            cx.send(Peer::Client, piece);
        }
    }
}
