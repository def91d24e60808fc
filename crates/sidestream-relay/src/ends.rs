//! What can be relayed.

use std::fmt;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// How a relay deals with its ends, beside reading and writing them.
///
/// An end is any connection with half-close and reset: [`AsyncWrite::poll_shutdown`] closes the
/// writing half only, and dropping the end closes it.
pub struct Ends<S> {
    /// Returns the socket behind an end, where it is one and nothing is buffered on this side of
    /// it: then the kernel may move the bytes.
    pub socket: fn(&S) -> Option<&TcpStream>,
    /// Ends the connection such that the peer sees a reset.
    pub reset: fn(S),
}

impl Ends<TcpStream> {
    /// The ends are sockets.
    pub const SOCKETS: Self = Self {
        socket: |socket| Some(socket),
        // Closing with a linger time of zero sends RST. If the option cannot be set, the peer sees
        // an ordinary end.
        reset: |socket| _ = socket.set_zero_linger(),
    };
}

impl<S> Clone for Ends<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Ends<S> {}

impl<S> fmt::Debug for Ends<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ends").finish_non_exhaustive()
    }
}

/// The two ends of one direction.
pub(crate) struct Pair<'a, S> {
    pub(crate) from: &'a mut S,
    pub(crate) to: &'a mut S,
    pub(crate) ends: Ends<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pair<'_, S> {
    /// Returns the socket behind the sender.
    pub(crate) fn sender(&self) -> Option<&TcpStream> {
        (self.ends.socket)(self.from)
    }

    /// Returns the socket behind the receiver.
    pub(crate) fn receiver(&self) -> Option<&TcpStream> {
        (self.ends.socket)(self.to)
    }
}
