//! The caller's side of the keeper: asking it for sockets.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use super::passing::{self, MAX_PASSED};
use super::raw;
use super::wire::SocketKind;

/// Makes sockets inside of the namespace, through the keeper.
///
/// They come in batches, so that an association costs a round trip to another process now and
/// then only.
#[derive(Debug)]
pub(super) struct Sockets {
    service: OwnedFd,
    pools: Mutex<HashMap<SocketKind, Vec<OwnedFd>>>,
}

impl Sockets {
    pub(super) fn new(service: OwnedFd) -> Self {
        Self { service, pools: Mutex::default() }
    }

    /// Returns a socket that may speak from any address.
    pub(super) fn take(&self, kind: SocketKind) -> io::Result<OwnedFd> {
        self.take_of(kind, MAX_PASSED as u8)
    }

    /// The same for a kind of which there is need of one only.
    pub(super) fn take_one(&self, kind: SocketKind) -> io::Result<OwnedFd> {
        self.take_of(kind, 1)
    }

    fn take_of(&self, kind: SocketKind, batch: u8) -> io::Result<OwnedFd> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let pool = pools.entry(kind).or_default();
        let taken = pool.pop();
        if let Some(socket) = taken {
            if pool.is_empty() && batch > 1 {
                // One is kept for what a command sends last: its keeper may have ended by the
                // time at which that is seen. An ended keeper gives no more, and need not.
                _ = self.refill(pool, kind, batch);
            }
            return Ok(socket);
        }
        let errno = self.refill(pool, kind, batch)?;
        // A batch may be cut short by the limit on descriptors; the first one does.
        pool.pop().ok_or_else(|| io::Error::from_raw_os_error(errno))
    }

    /// Gets sockets before there is need of them.
    pub(super) fn prepare(&self, kind: SocketKind) -> io::Result<()> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        self.refill(pools.entry(kind).or_default(), kind, MAX_PASSED as u8).map(drop)
    }

    /// Asks the keeper for a batch, and returns why it was cut short, if it was.
    fn refill(&self, pool: &mut Vec<OwnedFd>, kind: SocketKind, batch: u8) -> io::Result<i32> {
        raw::send(self.service.as_fd(), &[kind as u8, batch])?;
        let mut errno = [0; 4];
        let (len, sockets) = passing::receive(self.service.as_fd(), &mut errno)?;
        if len == 0 {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the keeper has ended"));
        }
        *pool = sockets;
        Ok(i32::from_ne_bytes(errno))
    }

    /// Returns another descriptor of the socket to the keeper, at whose end it reads EOF.
    pub(super) fn watch(&self) -> io::Result<OwnedFd> {
        self.service.try_clone()
    }

    /// Whether the keeper has ended, asked of what [`watch`](Self::watch) gave.
    pub(super) fn has_ended(watched: &OwnedFd) -> bool {
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        match raw::receive(watched.as_fd(), &mut [0; 4], flags) {
            Ok(len) => len == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }
}
