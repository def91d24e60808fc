//! How far the windows towards the peer are open (RFC 9113 §5.2).

use super::Endpoint;
use super::stream::Progress;

impl Endpoint {
    /// Says that content was passed on, so that more can come. All that was given out must be
    /// said to be consumed in the end, of streams that are over as well.
    pub fn consumed(&mut self, stream: u32, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.unread);
        if self.closed || bytes == 0 {
            return;
        }
        self.unread -= bytes;
        self.free(bytes);
        if let Some(it) = self.streams.get_mut(&stream) {
            it.room.read(bytes);
            self.open_room(stream);
        }
    }

    /// Opens the window of a stream as far as there is room.
    pub(super) fn open_room(&mut self, stream: u32) {
        let Some(it) = self.streams.get_mut(&stream) else { return };
        if it.received != Progress::Done {
            it.room.grow(&mut self.growth);
            if let Some(more) = it.room.open() {
                self.wire.window_update(stream, more);
            }
        }
    }

    /// Opens the window of the connection, as soon as it is worth a frame.
    pub(super) fn free(&mut self, bytes: u32) {
        self.freed = self.freed.saturating_add(bytes);
        if self.freed >= self.limits.max_buffered_bytes / 4 && self.freed > 0 {
            self.wire.window_update(0, self.freed);
            self.room += i64::from(self.freed);
            self.freed = 0;
        }
    }
}
