//! Datagrams on their way out: those that go the same way leave together.

use std::io;
use std::task::{Context, Poll, ready};

use super::socket::Socket;
use crate::hub::Path;

/// How many bytes leave together: what a datagram may have in all, as the system counts them.
const MAX_BYTES: usize = 65_000;

/// Datagrams that lie one behind the other, each as long as the first save the last.
pub(super) struct Outgoing {
    bytes: Box<[u8]>,
    len: usize,
    segment: usize,
    count: usize,
    is_closed: bool,
    path: Option<Path>,
}

impl Outgoing {
    /// Makes one with room for a datagram of that length at least.
    pub(super) fn new(longest: usize) -> Self {
        let bytes = vec![0; MAX_BYTES + longest].into();
        Self { bytes, len: 0, segment: 0, count: 0, is_closed: false, path: None }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns whether a datagram can be added, so long and for there.
    pub(super) fn has_room(&self, path: &Path, len: usize, max_count: usize) -> bool {
        let fits = self.len + len <= MAX_BYTES && self.count < max_count && len <= self.segment;
        self.is_empty() || (self.path == Some(*path) && fits && !self.is_closed)
    }

    /// Returns where the next datagram is to be written.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.len..]
    }

    /// Adds the datagram that was written there.
    pub(super) fn push(&mut self, path: Path, len: usize) {
        if self.is_empty() {
            (self.segment, self.path) = (len, Some(path));
        }
        self.is_closed = len < self.segment;
        self.len += len;
        self.count += 1;
    }

    /// Sends all of them; ready with how many the system did not take, which are lost.
    pub(super) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        sockets: &[Socket],
    ) -> Poll<Result<(), (usize, io::Error)>> {
        let Some(path) = self.path else { return Poll::Ready(Ok(())) };
        let sent = match sockets.get(path.socket) {
            Some(socket) => {
                ready!(socket.poll_send(cx, &path, &self.bytes[..self.len], self.segment))
            }
            None => Ok(()),
        };
        let count = self.clear();
        Poll::Ready(sent.map_err(|error| (count, error)))
    }

    /// Sends them if that can be done at once.
    pub(super) fn send_now(&mut self, sockets: &[Socket]) {
        if let Some(path) = self.path
            && let Some(socket) = sockets.get(path.socket)
        {
            // Nobody is left to be told.
            _ = socket.try_send(&path, &self.bytes[..self.len], self.segment);
        }
        self.clear();
    }

    fn clear(&mut self) -> usize {
        let count = self.count;
        (self.len, self.segment, self.count) = (0, 0, 0);
        (self.is_closed, self.path) = (false, None);
        count
    }
}
