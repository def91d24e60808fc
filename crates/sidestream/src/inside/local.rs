//! A connection that does not leave the process.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use sidestream_capture::Stream;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

/// How many bytes wait in each direction.
const BUFFER: usize = 16 * 1024;

/// The one end of it, which the proxy takes for a server.
#[derive(Debug)]
pub(super) struct Local(DuplexStream);

impl Local {
    /// Connects with whoever gets the other end.
    pub(super) fn pair() -> (Self, DuplexStream) {
        let (ours, theirs) = duplex(BUFFER);
        (Self(ours), theirs)
    }
}

impl Stream for Local {
    /// The other end has nothing to do differently than if it were closed.
    fn reset(self: Box<Self>) {}
}

impl AsyncRead for Local {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Local {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
