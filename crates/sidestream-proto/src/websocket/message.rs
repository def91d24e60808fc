//! Puts messages together from the frames of one side.

use std::collections::VecDeque;

use bytes::Bytes;
use sidestream_record::WebSocketKind;

use super::content::{Coding, Content};
use super::defect::Defect;
use super::extensions::Extensions;
use super::frame::{FrameHead, Opcode};
use super::inflate::Inflater;
use super::limits::Limits;
use super::reader::{FrameError, FrameReader, Piece};

/// The reserved bit of a compressed message (RFC 7692 §6).
const RSV1: u8 = 4;

/// The most payload of a control frame (RFC 6455 §5.5).
const MAX_CONTROL_BYTES: u64 = 125;

/// Which side of a WebSocket sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The side that opened it, and masks.
    Client,
    /// The other.
    Server,
}

/// A message, or a control frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: WebSocketKind,
    /// The content, unmasked and, unless `encoded`, inflated; of a close, its reason.
    pub data: Bytes,
    /// How many bytes of content behind `data` were not kept.
    pub dropped: u64,
    /// How many frames it came in.
    pub fragments: u32,
    /// Whether it was sent compressed.
    pub compressed: bool,
    /// Whether `data` is as it was sent, in a coding that could not be undone.
    pub encoded: bool,
    /// Whether it came whole.
    pub ended: bool,
}

/// What a reader yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A departure from the standard; of each kind, the first.
    Defect(Defect),
    /// A message, or a control frame, is complete.
    Message(Message),
}

/// Reads the messages of one side, control frames among them.
#[derive(Debug)]
pub struct MessageReader {
    role: Role,
    limits: Limits,
    frames: FrameReader,
    /// What compressed messages are read with, where they are agreed on.
    inflater: Option<Inflater>,
    /// Whether reserved bits may mean something that is not known here.
    others: bool,
    /// The frame that is being read.
    frame: Option<FrameHead>,
    /// The message that its frames add up to.
    data: Option<Content>,
    /// What stands in a frame by itself, perhaps between those of a message.
    single: Option<Content>,
    closed: bool,
    seen: Vec<Defect>,
    items: VecDeque<Item>,
}

impl MessageReader {
    /// Makes a reader of what that side sends behind the opening handshake.
    pub fn new(role: Role, extensions: &Extensions, limits: Limits) -> Self {
        let alone = extensions.deflate.map(|deflate| match role {
            Role::Client => deflate.client_no_context_takeover,
            Role::Server => deflate.server_no_context_takeover,
        });
        Self {
            role,
            limits,
            frames: FrameReader::new(),
            inflater: alone.map(|alone| Inflater::new(!alone, &limits)),
            others: extensions.others,
            frame: None,
            data: None,
            single: None,
            closed: false,
            seen: Vec::new(),
            items: VecDeque::new(),
        }
    }

    /// Reads from the front of `buf` up to the next item, or all of it.
    ///
    /// # Errors
    ///
    /// Frames cannot be told apart any more: what is in [`unread`](Self::unread), then in `buf`,
    /// and all that follows is to be passed as it is.
    pub fn poll(&mut self, buf: &mut Bytes) -> Result<Option<Item>, FrameError> {
        loop {
            if let Some(item) = self.items.pop_front() {
                return Ok(Some(item));
            }
            match self.frames.poll(buf)? {
                None => return Ok(None),
                Some(Piece::Head(head)) => self.begin(head),
                Some(Piece::Payload(payload)) => self.take(&payload),
                Some(Piece::End) => self.end(),
            }
        }
    }

    /// Returns the bytes that were taken and belong to no message yet.
    pub fn unread(&self) -> &[u8] {
        self.frames.unread()
    }

    /// Gives out what has not ended and will not, the inner before the outer.
    pub fn finish(&mut self) -> impl Iterator<Item = Message> + use<> {
        self.frames = FrameReader::new();
        self.frame = None;
        let cut = [self.single.take(), self.data.take()];
        cut.into_iter().flatten().map(|content| content.into_message(false))
    }

    /// Returns whether a frame of another could stand here, and if so, whether within a message.
    pub(super) fn is_between_frames(&self) -> Option<bool> {
        let between = self.frame.is_none() && self.unread().is_empty() && self.items.is_empty();
        between.then_some(self.data.is_some())
    }

    /// Returns the message that is being put together, fragments of which may still come.
    pub(super) const fn data(&mut self) -> Option<&mut Content> {
        self.data.as_mut()
    }

    /// Returns whether a close came.
    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Returns about how many bytes are held for a message that is under way, and to inflate later
    /// ones.
    pub(super) fn held_bytes(&self) -> usize {
        let contents: usize =
            [&self.single, &self.data].into_iter().flatten().map(Content::held_bytes).sum();
        contents + self.inflater.as_ref().map_or(0, Inflater::held_bytes)
    }

    /// Lets go of what is held to inflate later messages: none will be read.
    pub(super) fn forget(&mut self) {
        self.inflater = None;
        self.items = VecDeque::new();
    }

    fn begin(&mut self, head: FrameHead) {
        self.check(&head);
        let kind = match head.opcode {
            Opcode::Continuation => WebSocketKind::Reserved { opcode: 0 },
            Opcode::Text => WebSocketKind::Text,
            Opcode::Binary => WebSocketKind::Binary,
            Opcode::Close => WebSocketKind::Close { code: None },
            Opcode::Ping => WebSocketKind::Ping,
            Opcode::Pong => WebSocketKind::Pong,
            Opcode::Reserved(opcode) => WebSocketKind::Reserved { opcode },
        };
        match head.opcode {
            Opcode::Continuation if self.data.is_some() => {}
            Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                if let Some(cut) = self.data.take() {
                    self.abandon(&cut);
                    self.items.push_back(Item::Message(cut.into_message(false)));
                }
                self.data = Some(self.content(kind, &head));
            }
            _ => self.single = Some(self.content(kind, &head)),
        }
        self.frame = Some(head);
        if let Some(content) = self.current() {
            content.fragments = content.fragments.saturating_add(1);
        }
    }

    /// Leaves a message behind that has not ended.
    fn abandon(&mut self, cut: &Content) {
        if cut.coding == Coding::Deflated
            && let Some(inflater) = &mut self.inflater
        {
            inflater.abandon();
        }
    }

    fn content(&self, kind: WebSocketKind, head: &FrameHead) -> Content {
        let is_data = matches!(kind, WebSocketKind::Text | WebSocketKind::Binary);
        let coding = match &self.inflater {
            Some(inflater) if is_data && head.rsv & RSV1 != 0 => {
                if inflater.is_able() {
                    Coding::Deflated
                } else {
                    Coding::Unread
                }
            }
            _ if self.others && head.rsv != 0 => Coding::Unknown,
            _ => Coding::Plain,
        };
        Content::new(kind, coding, self.limits.max_message_bytes)
    }

    /// Notes what is wrong with a head.
    fn check(&mut self, head: &FrameHead) {
        let FrameHead { fin, rsv, opcode, key, length, padded } = *head;
        let begins = matches!(opcode, Opcode::Text | Opcode::Binary);
        let control = opcode.is_control();
        let deflated = if self.inflater.is_some() && begins { RSV1 } else { 0 };
        let wrong_mask = match (self.role, key) {
            (Role::Client, None) => Some(Defect::Unmasked),
            (Role::Server, Some(_)) => Some(Defect::Masked),
            _ => None,
        };
        let continues_nothing = opcode == Opcode::Continuation && self.data.is_none();
        let found = [
            wrong_mask,
            self.closed.then_some(Defect::FrameAfterClose),
            (!self.others && rsv & !deflated != 0).then_some(Defect::ReservedBits),
            matches!(opcode, Opcode::Reserved(_)).then_some(Defect::ReservedOpcode),
            (control && !fin).then_some(Defect::FragmentedControl),
            (control && length > MAX_CONTROL_BYTES).then_some(Defect::OversizedControl),
            padded.then_some(Defect::LengthPadded),
            continues_nothing.then_some(Defect::ContinuationOfNothing),
            (begins && self.data.is_some()).then_some(Defect::MessageInMessage),
        ];
        found.into_iter().flatten().for_each(|defect| self.note(defect));
    }

    /// Takes a stretch of the payload of the frame that is being read.
    fn take(&mut self, payload: &[u8]) {
        let content = if self.single.is_some() { &mut self.single } else { &mut self.data };
        let Some(content) = content else { return };
        let (Coding::Deflated, Some(inflater)) = (content.coding, &mut self.inflater) else {
            return content.take(payload);
        };
        content.remember(payload);
        if let Err(defect) = inflater.push(payload, |bytes| content.take(bytes)) {
            content.give_up();
            self.note(defect);
        }
    }

    /// The frame that is being read has ended.
    fn end(&mut self) {
        let Some(frame) = self.frame.take() else { return };
        let ended = match self.single.take() {
            Some(single) => Some(single),
            None if frame.fin => self.data.take(),
            None => None,
        };
        let Some(mut content) = ended else { return };
        if content.coding == Coding::Deflated
            && let Some(inflater) = &mut self.inflater
            && let Err(defect) = inflater.finish(|bytes| content.take(bytes))
        {
            content.give_up();
            self.note(defect);
        }
        if !content.is_valid() {
            self.note(Defect::InvalidUtf8);
        }
        let message = content.into_message(true);
        if let WebSocketKind::Close { code } = message.kind {
            self.closed = true;
            self.check_close(code, &message);
        }
        self.items.push_back(Item::Message(message));
    }

    fn check_close(&mut self, code: Option<u16>, message: &Message) {
        match code {
            None if !message.data.is_empty() => self.note(Defect::CloseTooShort),
            None | Some(1000..=1003 | 1007..=1014 | 3000..=4999) => {}
            Some(_) => self.note(Defect::CloseCode),
        }
        let is_cut = message.dropped > 0;
        if code.is_some() && !is_cut && std::str::from_utf8(&message.data).is_err() {
            self.note(Defect::InvalidUtf8);
        }
    }

    const fn current(&mut self) -> Option<&mut Content> {
        match &mut self.single {
            Some(single) => Some(single),
            None => self.data.as_mut(),
        }
    }

    fn note(&mut self, defect: Defect) {
        if !self.seen.contains(&defect) {
            self.seen.push(defect);
            self.items.push_back(Item::Defect(defect));
        }
    }
}
