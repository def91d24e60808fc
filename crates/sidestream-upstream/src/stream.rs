//! Connections with a proxy: with what came early, and inside of TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use sidestream_capture::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A connection of which something was read already that was not for us.
pub(crate) struct Early {
    early: Bytes,
    stream: Box<dyn Stream>,
}

impl Early {
    /// Gives the bytes back that were read too early.
    pub(crate) fn give_back(early: Bytes, stream: Box<dyn Stream>) -> Box<dyn Stream> {
        if early.is_empty() { stream } else { Box::new(Self { early, stream }) }
    }
}

impl Stream for Early {
    fn reset(self: Box<Self>) {
        self.stream.reset();
    }

    fn socket(&self) -> Option<&TcpStream> {
        self.stream.socket().filter(|_| self.early.is_empty())
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.stream.local_addr()
    }
}

impl AsyncRead for Early {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return Pin::new(&mut *self.stream).poll_read(cx, buf);
        }
        let len = self.early.len().min(buf.remaining());
        buf.put_slice(&self.early[..len]);
        self.early.advance(len);
        Poll::Ready(Ok(()))
    }
}

/// A connection inside of TLS.
pub(crate) struct Tls(pub(crate) TlsStream<Box<dyn Stream>>);

impl Stream for Tls {
    fn reset(self: Box<Self>) {
        self.0.into_inner().0.reset();
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.0.get_ref().0.local_addr()
    }
}

impl AsyncRead for Tls {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

/// Writes to what is inside.
macro_rules! write_through {
    ($name:ty, $field:tt) => {
        impl AsyncWrite for $name {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.$field).poll_write(cx, bytes)
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.$field).poll_write_vectored(cx, bytes)
            }

            fn is_write_vectored(&self) -> bool {
                self.$field.is_write_vectored()
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.$field).poll_flush(cx)
            }

            fn poll_shutdown(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.$field).poll_shutdown(cx)
            }
        }
    };
}

write_through!(Early, stream);
write_through!(Tls, 0);
