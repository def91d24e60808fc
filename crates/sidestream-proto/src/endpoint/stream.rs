//! One stream (RFC 9113 §5.1).

use bytes::BytesMut;
use sidestream_record::Fields;

use super::Limits;

/// How far one direction of a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The final head is still to come.
    Head,
    /// The body, or trailers, are still to come.
    Body,
    /// Nothing more comes.
    Done,
}

/// What follows the bytes that wait to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// More of them, perhaps.
    Open,
    End,
    Trailers(Fields),
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) received: Progress,
    pub(super) sent: Progress,
    /// How many bytes of the announced content are still to come.
    pub(super) expected: Option<u64>,
    /// The response has no content, whatever its head says.
    pub(super) bodiless: bool,
    /// Its method is CONNECT.
    pub(super) connect: bool,
    /// Nothing more of the peer's is needed once all was sent.
    pub(super) let_go: bool,
    pub(super) room: Room,
    /// How many bytes the peer lets us send.
    pub(super) window: i64,
    /// What waits for the windows to open.
    pub(super) queue: BytesMut,
    pub(super) ending: Ending,
    /// It stands in the line of those that have something to send.
    pub(super) in_line: bool,
}

/// What the peer may send of a stream.
#[derive(Debug)]
pub(super) struct Room {
    /// How many bytes it may have sent and nobody have read.
    size: u32,
    /// How many bytes it may send at the moment.
    left: i64,
    /// How many bytes nobody has read yet.
    unread: u32,
    /// How many bytes were read since the size was set.
    read: u32,
}

impl Stream {
    pub(super) fn new(limits: &Limits, window: i64) -> Self {
        Self {
            received: Progress::Head,
            sent: Progress::Head,
            expected: None,
            bodiless: false,
            connect: false,
            let_go: false,
            room: Room::new(limits.stream_window_bytes),
            window,
            queue: BytesMut::new(),
            ending: Ending::Open,
            in_line: false,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.received == Progress::Done && self.sent == Progress::Done
    }

    /// Returns whether something of the body can be sent at the moment, but for the windows.
    pub(super) fn has_something(&self) -> bool {
        !self.queue.is_empty() || self.ending != Ending::Open
    }
}

impl Room {
    fn new(size: u32) -> Self {
        Self { size, left: i64::from(size), unread: 0, read: 0 }
    }

    /// Counts a frame that came, and returns whether it was let.
    pub(super) fn take(&mut self, bytes: u32) -> bool {
        self.left -= i64::from(bytes);
        self.left >= 0
    }

    /// Counts what is given out to be read.
    pub(super) const fn give_out(&mut self, bytes: u32) {
        self.unread = self.unread.saturating_add(bytes);
    }

    /// Counts what was read.
    pub(super) const fn read(&mut self, bytes: u32) {
        self.unread = self.unread.saturating_sub(bytes);
        self.read = self.read.saturating_add(bytes);
    }

    /// Doubles the size, if all of it was read since it was set, as far as `growth` lasts.
    pub(super) fn grow(&mut self, growth: &mut u32) {
        let more = self.size.min(*growth).min(Limits::MAX_STREAM_WINDOW.saturating_sub(self.size));
        if self.read >= self.size && more > 0 {
            self.size += more;
            self.read = 0;
            *growth -= more;
        }
    }

    /// Returns by how much the window is to be opened, if it is worth a frame.
    pub(super) fn open(&mut self) -> Option<u32> {
        let more = i64::from(self.size) - i64::from(self.unread) - self.left;
        if more <= 0 || more < i64::from(self.size / 2) {
            return None;
        }
        self.left += more;
        u32::try_from(more).ok()
    }

    /// Returns how much it has grown.
    pub(super) const fn growth(&self, limits: &Limits) -> u32 {
        self.size.saturating_sub(limits.stream_window_bytes)
    }
}
