//! Frames and descriptors over a unix socket.
//!
//! Descriptors go with the first byte of their frame. The kernel ends what one call receives
//! behind bytes that descriptors came with, so they are always there when their frame is whole.

mod error;
mod peer;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

pub(crate) use error::ChannelError;
pub(crate) use peer::Peer;
pub(crate) use receiver::Receiver;
pub(crate) use sender::Sender;

/// Both directions of a connected stream socket.
#[derive(Debug)]
pub(crate) struct Channel {
    sender: Sender,
    receiver: Receiver,
}

impl Channel {
    /// Takes over a connected socket.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O.
    pub(crate) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let stream = Arc::new(tokio::net::UnixStream::from_std(stream)?);
        Ok(Self { sender: Sender::new(Arc::clone(&stream)), receiver: Receiver::new(stream) })
    }

    /// Gives the two directions; the connection ends when both are dropped.
    pub(crate) fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}
