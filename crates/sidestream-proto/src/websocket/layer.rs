//! A WebSocket between a client and a server: passed as it comes, and read on the way.

use std::mem;

use bytes::Bytes;
use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Event, Protocol, ResponseHead, WebSocketMessage};

use crate::conn::{Layer, Next, Told};
use crate::cx::Cx;
use crate::http1;
use crate::raw::Raw;
use crate::websocket::{Defect, Extensions, FrameError, Item, Message, MessageReader, Role};

/// Relays as a raw flow does, and tells of messages instead of bytes.
pub(crate) struct WebSocket {
    raw: Raw,
    exchange: ExchangeId,
    /// What the client sends, and what the server sends.
    readers: [MessageReader; 2],
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
        let limits = cx.config.websocket;
        let reader = |role| MessageReader::new(role, extensions, limits);
        let readers = [reader(Role::Client), reader(Role::Server)];
        Self { raw: Raw::after_http(server), exchange, readers }
    }

    pub(crate) fn handle(&mut self, told: Told, cx: &mut Cx) -> Next {
        match told {
            Told::Data(peer, bytes) => {
                let read = self.read(peer, bytes.clone(), cx);
                cx.send(self.raw.other(peer), bytes);
                match read {
                    Ok(()) => Next::Stay,
                    Err(_boundaries_lost) => self.become_raw(cx),
                }
            }
            Told::Eof(peer, _) => {
                self.finish(peer, cx);
                self.raw.handle(told, cx)
            }
            told => self.raw.handle(told, cx),
        }
    }

    /// Tells of the messages that are complete with these bytes.
    fn read(&mut self, from: Peer, mut bytes: Bytes, cx: &mut Cx) -> Result<(), FrameError> {
        loop {
            let reader = &mut self.readers[usize::from(from != Peer::Client)];
            match reader.poll(&mut bytes) {
                Ok(None) => return Ok(()),
                Ok(Some(Item::Message(message))) => self.tell(from, message, cx),
                Ok(Some(Item::Defect(defect))) => tell_defect(from, defect, cx),
                Err(error) => {
                    tell_defect(from, error.into(), cx);
                    self.finish(from, cx);
                    tell_bytes(from, bytes, cx);
                    return Err(error);
                }
            }
        }
    }

    fn tell(&self, from: Peer, message: Message, cx: &mut Cx) {
        let Message { kind, data, dropped, fragments, compressed, encoded, ended } = message;
        let message = WebSocketMessage {
            exchange: self.exchange,
            message: cx.ids.message(),
            from,
            kind,
            data,
            dropped,
            fragments,
            compressed,
            encoded,
            ended,
        };
        cx.event(Event::WebSocket(Box::new(message)));
    }

    /// Tells of what a peer has not sent to its end, and will not.
    fn finish(&mut self, from: Peer, cx: &mut Cx) {
        let reader = &mut self.readers[usize::from(from != Peer::Client)];
        let unread = Bytes::copy_from_slice(reader.unread());
        let cut = reader.finish();
        cut.for_each(|message| self.tell(from, message, cx));
        tell_bytes(from, unread, cx);
    }

    fn become_raw(&mut self, cx: &mut Cx) -> Next {
        self.end(cx);
        let raw = mem::replace(&mut self.raw, Raw::after_http(0));
        Next::become_with(Layer::Raw(raw), Vec::new())
    }

    pub(crate) fn end(&mut self, cx: &mut Cx) {
        let server = self.raw.other(Peer::Client);
        self.finish(Peer::Client, cx);
        self.finish(server, cx);
    }
}

fn tell_defect(from: Peer, defect: Defect, cx: &mut Cx) {
    cx.event(Event::Defect { exchange: None, from, what: defect.to_string() });
}

/// Tells of bytes that belong to no message.
fn tell_bytes(from: Peer, data: Bytes, cx: &mut Cx) {
    if !data.is_empty() {
        let message = cx.ids.message();
        cx.event(Event::Data { message, from, data });
    }
}
