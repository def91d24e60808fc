//! Reads both sides of a WebSocket while its bytes go by, and tells of its messages.

use std::mem;

use bytes::Bytes;
use sidestream_flow::{ExchangeId, MessageId, Peer};
use sidestream_record::{Event, Failure, WebSocketKind, WebSocketMessage};

use super::gate::{self, Gate, Let};
use super::handshake::masking_key;
use super::inject::{InjectError, Injection, Waiting};
use super::told::{self, Told};
use super::{Extensions, FrameError, Item, Message, MessageReader, Role};
use crate::cx::Cx;
use crate::hooks::{MessageVerdict, Wanted};

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
    /// Holds messages that hooks want to see.
    gate: Option<Box<Gate>>,
    /// Frames cannot be told apart any more, or are not to be.
    lost: bool,
    /// What is to be put between its messages.
    waiting: Waiting,
    /// A close was put there.
    closed: bool,
}

/// What goes on of what a peer sent, and how far that is.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    pub(crate) bytes: Bytes,
    /// How many bytes of what came are done with: fewer while some wait, and where the user's own
    /// are among those that go on they do not count.
    pub(crate) taken: usize,
    /// The end of that side goes on behind them.
    pub(crate) end: bool,
    /// Frames of that side cannot be told apart any more.
    pub(crate) lost: bool,
    /// The WebSocket is to end.
    pub(crate) failure: Option<Failure>,
}

impl Tap {
    /// Reads what follows the opening handshake with that server, which was that exchange.
    pub(crate) fn new(
        exchange: ExchangeId,
        server: Peer,
        extensions: &Extensions,
        wanted: Option<Wanted>,
        cx: &Cx,
    ) -> Self {
        let side = |role, from| {
            let wanted = wanted.clone().filter(|it| match role {
                Role::Client => it.want.from_client,
                Role::Server => it.want.from_server,
            });
            let mut limits = cx.config.websocket;
            if wanted.is_some() {
                let most = cx.config.hook_limits.body_bytes.max(limits.max_message_bytes);
                limits.max_message_bytes = most.saturating_add(gate::OVERSHOOT_BYTES);
            }
            let takes_over = extensions.deflate.map(|deflate| match role {
                Role::Client => !deflate.client_no_context_takeover,
                Role::Server => !deflate.server_no_context_takeover,
            });
            Side {
                reader: MessageReader::new(role, extensions, limits),
                gate: wanted.map(|it| Box::new(Gate::new(exchange, from, it, takes_over))),
                lost: false,
                waiting: Waiting::default(),
                closed: false,
            }
        };
        let sides = [side(Role::Client, Peer::Client), side(Role::Server, server)];
        Self { exchange, server, sides }
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
            told::bytes(from, mem::take(bytes), cx);
            return Ok(false);
        }
        match side.reader.poll(bytes) {
            Ok(None) => Ok(false),
            Ok(Some(Item::Message(message))) => {
                self.tell(from, message, cx);
                Ok(true)
            }
            Ok(Some(Item::Defect(defect))) => {
                told::defect(from, defect, cx);
                Ok(true)
            }
            Err(error) => {
                told::defect(from, error.into(), cx);
                self.lose(from, cx);
                told::bytes(from, mem::take(bytes), cx);
                Err(error)
            }
        }
    }

    /// Reads what a peer sent, and returns what of it goes on, with what waited put between its
    /// messages.
    pub(crate) fn pass(&mut self, from: Peer, bytes: Bytes, cx: &mut Cx) -> Passed {
        let side = self.side(from);
        if let Some(gate) = &mut side.gate {
            let passed = gate.push(bytes, &mut side.reader, cx);
            return self.let_through(from, passed, cx);
        }
        let taken = bytes.len();
        if side.waiting.is_empty() {
            let lost = self.read(from, bytes.clone(), cx).is_err();
            return Passed { bytes, taken, lost, ..Passed::default() };
        }
        let (bytes, lost) = self.read_between(from, bytes, cx);
        Passed { bytes, taken, lost, ..Passed::default() }
    }

    /// Reads what a peer sent, with what waited put between its messages.
    fn read_between(&mut self, from: Peer, mut bytes: Bytes, cx: &mut Cx) -> (Bytes, bool) {
        let mut out = Vec::with_capacity(bytes.len());
        loop {
            let before = bytes.clone();
            let more = self.step(from, &mut bytes, cx);
            out.extend_from_slice(&before[..before.len() - bytes.len()]);
            self.put(from, &mut out, cx);
            match more {
                Ok(true) => {}
                Ok(false) => return (out.into(), false),
                Err(_boundaries_lost) => return (out.into(), true),
            }
        }
    }

    /// A peer sends no more: returns what of it goes on.
    pub(crate) fn ended(&mut self, from: Peer, cx: &mut Cx) -> Passed {
        let passed = match &mut self.side(from).gate {
            Some(gate) => gate.end(cx),
            None => Let { end: true, ..Let::default() },
        };
        self.let_through(from, passed, cx)
    }

    /// Returns whether hooks judge that message.
    pub(crate) fn is_asked(&self, message: MessageId) -> bool {
        self.sides.iter().any(|it| it.gate.as_ref().is_some_and(|gate| gate.is_asked(message)))
    }

    /// Hooks judged a message: returns what goes on of what its sender sent.
    pub(crate) fn judged(
        &mut self,
        message: MessageId,
        verdict: MessageVerdict,
        cx: &mut Cx,
    ) -> Option<(Peer, Passed)> {
        let from = [Peer::Client, self.server].into_iter().find(|from| {
            self.side(*from).gate.as_ref().is_some_and(|gate| gate.is_asked(message))
        })?;
        let side = self.side(from);
        let passed = side.gate.as_mut()?.judge(message, verdict, &mut side.reader, cx);
        Some((from, self.let_through(from, passed, cx)))
    }

    /// Takes what came out of a gate, which is not needed any more if it gives up.
    fn let_through(&mut self, from: Peer, passed: Let, cx: &mut Cx) -> Passed {
        let Let { bytes, taken, leftover, end, failure } = passed;
        let mut out = bytes;
        let mut lost = false;
        if let Some(leftover) = leftover {
            self.side(from).gate = None;
            lost = self.read(from, leftover.clone(), cx).is_err();
            out = [out, leftover].concat().into();
            if !end {
                told::blind(cx);
            }
        }
        if !self.side(from).waiting.is_empty() {
            let mut more = out.to_vec();
            self.put(from, &mut more, cx);
            out = more.into();
        }
        if end {
            self.finish(from, cx);
        }
        Passed { bytes: out, taken, end, lost, failure }
    }

    /// Returns whether more can be taken of a peer.
    pub(crate) fn wants(&self, from: Peer) -> bool {
        self.sides[usize::from(from != Peer::Client)].gate.as_ref().is_none_or(|it| it.wants())
    }

    /// Returns how much of what a peer sent was not said to be taken.
    pub(crate) fn untaken(&self, from: Peer) -> usize {
        let gate = &self.sides[usize::from(from != Peer::Client)].gate;
        gate.as_ref().map_or(0, |gate| gate.untaken())
    }

    /// Returns whether messages of either side are held.
    pub(crate) fn is_gated(&self) -> bool {
        self.sides.iter().any(|side| side.gate.is_some())
    }

    /// Returns what goes on with a message of the user's own to a peer, and whose place it takes;
    /// it waits for as long as it would stand within another.
    pub(crate) fn inject(
        &mut self,
        to: Peer,
        injection: Injection,
        cx: &mut Cx,
    ) -> Result<(Peer, Bytes), InjectError> {
        let to = if to == Peer::Client { Peer::Client } else { self.server };
        let from = self.other(to);
        let side = self.side(from);
        if side.lost {
            return Err(InjectError::NotOpen);
        }
        injection.check()?;
        if side.closed || side.reader.is_closed() {
            return Err(InjectError::Closed);
        }
        side.waiting.push(injection)?;
        let mut out = Vec::new();
        self.put(from, &mut out, cx);
        Ok((from, out.into()))
    }

    /// Returns the exchange that opened it, and its server.
    pub(crate) const fn place(&self) -> (ExchangeId, Peer) {
        (self.exchange, self.server)
    }

    /// Appends what waited for its place among what a peer sends.
    fn put(&mut self, from: Peer, out: &mut Vec<u8>, cx: &mut Cx) {
        loop {
            let side = self.side(from);
            let between = match &side.gate {
                Some(gate) => gate.is_between_frames(),
                None => side.reader.is_between_frames(),
            };
            let Some(within) = between.filter(|_| !side.lost) else { return };
            let Some(injection) = side.waiting.take(within) else { return };
            side.closed |= matches!(injection.kind, WebSocketKind::Close { .. });
            let key = if from == Peer::Client { Some(masking_key(cx)) } else { None };
            out.extend_from_slice(&injection.encode(key));
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
                edit: None,
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
        if let Some(mut gate) = self.side(from).gate.take() {
            gate.forget(cx);
        }
        let reader = &mut self.side(from).reader;
        let unread = Bytes::copy_from_slice(reader.unread());
        let cut = reader.finish();
        cut.for_each(|message| self.tell(from, message, cx));
        told::bytes(from, unread, cx);
    }

    /// Tells of what neither peer has sent to its end, and will not.
    pub(crate) fn end(&mut self, cx: &mut Cx) {
        self.finish(Peer::Client, cx);
        self.finish(self.server, cx);
    }

    /// Reads the frames of neither side any more, but of those that are held: their bytes are told
    /// instead.
    pub(crate) fn give_up(&mut self, cx: &mut Cx) {
        for from in [Peer::Client, self.server] {
            if self.side(from).gate.is_none() {
                self.lose(from, cx);
            }
        }
    }

    fn lose(&mut self, from: Peer, cx: &mut Cx) {
        self.finish(from, cx);
        let side = self.side(from);
        side.lost = true;
        side.reader.forget();
    }

    /// Returns about how many bytes are held for messages that are under way, and to inflate later
    /// ones. What hooks want to see counts among what they may hold.
    pub(crate) fn held_bytes(&self) -> usize {
        let free = self.sides.iter().filter(|side| side.gate.is_none());
        free.map(|side| side.reader.held_bytes()).sum()
    }

    fn side(&mut self, from: Peer) -> &mut Side {
        &mut self.sides[usize::from(from != Peer::Client)]
    }

    fn tell(&self, from: Peer, message: Message, cx: &mut Cx) {
        told::message(Told { exchange: self.exchange, from }, message, cx);
    }
}
