//! A WebSocket between a client and a server: passed as it comes, and read on the way.

use std::mem;

use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Event, Protocol, ResponseHead};

use crate::conn::{Layer, Next, Told};
use crate::cx::Cx;
use crate::http1;
use crate::raw::Raw;
use crate::websocket::{Extensions, InjectError, Injection, Tap};

/// Relays as a raw flow does, and tells of messages instead of bytes.
pub(crate) struct WebSocket {
    raw: Raw,
    tap: Tap,
}

impl WebSocket {
    /// Returns whether the response of a 101 leads to WebSocket.
    pub(crate) fn is_next(response: &ResponseHead) -> bool {
        let protocol = http1::upgrade(&response.fields);
        protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"))
    }

    /// Takes over where that exchange has ended.
    pub(crate) fn new(
        server: u32,
        exchange: ExchangeId,
        extensions: &Extensions,
        cx: &mut Cx,
    ) -> Self {
        cx.event(Event::Recognized(Protocol::WebSocket));
        let tap = Tap::new(exchange, Peer::Server(server), extensions, cx.config.websocket);
        Self { raw: Raw::after_http(server), tap }
    }

    pub(crate) fn handle(&mut self, told: Told, cx: &mut Cx) -> Next {
        match told {
            Told::Data(peer, bytes) => match self.tap.pass(peer, bytes, cx) {
                Ok(()) => Next::Stay,
                Err(_boundaries_lost) => self.become_raw(cx),
            },
            Told::Eof(peer, _) => {
                self.tap.finish(peer, cx);
                self.raw.handle(told, cx)
            }
            told => self.raw.handle(told, cx),
        }
    }

    /// Sends a message of the user's own to a peer.
    pub(crate) fn inject(
        &mut self,
        exchange: ExchangeId,
        to: Peer,
        injection: Injection,
        cx: &mut Cx,
    ) -> Result<(), InjectError> {
        self.tap.inject(exchange, to, injection, cx)
    }

    fn become_raw(&mut self, cx: &mut Cx) -> Next {
        self.end(cx);
        let raw = mem::replace(&mut self.raw, Raw::after_http(0));
        Next::become_with(Layer::Raw(raw), Vec::new())
    }

    pub(crate) fn end(&mut self, cx: &mut Cx) {
        self.tap.end(cx);
    }
}
