//! A message as it comes, kept within bounds.

use std::mem;

use sidestream_record::WebSocketKind;

use super::message::Message;
use super::utf8::Utf8;

/// A message that has not ended.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) kind: WebSocketKind,
    pub(super) fragments: u32,
    pub(super) coding: Coding,
    data: Vec<u8>,
    dropped: u64,
    /// The same as it was sent, while it is inflated.
    sent: Vec<u8>,
    sent_bytes: u64,
    utf8: Option<Utf8>,
    room: usize,
    /// How much of the content was taken out already.
    spilled: usize,
    is_spilled: bool,
}

/// What was done to the content before it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// Nothing.
    Plain,
    /// It was compressed, and is inflated as it comes.
    Deflated,
    /// It was compressed, and is kept so.
    Unread,
    /// Something that is not known here.
    Unknown,
}

impl Content {
    pub(super) fn new(kind: WebSocketKind, coding: Coding, room: usize) -> Self {
        let is_read = matches!(coding, Coding::Plain | Coding::Deflated);
        let utf8 = (kind == WebSocketKind::Text && is_read).then(Utf8::default);
        Self {
            kind,
            fragments: 0,
            coding,
            data: Vec::new(),
            dropped: 0,
            sent: Vec::new(),
            sent_bytes: 0,
            utf8,
            room,
            spilled: 0,
            is_spilled: false,
        }
    }

    /// Takes a stretch of the content, and keeps what there is room for.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        if let Some(utf8) = &mut self.utf8 {
            utf8.push(bytes);
        }
        let kept = keep(&mut self.data, bytes, self.room);
        self.dropped = self.dropped.saturating_add((bytes.len() - kept) as u64);
    }

    /// Remembers a stretch as it was sent, for the case that it cannot be inflated.
    pub(super) fn remember(&mut self, wire: &[u8]) {
        if !self.is_spilled {
            keep(&mut self.sent, wire, self.room);
        }
        self.sent_bytes += wire.len() as u64;
    }

    /// Takes out what came since the last time, and keeps no more of all than that.
    pub(super) fn spill(&mut self, most: usize) -> Vec<u8> {
        let since = self.data.split_off(self.spilled.min(self.data.len()));
        let kept = since.len().min(most.saturating_sub(self.data.len()));
        self.data.extend_from_slice(&since[..kept]);
        self.dropped += (since.len() - kept) as u64;
        self.spilled = self.data.len();
        // What was taken out cannot be taken back for what was sent.
        self.sent = Vec::new();
        self.is_spilled = true;
        since
    }

    /// Returns how much of the content is held.
    pub(super) const fn len(&self) -> usize {
        self.data.len()
    }

    /// Returns whether what is held is what the sender means.
    pub(super) const fn is_readable(&self) -> bool {
        matches!(self.coding, Coding::Plain | Coding::Deflated)
    }

    /// Gives up inflating: the content is what was sent.
    pub(super) fn give_up(&mut self) {
        self.coding = Coding::Unread;
        self.utf8 = None;
        self.data = mem::take(&mut self.sent);
        self.dropped = self.sent_bytes - self.data.len() as u64;
    }

    /// Returns how many bytes are held.
    pub(super) fn held_bytes(&self) -> usize {
        self.data.capacity() + self.sent.capacity()
    }

    /// Returns whether a text is UTF-8 to its end.
    pub(super) fn is_valid(&self) -> bool {
        self.utf8.as_ref().is_none_or(Utf8::is_valid)
    }

    /// Makes a message of what has come.
    pub(super) fn into_message(self, ended: bool) -> Message {
        let Self { kind, fragments, coding, data, dropped, .. } = self;
        let is_close = matches!(kind, WebSocketKind::Close { .. });
        let (kind, data) = match data.split_first_chunk::<2>() {
            Some((code, reason)) if is_close => {
                let code = Some(u16::from_be_bytes(*code));
                (WebSocketKind::Close { code }, reason.to_vec())
            }
            _ => (kind, data),
        };
        Message {
            kind,
            data: data.into(),
            dropped,
            fragments,
            compressed: matches!(coding, Coding::Deflated | Coding::Unread),
            encoded: matches!(coding, Coding::Unread | Coding::Unknown),
            ended,
        }
    }
}

/// Appends as much as there is room for, and returns how much that was.
fn keep(to: &mut Vec<u8>, bytes: &[u8], room: usize) -> usize {
    let kept = bytes.len().min(room.saturating_sub(to.len()));
    to.extend_from_slice(&bytes[..kept]);
    kept
}
