//! Connections and associations with the captured program, or with a server.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::Bytes;
use sidestream_record::DialFailure;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::BoxFuture;

/// A byte stream with half-close and reset.
///
/// [`AsyncWrite::poll_shutdown`] closes the writing half only. Dropping the stream closes it.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// Ends the connection such that the peer sees a reset.
    fn reset(self: Box<Self>);

    /// Returns the socket behind the stream, where it is one and nothing is buffered on this side
    /// of it: then the kernel may move the bytes.
    fn socket(&self) -> Option<&TcpStream> {
        None
    }

    /// Returns the local address, where there is one.
    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
}

impl Stream for TcpStream {
    fn reset(self: Box<Self>) {
        // Closing with a linger time of zero sends RST. If the option cannot be set, the peer
        // sees an ordinary end.
        _ = self.set_zero_linger();
    }

    fn socket(&self) -> Option<&TcpStream> {
        Some(self)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        Self::local_addr(self).ok()
    }
}

/// A captured connection whose client waits for the answer.
pub trait Pending: Send {
    /// Answers that the server accepted.
    ///
    /// # Errors
    ///
    /// The client may have gone in the meantime.
    fn accept(self: Box<Self>) -> BoxFuture<'static, io::Result<Box<dyn Stream>>>;

    /// Answers as the server did, as nearly as the driver can
    /// ([`Refusal`](crate::Refusal)).
    fn refuse(self: Box<Self>, reason: &DialFailure);
}

/// A connection that the kernel has accepted already.
#[derive(Debug)]
pub struct Accepted<S>(pub S);

impl<S: Stream + 'static> Pending for Accepted<S> {
    fn accept(self: Box<Self>) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        Box::pin(std::future::ready(Ok(Box::new(self.0) as Box<dyn Stream>)))
    }

    fn refuse(self: Box<Self>, _: &DialFailure) {
        Box::new(self.0).reset();
    }
}

/// A UDP flow: datagrams to and from one peer.
pub trait Association: Send {
    /// Polls for the next datagram; `None` means that no more will come.
    ///
    /// # Errors
    ///
    /// `ConnectionRefused` tells that the peer answered with port unreachable; the association
    /// goes on. Any other error ends it.
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>>;

    /// Sends one datagram.
    ///
    /// # Errors
    ///
    /// The datagram was not sent: too large for the path, or refused. The association goes on.
    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>>;

    /// Tells the peer that nobody took its last datagram, as a host does on which nobody listens,
    /// where the driver can. The association goes on.
    fn refuse(&mut self) {}
}
