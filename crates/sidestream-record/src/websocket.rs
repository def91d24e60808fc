//! What is recorded of WebSocket messages (RFC 6455).

use bytes::Bytes;
use sidestream_flow::{ExchangeId, MessageId, Peer};

/// A WebSocket message, or a control frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSocketMessage {
    /// The exchange that opened the WebSocket. Over HTTP/2 it ends with it, else it has ended.
    pub exchange: ExchangeId,
    /// The message's id.
    pub message: MessageId,
    /// Who sent it.
    pub from: Peer,
    /// What it is.
    pub kind: WebSocketKind,
    /// The content, unmasked and, unless `encoded`, inflated; of a close, its reason.
    pub data: Bytes,
    /// How many bytes of content behind `data` were not recorded.
    pub dropped: u64,
    /// How many frames it came in.
    pub fragments: u32,
    /// Whether it was sent compressed (RFC 7692).
    pub compressed: bool,
    /// Whether `data` is still as it was sent, in a coding that could not be undone.
    pub encoded: bool,
    /// Whether it went by whole.
    pub ended: bool,
    /// Whether the user sent it in the sender's place.
    pub injected: bool,
    /// What a hook did to another one, in whose place this stands.
    pub edit: Option<Box<MessageEdit>>,
}

/// What a hook did to a message that is recorded before, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageEdit {
    /// The message.
    pub of: MessageId,
    /// Who did it: the rule, as the user wrote it.
    pub by: String,
    /// What was done.
    pub change: MessageChange,
}

/// What became of a message that hooks wanted to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageChange {
    /// It did not go on.
    Dropped,
    /// It went on with this content.
    Replaced,
    /// It was longer than hooks may hold, so it went on as it came.
    TooLong {
        /// How many bytes they may hold.
        limit_bytes: u64,
    },
}

/// What a WebSocket message is (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WebSocketKind {
    /// Data of an application.
    Binary,
    /// The sender sends no more.
    Close {
        /// Why, if it says so (RFC 6455 §7.4).
        code: Option<u16>,
    },
    /// A question whether the peer is there.
    Ping,
    /// The answer to that, or a sign of life.
    Pong,
    /// What begins with an opcode that no message begins with; 0 continues what never began.
    Reserved {
        /// The opcode.
        opcode: u8,
    },
    /// Text in UTF-8.
    Text,
}

impl WebSocketMessage {
    /// How much of a message is kept as a fact, whatever becomes of its content.
    pub const BEGINNING_BYTES: usize = 256;

    /// Returns how many bytes of content it has, recorded or not.
    pub const fn bytes(&self) -> u64 {
        self.data.len() as u64 + self.dropped
    }

    /// Returns how the content begins, a text never cut within a character.
    pub fn beginning(&self) -> &[u8] {
        &self.data[..self.beginning_bytes()]
    }

    /// Returns the message without the content behind its beginning.
    #[must_use]
    pub fn without_content(&self) -> Self {
        let rest = self.content_bytes() as u64;
        let data = Bytes::copy_from_slice(self.beginning());
        Self { data, dropped: self.dropped + rest, ..self.clone() }
    }

    /// Returns how many bytes of content stand behind the beginning.
    pub(crate) fn content_bytes(&self) -> usize {
        self.data.len() - self.beginning_bytes()
    }

    fn beginning_bytes(&self) -> usize {
        let mut end = self.data.len().min(Self::BEGINNING_BYTES);
        if end < self.data.len() && self.kind == WebSocketKind::Text && !self.encoded {
            let is_cut = |end: usize| self.data[end] & 0b1100_0000 == 0b1000_0000;
            // A character has at most three bytes behind its first.
            end -= (0..=3).find(|back| !is_cut(end - back)).unwrap_or_default();
        }
        end
    }
}

impl WebSocketKind {
    /// Returns its usual name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Close { .. } => "close",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Reserved { .. } => "reserved",
            Self::Text => "text",
        }
    }

    /// Returns whether it keeps or ends the connection, and is none of an application's messages.
    pub const fn is_control(self) -> bool {
        match self {
            Self::Close { .. } | Self::Ping | Self::Pong => true,
            Self::Reserved { opcode } => opcode >= 8,
            Self::Binary | Self::Text => false,
        }
    }
}
