//! What can be relayed.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// One end of a relay: a connection with half-close and reset.
///
/// [`AsyncWrite::poll_shutdown`] closes the writing half only. Dropping the end closes it.
pub trait End: AsyncRead + AsyncWrite + Send + Unpin {
    /// Ends the connection such that the peer sees a reset.
    fn reset(self: Box<Self>);

    /// Returns the socket behind the end, where it is one and nothing is buffered on this side
    /// of it: then the kernel may move the bytes.
    fn socket(&self) -> Option<&TcpStream> {
        None
    }
}

impl End for TcpStream {
    fn reset(self: Box<Self>) {
        // Closing with a linger time of zero sends RST. If the option cannot be set, the peer
        // sees an ordinary end.
        _ = self.set_zero_linger();
    }

    fn socket(&self) -> Option<&TcpStream> {
        Some(self)
    }
}
