//! Pipes through which `splice(2)` moves bytes from one socket to another.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pipe::{
    PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, splice,
};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::Moved;

/// How much a pipe should hold: what every user may ask for unless `fs.pipe-max-size` was lowered.
const WANTED_BYTES: usize = 1024 * 1024;

/// How much a pipe must hold to be worth it. A user who has many gets them smaller than that
/// (`fs.pipe-user-pages-soft`).
const MIN_BYTES: usize = 64 * 1024;

/// How many empty pipes are kept for the next who needs one.
const POOLED: usize = 32;

static POOL: Mutex<Vec<Pipe>> = Mutex::new(Vec::new());

/// Returns whether nothing waits in a socket, or nothing more will be sent. It is not written to
/// after that.
pub(crate) fn has_sent(socket: &TcpStream) -> bool {
    // From then on it counts as writable only once nothing waits.
    if SockRef::from(socket).set_tcp_notsent_lowat(1).is_err() {
        return true;
    }
    let mut writable = [PollFd::new(socket, PollFlags::OUT)];
    // Zero means that nothing is to be told of it; that it cannot be asked, that none will be.
    poll(&mut writable, Some(&Timespec::default())).map_or(true, |told| told > 0)
}

/// A pipe, and how much is in it.
#[derive(Debug)]
pub(crate) struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    size: usize,
    len: usize,
}

impl Pipe {
    /// Takes an empty pipe out of the pool or makes one, if the system gives one that is worth it.
    pub(crate) fn take() -> Option<Self> {
        let pooled = POOL.lock().unwrap_or_else(PoisonError::into_inner).pop();
        pooled.or_else(Self::make)
    }

    fn make() -> Option<Self> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
        // Where it may not grow it stays as it is.
        let grown = fcntl_setpipe_size(&writer, WANTED_BYTES);
        let size = grown.or_else(|_| fcntl_getpipe_size(&writer)).ok()?;
        (size >= MIN_BYTES).then_some(Self { reader, writer, size, len: 0 })
    }

    /// Puts it into the pool; one with something in it is closed.
    pub(crate) fn put_back(self) {
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        if self.len == 0 && pool.len() < POOLED {
            pool.push(self);
        }
    }

    /// Returns how many bytes are in it.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Fills the empty pipe from a socket.
    pub(crate) fn fill(&mut self, from: &TcpStream) -> io::Result<Moved> {
        debug_assert_eq!(self.len, 0, "a full pipe and an empty socket look the same");
        let moved = from.try_io(Interest::READABLE, || {
            called();
            Ok(splice(from, None, &self.writer, None, self.size, flags())?)
        });
        let moved = able(moved)?;
        if let Moved::Bytes(bytes) = moved {
            self.len = bytes;
        }
        Ok(moved)
    }

    /// Empties the pipe into a socket, as far as that takes it.
    pub(crate) fn drain(&mut self, to: &TcpStream) -> io::Result<Moved> {
        let moved = to.try_io(Interest::WRITABLE, || {
            called();
            Ok(splice(&self.reader, None, to, None, self.len, flags())?)
        });
        let moved = able(moved)?;
        if let Moved::Bytes(bytes) = moved {
            self.len -= bytes;
        }
        Ok(moved)
    }

    /// Reads what is in it, for an end that cannot be spliced to.
    pub(crate) fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.len];
        let mut read = 0;
        while read < bytes.len() {
            match rustix::io::read(&self.reader, &mut bytes[read..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                some => read += some,
            }
        }
        self.len = 0;
        Ok(bytes)
    }
}

fn flags() -> SpliceFlags {
    SpliceFlags::MOVE | SpliceFlags::NONBLOCK
}

/// Tells an end that cannot be spliced from one that is broken.
fn able(moved: io::Result<usize>) -> io::Result<Moved> {
    match moved {
        Ok(bytes) => Ok(Moved::Bytes(bytes)),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => Ok(Moved::Unable),
            _ => Err(error),
        },
    }
}

#[cfg(not(test))]
const fn called() {}

#[cfg(test)]
thread_local! {
    static CALLS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
fn called() {
    CALLS.set(CALLS.get() + 1);
}

/// Returns how many calls this thread made.
#[cfg(test)]
fn calls() -> u64 {
    CALLS.get()
}

#[cfg(test)]
mod tests;
