//! Messages of the user's own, put between those of a peer.

use std::collections::VecDeque;

use bytes::Bytes;
use sidestream_record::WebSocketKind;
use thiserror::Error;

use super::frame::{FrameHead, Opcode, mask};

/// How many messages may wait for the end of one that is going by.
const MAX_WAITING: usize = 64;

/// How many bytes they may have together.
const MAX_WAITING_BYTES: usize = 1024 * 1024;

/// The most content of a control frame (RFC 6455 §5.5).
const MAX_CONTROL_BYTES: usize = 125;

/// A message that is sent besides those of the peers, in one frame and not compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injection {
    /// What it is.
    pub kind: WebSocketKind,
    /// The content; of a close, its reason.
    pub data: Bytes,
}

/// Why a message cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InjectError {
    /// The side that would send it has closed the WebSocket.
    #[error("that side of the WebSocket is closed")]
    Closed,
    /// The connection passes as it is sent, so that nothing can be added.
    #[error("no WebSocket of that exchange is open that anything can be added to")]
    NotOpen,
    /// The content of a control frame is too long.
    #[error("a control frame carries at most 125 bytes; shorten the content")]
    ControlTooLong,
    /// A text is not UTF-8, or a close has a reason and no code.
    #[error("the content is not what that kind of message can carry; send it as binary")]
    Unfit,
    /// Too much waits already for the end of a message that is going by.
    #[error("too many messages wait to be sent; try again later")]
    Full,
}

impl Injection {
    /// Checks that it can be sent.
    pub(super) fn check(&self) -> Result<(), InjectError> {
        let is_text = || std::str::from_utf8(&self.data).is_ok();
        let fits = match self.kind {
            WebSocketKind::Binary | WebSocketKind::Ping | WebSocketKind::Pong => true,
            WebSocketKind::Text => is_text(),
            WebSocketKind::Close { code } => is_text() && (code.is_some() || self.data.is_empty()),
            _ => false,
        };
        match fits {
            true if self.is_control() && self.content().len() > MAX_CONTROL_BYTES => {
                Err(InjectError::ControlTooLong)
            }
            true => Ok(()),
            false => Err(InjectError::Unfit),
        }
    }

    /// Returns whether it may stand between the fragments of another message (RFC 6455 §5.4).
    pub(super) const fn is_control(&self) -> bool {
        self.opcode().is_control()
    }

    /// Makes its frame, masked with that key if it is the client's.
    pub(super) fn encode(&self, key: Option<[u8; 4]>) -> Bytes {
        let mut content = self.content();
        let (fin, rsv, opcode) = (true, 0, self.opcode());
        let length = content.len() as u64;
        let mut frame = Vec::with_capacity(content.len() + 14);
        FrameHead { fin, rsv, opcode, key, length, padded: false }.encode(&mut frame);
        if let Some(key) = key {
            mask(&mut content, key, 0);
        }
        frame.append(&mut content);
        frame.into()
    }

    fn content(&self) -> Vec<u8> {
        match self.kind {
            WebSocketKind::Close { code: Some(code) } => {
                [&code.to_be_bytes()[..], &self.data].concat()
            }
            _ => self.data.to_vec(),
        }
    }

    const fn opcode(&self) -> Opcode {
        match self.kind {
            WebSocketKind::Text => Opcode::Text,
            WebSocketKind::Close { .. } => Opcode::Close,
            WebSocketKind::Ping => Opcode::Ping,
            WebSocketKind::Pong => Opcode::Pong,
            _ => Opcode::Binary,
        }
    }
}

/// What waits for its place in one direction.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    queue: VecDeque<Injection>,
    bytes: usize,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn push(&mut self, injection: Injection) -> Result<(), InjectError> {
        let bytes = self.bytes + injection.data.len();
        // One alone may be as long as the user likes.
        if self.queue.len() >= MAX_WAITING || bytes > MAX_WAITING_BYTES && !self.is_empty() {
            return Err(InjectError::Full);
        }
        self.bytes = bytes;
        self.queue.push_back(injection);
        Ok(())
    }

    /// Takes the first that may be sent: within a message, only what is a control frame.
    pub(super) fn take(&mut self, within_message: bool) -> Option<Injection> {
        let at = self.queue.iter().position(|it| it.is_control() || !within_message)?;
        let injection = self.queue.remove(at)?;
        self.bytes -= injection.data.len();
        Some(injection)
    }
}
