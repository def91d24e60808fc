//! Reads both sides of a WebSocket while its bytes go by, and tells of its messages.

use std::mem;

use bytes::Bytes;
use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Event, WebSocketKind, WebSocketMessage};

use super::handshake::masking_key;
use super::inject::{InjectError, Injection, Waiting};
use super::{Defect, Extensions, FrameError, Item, Limits, Message, MessageReader, Role};
use crate::cx::Cx;

/// What is read of one WebSocket, whatever carries it.
#[derive(Debug)]
pub(crate) struct Tap {
    exchange: ExchangeId,
    server: Peer,
    /// What the client sends, and what the server sends.
    sides: [Side; 2],
}

#[derive(Debug)]
struct Side {
    reader: MessageReader,
    /// Frames cannot be told apart any more, or are not to be.
    lost: bool,
    /// What is to be put between its messages.
    waiting: Waiting,
    /// A close was put there.
    closed: bool,
}

impl Tap {
    /// Reads what follows the opening handshake with that server, which was that exchange.
    pub(crate) fn new(
        exchange: ExchangeId,
        server: Peer,
        extensions: &Extensions,
        limits: Limits,
    ) -> Self {
        let side = |role| Side {
            reader: MessageReader::new(role, extensions, limits),
            lost: false,
            waiting: Waiting::default(),
            closed: false,
        };
        Self { exchange, server, sides: [side(Role::Client), side(Role::Server)] }
    }

    /// Tells of the messages that are complete with these bytes.
    ///
    /// # Errors
    ///
    /// When frames of that side cannot be told apart any more; from then on its bytes are told.
    pub(crate) fn read(
        &mut self,
        from: Peer,
        mut bytes: Bytes,
        cx: &mut Cx,
    ) -> Result<(), FrameError> {
        while self.step(from, &mut bytes, cx)? {}
        Ok(())
    }

    /// Takes bytes off the front up to the end of the next message, and returns whether it came.
    fn step(&mut self, from: Peer, bytes: &mut Bytes, cx: &mut Cx) -> Result<bool, FrameError> {
        let side = self.side(from);
        if side.lost {
            tell_bytes(from, mem::take(bytes), cx);
            return Ok(false);
        }
        match side.reader.poll(bytes) {
            Ok(None) => Ok(false),
            Ok(Some(Item::Message(message))) => {
                self.tell(from, message, cx);
                Ok(true)
            }
            Ok(Some(Item::Defect(defect))) => {
                tell_defect(from, defect, cx);
                Ok(true)
            }
            Err(error) => {
                tell_defect(from, error.into(), cx);
                self.lose(from, cx);
                tell_bytes(from, mem::take(bytes), cx);
                Err(error)
            }
        }
    }

    /// Reads what a peer sent, and sends it on with what waited put between its messages.
    ///
    /// # Errors
    ///
    /// As of [`read`](Self::read); all was sent on.
    pub(super) fn pass(
        &mut self,
        from: Peer,
        mut bytes: Bytes,
        cx: &mut Cx,
    ) -> Result<(), FrameError> {
        let to = self.other(from);
        if self.side(from).waiting.is_empty() {
            let read = self.read(from, bytes.clone(), cx);
            cx.send(to, bytes);
            return read;
        }
        loop {
            let mut before = bytes.clone();
            let more = self.step(from, &mut bytes, cx);
            cx.send(to, before.split_to(before.len() - bytes.len()));
            self.put(from, cx);
            if !more? {
                return Ok(());
            }
        }
    }

    /// Sends a message of the user's own to a peer, as soon as it does not stand within another.
    pub(super) fn inject(
        &mut self,
        exchange: ExchangeId,
        to: Peer,
        injection: Injection,
        cx: &mut Cx,
    ) -> Result<(), InjectError> {
        let from = self.other(to);
        let known = exchange == self.exchange && (to == Peer::Client || to == self.server);
        let side = self.side(from);
        if !known || side.lost {
            return Err(InjectError::NotOpen);
        }
        injection.check()?;
        if side.closed || side.reader.is_closed() || cx.leg(to).is_none_or(|leg| leg.shut) {
            return Err(InjectError::Closed);
        }
        side.waiting.push(injection)?;
        self.put(from, cx);
        Ok(())
    }

    /// Puts on the wire what waited for its place among what a peer sends.
    fn put(&mut self, from: Peer, cx: &mut Cx) {
        let to = self.other(from);
        loop {
            let side = self.side(from);
            let Some(within) = side.reader.is_between_frames().filter(|_| !side.lost) else {
                return;
            };
            let Some(injection) = side.waiting.take(within) else { return };
            side.closed |= matches!(injection.kind, WebSocketKind::Close { .. });
            let key = if from == Peer::Client { Some(masking_key(cx)) } else { None };
            cx.send(to, injection.encode(key));
            let Injection { kind, data } = injection;
            let message = WebSocketMessage {
                exchange: self.exchange,
                message: cx.ids.message(),
                from,
                kind,
                data,
                dropped: 0,
                fragments: 1,
                compressed: false,
                encoded: false,
                ended: true,
                injected: true,
            };
            cx.event(Event::WebSocket(Box::new(message)));
        }
    }

    const fn other(&self, peer: Peer) -> Peer {
        match peer {
            Peer::Client => self.server,
            Peer::Server(_) => Peer::Client,
        }
    }

    /// Tells of what a peer has not sent to its end, and will not.
    pub(crate) fn finish(&mut self, from: Peer, cx: &mut Cx) {
        let reader = &mut self.side(from).reader;
        let unread = Bytes::copy_from_slice(reader.unread());
        let cut = reader.finish();
        cut.for_each(|message| self.tell(from, message, cx));
        tell_bytes(from, unread, cx);
    }

    /// Tells of what neither peer has sent to its end, and will not.
    pub(crate) fn end(&mut self, cx: &mut Cx) {
        self.finish(Peer::Client, cx);
        self.finish(self.server, cx);
    }

    /// Reads the frames of neither side any more: their bytes are told instead.
    pub(crate) fn give_up(&mut self, cx: &mut Cx) {
        self.lose(Peer::Client, cx);
        self.lose(self.server, cx);
    }

    fn lose(&mut self, from: Peer, cx: &mut Cx) {
        self.finish(from, cx);
        let side = self.side(from);
        side.lost = true;
        side.reader.forget();
    }

    /// Returns about how many bytes are held for messages that are under way, and to inflate later
    /// ones.
    pub(crate) fn held_bytes(&self) -> usize {
        self.sides.iter().map(|side| side.reader.held_bytes()).sum()
    }

    fn side(&mut self, from: Peer) -> &mut Side {
        &mut self.sides[usize::from(from != Peer::Client)]
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
            injected: false,
        };
        cx.event(Event::WebSocket(Box::new(message)));
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
