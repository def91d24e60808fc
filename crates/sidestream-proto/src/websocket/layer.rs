//! A WebSocket between a client and a server: passed as it comes, and read on the way.

use std::mem;
use std::sync::Arc;

use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Alteration, Change, Edit, Event, Failure, Protocol, ResponseHead};

use crate::cx::Cx;
use crate::hooks::Asked;
use crate::http1;
use crate::layer::{Layer, Next, Told};
use crate::raw::Raw;
use crate::websocket::{Extensions, InjectError, Injection, Passed, Tap};

/// Relays as a raw flow does, and tells of messages instead of bytes.
pub(crate) struct WebSocket {
    raw: Raw,
    tap: Tap,
    /// How the client and the server ended, which may wait for what they said before.
    ends: [bool; 2],
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
        request: Option<&Arc<Asked>>,
        response: &ResponseHead,
        cx: &mut Cx,
    ) -> Self {
        cx.event(Event::Recognized(Protocol::WebSocket));
        let extensions = Extensions::agreed(&response.fields);
        let wanted = cx.want_messages(request, response);
        let tap = Tap::new(exchange, Peer::Server(server), &extensions, wanted, cx);
        Self { raw: Raw::after_http(server), tap, ends: [true; 2] }
    }

    pub(crate) fn wants(&self, peer: Peer) -> bool {
        self.tap.wants(peer)
    }

    pub(crate) fn handle(&mut self, told: Told, cx: &mut Cx) -> Next {
        match told {
            Told::Data(peer, bytes) => {
                let passed = self.tap.pass(peer, bytes, cx);
                self.go_on(peer, passed, cx)
            }
            Told::Eof(peer, clean) => {
                self.ends[usize::from(peer != Peer::Client)] = clean;
                let passed = self.tap.ended(peer, cx);
                self.go_on(peer, passed, cx)
            }
            Told::MessageVerdict(message, verdict) => {
                match self.tap.judged(message, *verdict, cx) {
                    Some((peer, passed)) => self.go_on(peer, passed, cx),
                    None => Next::Stay,
                }
            }
            told => self.raw.handle(told, cx),
        }
    }

    /// Sends on what a peer said.
    fn go_on(&mut self, from: Peer, passed: Passed, cx: &mut Cx) -> Next {
        let Passed { bytes, end, lost, failure, taken: _ } = passed;
        cx.send(self.raw.other(from), bytes);
        if let Some(failure) = failure {
            if let Failure::Blocked { by } = &failure {
                let edit = Edit { by: by.clone(), change: Change::Killed };
                let alteration = Alteration::Edited(Box::new(edit));
                cx.event(Event::Altered { exchange: None, alteration });
            }
            return Next::Fail(failure);
        }
        if end {
            let clean = self.ends[usize::from(from != Peer::Client)];
            return self.raw.handle(Told::Eof(from, clean), cx);
        }
        // Whatever hooks still hold of the other side keeps its frames.
        if lost && !self.tap.is_gated() { self.become_raw(cx) } else { Next::Stay }
    }

    /// Sends a message of the user's own to a peer.
    pub(crate) fn inject(
        &mut self,
        exchange: ExchangeId,
        to: Peer,
        injection: Injection,
        cx: &mut Cx,
    ) -> Result<(), InjectError> {
        let (opened, server) = self.tap.place();
        if exchange != opened || to != Peer::Client && to != server {
            return Err(InjectError::NotOpen);
        }
        if cx.leg(to).is_none_or(|leg| leg.shut) {
            return Err(InjectError::Closed);
        }
        let (_, bytes) = self.tap.inject(to, injection, cx)?;
        cx.send(to, bytes);
        Ok(())
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
