//! Frames on their way through a gate: control frames pass, and messages are put together.

use std::mem;

use bytes::{Bytes, BytesMut};
use sidestream_flow::MessageId;
use sidestream_record::{Failure, MessageChange, MessageEdit, WebSocketKind};

use super::{Gate, Held, State, Stop, opcode};
use crate::Output;
use crate::cx::Cx;
use crate::hooks::{MessageQuestion, Wanted};
use crate::websocket::frame::{FrameHead, Opcode};
use crate::websocket::reader::Piece;
use crate::websocket::told::{self, Told};
use crate::websocket::{Item, Message, MessageReader};

/// The reserved bit of a compressed message (RFC 7692 §6).
const RSV1: u8 = 4;

/// The most payload of a control frame (RFC 6455 §5.5).
const MAX_CONTROL_BYTES: u64 = 125;

/// How much of a frame is inflated before it is asked how much that came to: at most 4 MiB.
const SLICE_BYTES: usize = 4096;

impl Gate {
    /// Lets control frames pass, and the rest wait its turn.
    pub(super) fn arrive(
        &mut self,
        bytes: &mut Bytes,
        reader: &mut MessageReader,
        cx: &mut Cx,
    ) -> Result<(), Stop> {
        while !self.blind {
            let (piece, wire) = match self.arriving.poll_wire(bytes) {
                Ok(Some(it)) => it,
                Ok(None) => return Ok(()),
                Err(_unreadable) => {
                    // Whoever puts messages together comes to it as well.
                    self.blind = true;
                    let head = Bytes::copy_from_slice(self.arriving.unread());
                    self.queue(head, reader, cx)?;
                    break;
                }
            };
            match (&mut self.control, piece) {
                (None, Piece::Head(head)) if is_control(&head) => {
                    self.control = Some(BytesMut::from(&wire[..]));
                }
                (None, _) => self.queue(wire, reader, cx)?,
                (Some(control), Piece::End) => {
                    let wire = mem::take(control).freeze();
                    self.control = None;
                    self.out.extend_from_slice(&wire);
                    self.take(wire.len());
                    self.show(wire, reader, cx)?;
                }
                (Some(control), _) => control.extend_from_slice(&wire),
            }
        }
        self.queue(mem::take(bytes), reader, cx)
    }

    fn queue(&mut self, wire: Bytes, reader: &mut MessageReader, cx: &mut Cx) -> Result<(), Stop> {
        if matches!(self.state, State::Asked(_)) {
            self.backlog.extend_from_slice(&wire);
            return Ok(());
        }
        self.pass(wire, reader, cx)
    }

    /// Puts messages together, until one is whole that hooks are to judge.
    pub(super) fn pass(
        &mut self,
        mut bytes: Bytes,
        reader: &mut MessageReader,
        cx: &mut Cx,
    ) -> Result<(), Stop> {
        loop {
            if matches!(self.state, State::Asked(_)) {
                self.backlog.extend_from_slice(&bytes);
                return Ok(());
            }
            match self.passing.poll_wire(&mut bytes) {
                Ok(None) => return Ok(()),
                Ok(Some((Piece::Head(head), wire))) if self.begin(&head) => {
                    self.within = true;
                    self.step(wire, reader, cx)?;
                }
                Ok(Some((Piece::Head(_), wire))) => {
                    return Err(Stop::GiveUp([wire, bytes].concat().into()));
                }
                Ok(Some((Piece::Payload(_), mut wire))) => {
                    while !wire.is_empty() {
                        let slice = wire.split_to(wire.len().min(SLICE_BYTES));
                        self.step(slice, reader, cx)?;
                    }
                }
                Ok(Some((Piece::End, _))) => self.within = false,
                Err(_unreadable) => {
                    let head = self.passing.unread();
                    return Err(Stop::GiveUp([head, &bytes[..]].concat().into()));
                }
            }
        }
    }

    /// Returns whether that frame may come now.
    fn begin(&mut self, head: &FrameHead) -> bool {
        match (&self.state, head.opcode) {
            (State::Between, Opcode::Text | Opcode::Binary) => {
                self.state = State::Gathering { head: *head, wire: BytesMut::new() };
                true
            }
            (State::Gathering { .. } | State::Streaming { .. }, Opcode::Continuation) => true,
            (State::Between, Opcode::Close) if is_whole_control(head) => {
                self.state = State::Closing;
                true
            }
            _ => false,
        }
    }

    /// Takes a piece of a frame.
    fn step(&mut self, wire: Bytes, reader: &mut MessageReader, cx: &mut Cx) -> Result<(), Stop> {
        self.take(wire.len());
        match &mut self.state {
            State::Gathering { wire: held, .. } => held.extend_from_slice(&wire),
            State::Streaming { recode: None, .. } | State::Closing => {
                self.out.extend_from_slice(&wire);
            }
            State::Asked(_) | State::Between | State::Streaming { recode: Some(_), .. } => {}
        }
        self.show(wire, reader, cx)?;
        self.bound(reader, cx)
    }

    /// Shows bytes to the reader, and takes the message that is whole by them.
    fn show(
        &mut self,
        mut wire: Bytes,
        reader: &mut MessageReader,
        cx: &mut Cx,
    ) -> Result<(), Stop> {
        loop {
            match reader.poll(&mut wire) {
                Ok(None) => return Ok(()),
                Ok(Some(Item::Defect(defect))) => told::defect(self.from, defect, cx),
                Ok(Some(Item::Message(message))) if message.kind.is_control() => {
                    if matches!(message.kind, WebSocketKind::Close { .. }) {
                        self.state = State::Between;
                    }
                    self.tell(message, cx);
                }
                Ok(Some(Item::Message(message))) => self.came(message, cx)?,
                Err(_unreadable) => return Err(Stop::GiveUp(wire)),
            }
        }
    }

    fn tell(&self, message: Message, cx: &mut Cx) -> MessageId {
        told::message(Told { exchange: self.exchange, from: self.from }, message, cx)
    }

    /// A message is whole.
    fn came(&mut self, message: Message, cx: &mut Cx) -> Result<(), Stop> {
        let Message { kind, compressed, encoded, .. } = message;
        let unreadable = self.recoding && compressed && encoded;
        match mem::replace(&mut self.state, State::Between) {
            State::Gathering { wire, .. } => {
                let data = message.data.clone();
                let id = self.tell(message, cx);
                if unreadable {
                    return Err(Stop::Fail(self.unreadable()));
                }
                let too_long = data.len() > cx.config.hook_limits.body_bytes;
                if encoded || too_long {
                    self.hold(0, cx);
                    if too_long && self.recoding && compressed {
                        self.emit(opcode(kind), true, &data, cx);
                    } else {
                        self.out.extend_from_slice(&wire);
                    }
                    if too_long {
                        self.too_long(id, kind, cx);
                    }
                    return Ok(());
                }
                let wire = wire.freeze();
                self.hold(wire.len() + data.len(), cx);
                self.ask(id, kind, data.clone(), cx);
                let held = Held { id, kind, wire, data, compressed };
                self.state = State::Asked(Box::new(held));
            }
            State::Streaming { recode, kept } => {
                let rest = message.data.slice(kept.min(message.data.len())..);
                let id = self.tell(message, cx);
                if let Some(opcode) = recode {
                    if unreadable {
                        return Err(Stop::Fail(self.unreadable()));
                    }
                    self.emit(opcode, true, &rest, cx);
                }
                self.too_long(id, kind, cx);
            }
            other => {
                self.state = other;
                self.tell(message, cx);
            }
        }
        Ok(())
    }

    /// Tells that a message was longer than may be held.
    fn too_long(&self, of: MessageId, kind: WebSocketKind, cx: &mut Cx) {
        let limit_bytes = cx.config.hook_limits.body_bytes as u64;
        let change = MessageChange::TooLong { limit_bytes };
        let edit = MessageEdit { of, by: "limit of hooks".into(), change };
        told::edit(self.exchange, self.from, kind, Bytes::new(), edit, cx);
    }

    fn ask(&self, message: MessageId, kind: WebSocketKind, data: Bytes, cx: &mut Cx) {
        let Wanted { request, response, .. } = self.wanted.clone();
        let (exchange, from) = (self.exchange, self.from);
        let question = MessageQuestion { exchange, request, response, message, from, kind, data };
        cx.output(Output::AskMessage(Box::new(question)));
    }

    /// Lets a message go on that is too long, and what there is of one that goes on so.
    fn bound(&mut self, reader: &mut MessageReader, cx: &mut Cx) -> Result<(), Stop> {
        let limits = cx.config.hook_limits;
        if let State::Gathering { head, wire } = &mut self.state {
            let content = reader.data().map_or(0, |content| content.len());
            let most = limits.body_bytes.saturating_mul(2).saturating_add(64 * 1024);
            let (wire_bytes, compressed) = (wire.len(), head.rsv & RSV1 != 0);
            let recode = (self.recoding && compressed).then_some(head.opcode);
            self.hold(wire_bytes + content, cx);
            if content <= limits.body_bytes
                && wire_bytes <= most
                && cx.held_messages <= limits.connection_bytes
            {
                return Ok(());
            }
            let state = State::Streaming { recode, kept: 0 };
            if let (State::Gathering { wire, .. }, None) =
                (mem::replace(&mut self.state, state), recode)
            {
                self.out.extend_from_slice(&wire);
            }
            self.hold(0, cx);
        }
        let State::Streaming { recode, kept } = &mut self.state else { return Ok(()) };
        let Some(content) = reader.data() else { return Ok(()) };
        if recode.is_some() && !content.is_readable() {
            return Err(Stop::Fail(self.unreadable()));
        }
        let since = content.spill(cx.config.websocket.max_message_bytes);
        *kept = content.len();
        if let (Some(opcode), false) = (*recode, since.is_empty()) {
            *recode = Some(Opcode::Continuation);
            self.emit(opcode, false, &since, cx);
        }
        Ok(())
    }

    pub(super) fn unreadable(&self) -> Failure {
        let reason = "a message that cannot be read, behind one that was changed".into();
        Failure::Malformed { peer: self.from, reason }
    }
}

/// Returns whether a frame passes whatever is held.
fn is_control(head: &FrameHead) -> bool {
    is_whole_control(head) && head.opcode != Opcode::Close
}

const fn is_whole_control(head: &FrameHead) -> bool {
    head.opcode.is_control() && head.fin && head.length <= MAX_CONTROL_BYTES
}
