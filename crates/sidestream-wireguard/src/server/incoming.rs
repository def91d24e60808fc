//! Datagrams as they come: many at once from the system, one at a time to the machine.

use std::io::{self, IoSliceMut};
use std::task::{Context, Poll};

use quinn_udp::RecvMeta;

use super::socket::Socket;
use crate::hub::Path;

/// How many buffers the system fills at once; each takes as many datagrams of one sender as it has
/// joined.
const BUFFERS: usize = 8;
/// The length of each: the longest datagram, or as many as are joined.
const BUFFER_LEN: usize = 65_536;

/// What was received and not looked at yet.
pub(super) struct Incoming {
    bytes: Vec<u8>,
    metas: [RecvMeta; BUFFERS],
    socket: usize,
    /// How many buffers are filled, which is looked at, and where in it.
    filled: usize,
    index: usize,
    offset: usize,
}

impl Incoming {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; BUFFERS * BUFFER_LEN],
            metas: [RecvMeta::default(); BUFFERS],
            socket: 0,
            filled: 0,
            index: 0,
            offset: 0,
        }
    }

    /// Receives what there is at a socket, after all that was received before was taken.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        socket: &Socket,
        number: usize,
    ) -> Poll<io::Result<()>> {
        let mut chunks = self.bytes.chunks_exact_mut(BUFFER_LEN);
        let mut bufs: [_; BUFFERS] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        socket.poll_recv(cx, &mut bufs, &mut self.metas).map_ok(|filled| {
            (self.filled, self.index, self.offset, self.socket) = (filled, 0, 0, number);
        })
    }

    /// Takes the next datagram, and from where it came.
    pub(super) fn next(&mut self) -> Option<(Path, &[u8])> {
        loop {
            let meta = self.metas[..self.filled].get(self.index)?;
            let begin = self.index * BUFFER_LEN;
            let (from, len) = (self.offset, meta.len.min(BUFFER_LEN));
            if from >= len {
                (self.index, self.offset) = (self.index + 1, 0);
                continue;
            }
            let to = len.min(from + meta.stride.max(1));
            self.offset = to;
            let path = Path { socket: self.socket, remote: meta.addr, local: meta.dst_ip };
            return Some((path, &self.bytes[begin + from..begin + to]));
        }
    }
}
