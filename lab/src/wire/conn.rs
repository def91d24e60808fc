//! A connection, with TLS or without, and what was read of it too early.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use sidestream_capture::Stream;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio_rustls::{client, server};

/// How much is read at once.
const READ_BYTES: usize = 32 * 1024;

/// Sees what goes over a connection, inside of TLS.
pub trait Watch: Send + Sync {
    /// Bytes came.
    fn came(&self, bytes: &[u8]);
    /// Bytes were sent.
    fn sent(&self, len: usize);
    /// The peer ended its side.
    fn peer_ended(&self);
    /// The peer reset the connection.
    fn peer_reset(&self);
    /// This side ended, or reset, the connection.
    fn ended(&self);
}

/// A connection.
pub struct Conn {
    inner: Inner,
    buf: BytesMut,
    watch: Option<Box<dyn Watch>>,
}

enum Inner {
    Plain(Box<dyn Stream>),
    Client(Box<client::TlsStream<Box<dyn Stream>>>),
    Server(Box<server::TlsStream<Box<dyn Stream>>>),
}

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_tls = !matches!(self.inner, Inner::Plain(_));
        f.debug_struct("Conn").field("is_tls", &is_tls).finish_non_exhaustive()
    }
}

impl From<Box<dyn Stream>> for Conn {
    fn from(stream: Box<dyn Stream>) -> Self {
        Self::new(Inner::Plain(stream))
    }
}

impl From<client::TlsStream<Box<dyn Stream>>> for Conn {
    fn from(stream: client::TlsStream<Box<dyn Stream>>) -> Self {
        Self::new(Inner::Client(Box::new(stream)))
    }
}

impl From<server::TlsStream<Box<dyn Stream>>> for Conn {
    fn from(stream: server::TlsStream<Box<dyn Stream>>) -> Self {
        Self::new(Inner::Server(Box::new(stream)))
    }
}

impl Conn {
    fn new(inner: Inner) -> Self {
        Self { inner, buf: BytesMut::new(), watch: None }
    }

    /// Returns the connection with somebody who sees what goes over it.
    #[must_use]
    pub fn watched(self, watch: Box<dyn Watch>) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// Returns the protocol that was agreed on in TLS.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        match &self.inner {
            Inner::Plain(_) => None,
            Inner::Client(stream) => stream.get_ref().1.alpn_protocol(),
            Inner::Server(stream) => stream.get_ref().1.alpn_protocol(),
        }
    }

    /// What came and was not taken yet.
    pub const fn waiting(&mut self) -> &mut BytesMut {
        &mut self.buf
    }

    /// Reads what comes next to what is waiting; false at the peer's end.
    ///
    /// # Errors
    ///
    /// The connection was reset, or TLS ended without saying so.
    pub async fn fill(&mut self) -> io::Result<bool> {
        poll_fn(|cx| self.poll_fill(cx)).await
    }

    /// As [`Conn::fill`].
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let before = self.buf.len();
        self.buf.resize(before + READ_BYTES, 0);
        let mut room = ReadBuf::new(&mut self.buf[before..]);
        let polled = self.inner.poll_read(cx, &mut room);
        let len = room.filled().len();
        self.buf.truncate(before + len);
        ready!(self.told(polled, before))?;
        Poll::Ready(Ok(len > 0))
    }

    /// Writes all of it.
    ///
    /// # Errors
    ///
    /// The peer takes no more.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes).await?;
        self.flush().await
    }

    /// Writes all of it, and meanwhile reads what comes to what is waiting. Two that send much at
    /// once would else wait for each other.
    ///
    /// # Errors
    ///
    /// The peer takes no more.
    pub async fn send_and_fill(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let mut is_open = true;
        while !bytes.is_empty() {
            let written = poll_fn(|cx| {
                while is_open && let Poll::Ready(filled) = self.poll_fill(cx) {
                    // How it ended is seen by whoever reads next.
                    is_open = filled.unwrap_or(false);
                }
                Pin::new(&mut *self).poll_write(cx, bytes)
            });
            bytes = &bytes[written.await?..];
        }
        self.flush().await
    }

    /// Ends this side.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub async fn end(&mut self) -> io::Result<()> {
        self.shutdown().await
    }

    /// Reads until the peer has ended, and forgets it.
    pub async fn drain(&mut self) {
        while let Ok(true) = self.fill().await {
            self.buf.clear();
        }
    }

    /// Resets the connection.
    pub fn reset(self) {
        if let Some(watch) = &self.watch {
            watch.ended();
        }
        match self.inner {
            Inner::Plain(stream) => stream.reset(),
            Inner::Client(stream) => stream.into_inner().0.reset(),
            Inner::Server(stream) => stream.into_inner().0.reset(),
        }
    }

    /// Tells the watcher what a read came to, whose bytes stand in `buf` from `before` on.
    fn told(&self, polled: Poll<io::Result<()>>, before: usize) -> Poll<io::Result<()>> {
        let Some(watch) = &self.watch else { return polled };
        match &polled {
            Poll::Pending => {}
            Poll::Ready(Ok(())) if self.buf.len() == before => watch.peer_ended(),
            Poll::Ready(Ok(())) => watch.came(&self.buf[before..]),
            Poll::Ready(Err(error)) if is_reset(error) => watch.peer_reset(),
            Poll::Ready(Err(_)) => watch.peer_ended(),
        }
        polled
    }
}

/// Returns whether an error says that the peer reset the connection.
pub(crate) fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

impl Inner {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Client(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Server(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }

    fn writer(&mut self) -> Pin<&mut (dyn AsyncWrite + Send + Unpin)> {
        match self {
            Self::Plain(stream) => Pin::new(stream),
            Self::Client(stream) => Pin::new(&mut **stream),
            Self::Server(stream) => Pin::new(&mut **stream),
        }
    }
}

impl AsyncRead for Conn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.buf.is_empty() {
            ready!(self.poll_fill(cx))?;
        }
        let len = self.buf.len().min(buf.remaining());
        buf.put_slice(&self.buf[..len]);
        self.buf.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Conn {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(self.inner.writer().poll_write(cx, buf));
        if let Some(watch) = &self.watch {
            match &written {
                Ok(len) => watch.sent(*len),
                Err(error) if is_reset(error) => watch.peer_reset(),
                Err(_) => {}
            }
        }
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.writer().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(watch) = &self.watch {
            watch.ended();
        }
        self.inner.writer().poll_shutdown(cx)
    }
}
