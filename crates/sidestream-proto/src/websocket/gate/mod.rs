//! Holds the messages of one side that hooks want to see, and puts theirs in place of them.
//!
//! Frames are taken apart twice: as they arrive, for control frames pass whatever is held, and
//! where messages are put together, which comes to a stop while hooks judge one.

mod frames;

use std::mem;

use bytes::{Bytes, BytesMut};
use sidestream_flow::{ExchangeId, MessageId, Peer};
use sidestream_record::{Failure, MessageChange, MessageEdit, WebSocketKind};

use super::MessageReader;
use super::frame::{FrameHead, Opcode, mask};
use super::handshake::masking_key;
use super::reader::FrameReader;
use super::told;
use crate::cx::Cx;
use crate::hooks::{MessageVerdict, Wanted};

/// How much may wait behind a message that is judged before its sender is not read any more.
const HIGH_WATER: usize = 64 * 1024;

/// How much more than the limit may be inflated before it is seen that it is too much.
pub(super) const OVERSHOOT_BYTES: usize = 8 * 1024 * 1024;

/// One side of a WebSocket whose messages hooks want to see.
#[derive(Debug)]
pub(super) struct Gate {
    exchange: ExchangeId,
    from: Peer,
    wanted: Wanted,
    /// Compressed messages are agreed on, and whether each builds on those before it.
    deflate: Option<bool>,
    arriving: FrameReader,
    /// A control frame that is not whole.
    control: Option<BytesMut>,
    /// Frames cannot be told apart any more where they arrive.
    blind: bool,
    /// What came behind a message that is judged, without control frames.
    backlog: BytesMut,
    passing: FrameReader,
    /// Within a frame.
    within: bool,
    state: State,
    /// A compressed message did not go on as it came, so that later ones have to be sent without
    /// compression: the receiver cannot inflate what builds on it.
    recoding: bool,
    ended: bool,
    out: BytesMut,
    taken: usize,
    /// How much came and was not taken.
    untaken: usize,
    /// How much counts as held on the connection.
    held: usize,
}

#[derive(Debug)]
enum State {
    Between,
    /// A message is put together.
    Gathering {
        head: FrameHead,
        wire: BytesMut,
    },
    /// Hooks judge a message.
    Asked(Box<Held>),
    /// A message goes on as it comes; if it cannot go on compressed, as frames of that opcode.
    Streaming {
        recode: Option<Opcode>,
        kept: usize,
    },
    /// A close goes on as it comes.
    Closing,
}

#[derive(Debug)]
struct Held {
    id: MessageId,
    kind: WebSocketKind,
    wire: Bytes,
    data: Bytes,
    compressed: bool,
}

/// Why nothing more is held.
enum Stop {
    /// Frames are not as the standard has them: these bytes, and all that follow, pass.
    GiveUp(Bytes),
    Fail(Failure),
}

/// What came out of a gate.
#[derive(Debug, Default)]
pub(super) struct Let {
    pub(super) bytes: Bytes,
    /// How many bytes of what came are done with.
    pub(super) taken: usize,
    /// What follows it, unread, and the gate stays open.
    pub(super) leftover: Option<Bytes>,
    /// The end of that side may go on.
    pub(super) end: bool,
    pub(super) failure: Option<Failure>,
}

impl Gate {
    pub(super) fn new(
        exchange: ExchangeId,
        from: Peer,
        wanted: Wanted,
        deflate: Option<bool>,
    ) -> Self {
        Self {
            exchange,
            from,
            wanted,
            deflate,
            arriving: FrameReader::new(),
            control: None,
            blind: false,
            backlog: BytesMut::new(),
            passing: FrameReader::new(),
            within: false,
            state: State::Between,
            recoding: false,
            ended: false,
            out: BytesMut::new(),
            taken: 0,
            untaken: 0,
            held: 0,
        }
    }

    /// Returns whether more can be taken.
    pub(super) fn wants(&self) -> bool {
        !matches!(self.state, State::Asked(_)) || self.backlog.len() < HIGH_WATER
    }

    /// Returns how much came and was not said to be taken.
    pub(super) const fn untaken(&self) -> usize {
        self.untaken
    }

    /// Returns whether a frame of another could stand behind what went on, and if so, whether
    /// within a message.
    pub(super) const fn is_between_frames(&self) -> Option<bool> {
        match self.state {
            State::Between | State::Gathering { .. } | State::Asked(_) => Some(false),
            State::Streaming { recode: Some(_), .. } => Some(true),
            State::Streaming { recode: None, .. } if !self.within => Some(true),
            State::Streaming { .. } | State::Closing => None,
        }
    }

    /// Takes what the side sent.
    pub(super) fn push(&mut self, bytes: Bytes, reader: &mut MessageReader, cx: &mut Cx) -> Let {
        self.untaken += bytes.len();
        let mut bytes = bytes;
        let stopped = self.arrive(&mut bytes, reader, cx);
        self.release(stopped, bytes, cx)
    }

    /// The side sends no more.
    pub(super) fn end(&mut self, cx: &mut Cx) -> Let {
        self.ended = true;
        self.release(Ok(()), Bytes::new(), cx)
    }

    /// Hooks judged a message, if it is that one.
    pub(super) fn judge(
        &mut self,
        message: MessageId,
        verdict: MessageVerdict,
        reader: &mut MessageReader,
        cx: &mut Cx,
    ) -> Let {
        let held = match mem::replace(&mut self.state, State::Between) {
            State::Asked(held) if held.id == message => held,
            other => {
                self.state = other;
                return Let::default();
            }
        };
        self.hold(0, cx);
        let stopped = self.judged(&held, verdict, cx).and_then(|()| {
            let backlog = self.backlog.split().freeze();
            self.pass(backlog, reader, cx)
        });
        self.release(stopped, Bytes::new(), cx)
    }

    /// Returns whether hooks judge that message.
    pub(super) fn is_asked(&self, message: MessageId) -> bool {
        matches!(&self.state, State::Asked(held) if held.id == message)
    }

    /// Lets go of what counts as held.
    pub(super) fn forget(&mut self, cx: &mut Cx) {
        self.hold(0, cx);
    }

    fn judged(&mut self, held: &Held, verdict: MessageVerdict, cx: &mut Cx) -> Result<(), Stop> {
        match verdict {
            MessageVerdict::Pass if self.recoding && held.compressed => {
                self.emit(opcode(held.kind), true, &held.data, cx);
            }
            MessageVerdict::Pass => self.out.extend_from_slice(&held.wire),
            MessageVerdict::Drop { by } => {
                self.spoil(held.compressed);
                self.edited(held, by, MessageChange::Dropped, Bytes::new(), cx);
            }
            MessageVerdict::Replace { by, data } => {
                let is_text = held.kind == WebSocketKind::Text;
                if is_text && std::str::from_utf8(&data).is_err() {
                    let by = format!("{by}, which made a text that is not UTF-8");
                    return Err(Stop::Fail(Failure::Blocked { by }));
                }
                self.spoil(held.compressed);
                self.emit(opcode(held.kind), true, &data, cx);
                self.edited(held, by, MessageChange::Replaced, data, cx);
            }
            MessageVerdict::Kill { by } => return Err(Stop::Fail(Failure::Blocked { by })),
        }
        Ok(())
    }

    /// A compressed message does not reach the receiver, which later ones may build on.
    fn spoil(&mut self, compressed: bool) {
        self.recoding |= compressed && self.deflate == Some(true);
    }

    /// Tells what became of a message that was held.
    fn edited(&self, held: &Held, by: String, change: MessageChange, data: Bytes, cx: &mut Cx) {
        let edit = MessageEdit { of: held.id, by, change };
        told::edit(self.exchange, self.from, held.kind, data, edit, cx);
    }

    /// Appends a frame.
    fn emit(&mut self, opcode: Opcode, fin: bool, data: &[u8], cx: &Cx) {
        let key = (self.from == Peer::Client).then(|| masking_key(cx));
        let length = data.len() as u64;
        let mut frame = Vec::with_capacity(data.len() + 14);
        FrameHead { fin, rsv: 0, opcode, key, length, padded: false }.encode(&mut frame);
        let start = frame.len();
        frame.extend_from_slice(data);
        if let Some(key) = key {
            mask(&mut frame[start..], key, 0);
        }
        self.out.extend_from_slice(&frame);
    }

    /// Counts what is held.
    const fn hold(&mut self, bytes: usize, cx: &mut Cx) {
        cx.held_messages = cx.held_messages.saturating_sub(self.held).saturating_add(bytes);
        self.held = bytes;
    }

    fn take(&mut self, bytes: usize) {
        self.taken += bytes;
        self.untaken -= bytes.min(self.untaken);
    }

    /// Takes what goes on; `rest` came behind it and was not looked at.
    fn release(&mut self, stopped: Result<(), Stop>, rest: Bytes, cx: &mut Cx) -> Let {
        let over = self.ended && !matches!(self.state, State::Asked(_));
        let (leftover, failure) = match stopped {
            Err(Stop::Fail(failure)) => (None, Some(failure)),
            Err(Stop::GiveUp(_)) if self.recoding => (None, Some(self.unreadable())),
            Err(Stop::GiveUp(first)) => (Some(first), None),
            Ok(()) if over => (Some(Bytes::copy_from_slice(self.passing.unread())), None),
            Ok(()) => (None, None),
        };
        let leftover = leftover.map(|first| {
            if let State::Gathering { wire, .. } = mem::replace(&mut self.state, State::Between) {
                self.out.extend_from_slice(&wire);
            }
            let control = self.control.take().unwrap_or_default();
            let arriving = if self.blind { &[] } else { self.arriving.unread() };
            let parts = [&first[..], &self.backlog, &control, arriving, &rest].concat();
            self.hold(0, cx);
            self.taken += mem::take(&mut self.untaken);
            Bytes::from(parts)
        });
        let (bytes, taken) = (self.out.split().freeze(), mem::take(&mut self.taken));
        Let { bytes, taken, leftover, end: over, failure }
    }
}

const fn opcode(kind: WebSocketKind) -> Opcode {
    match kind {
        WebSocketKind::Text => Opcode::Text,
        _ => Opcode::Binary,
    }
}
