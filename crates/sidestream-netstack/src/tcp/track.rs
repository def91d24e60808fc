//! Where a connection stands, whatever runs it.

use std::time::Instant;

use super::flow::Segment;
use super::sequence::Number;

/// Where a connection stands, in the numbers that its client sees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Track {
    /// The number of the client's SYN.
    pub(crate) first: Number,
    /// The first byte that the engine has not read.
    pub(crate) unread: Number,
    /// The end of what was heard, in order or not.
    pub(crate) heard: Number,
    /// The last acknowledgment that the client was sent.
    pub(crate) answered: Number,
    /// How far the client was told that it may send.
    pub(crate) edge: Number,
    /// The end of what was sent.
    pub(crate) sent: Number,
    /// The end of what the client has acknowledged.
    pub(crate) acknowledged: Number,
    /// The window that the client stated last, before scaling.
    pub(crate) window: u16,
    /// By how much the windows are shifted that the client is told.
    pub(crate) shift: u8,
    /// When the client was last heard.
    pub(crate) heard_at: Instant,
    /// When anything last happened.
    pub(crate) moved_at: Instant,
    /// Whether the client has ended its half, and we have seen all of it.
    pub(crate) client_ended: bool,
    /// Whether we have ended our half, and the client has seen all of it.
    pub(crate) server_ended: bool,
    /// What the engine was told.
    pub(crate) told: Told,
}

/// What the engine was told of a connection, so that it is told once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    pub(crate) open: bool,
    pub(crate) readable: bool,
    pub(crate) half_closed: bool,
    pub(crate) ended: bool,
    /// Whether it waits for room.
    pub(crate) wants_room: bool,
}

impl Track {
    pub(crate) fn new(segment: &Segment, now: Instant) -> Self {
        let next = segment.sequence + 1;
        Self {
            first: segment.sequence,
            unread: next,
            heard: next,
            answered: next,
            edge: next,
            sent: Number(0),
            acknowledged: Number(0),
            window: segment.window,
            shift: 0,
            heard_at: now,
            moved_at: now,
            client_ended: false,
            server_ended: false,
            told: Told::default(),
        }
    }

    /// Returns where a connection stands of which all was read.
    pub(crate) const fn at(mut self, expected: Number) -> Self {
        self.unread = expected;
        self.client_ended = false;
        self
    }

    /// Returns how much the client may send still.
    pub(crate) fn open_window(&self) -> u32 {
        let expected = self.expected();
        if self.edge.is_after(expected) { self.edge - expected } else { 0 }
    }

    /// The next number expected of a client from whom nothing is unread.
    pub(crate) fn expected(&self) -> Number {
        self.unread + u32::from(self.client_ended)
    }
}
