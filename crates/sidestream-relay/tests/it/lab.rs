//! A client and a server with a relay between them.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use sidestream_relay::{End, Relayed, relay};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Far longer than anything takes.
const LONG: Duration = Duration::from_secs(60);

/// How the relay sees its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// As sockets, that can be spliced.
    Sockets,
    /// As streams that can only be copied.
    Streams,
    /// One of each.
    Mixed,
}

pub(crate) struct Lab {
    pub(crate) client: TcpStream,
    pub(crate) server: TcpStream,
    pub(crate) relaying: JoinHandle<Relayed>,
}

impl Lab {
    pub(crate) async fn on(ground: Ground) -> Self {
        let ((client, a), (b, server)) = (pair().await, pair().await);
        let (a, b): (Box<dyn End>, Box<dyn End>) = match ground {
            Ground::Sockets => (Box::new(a), Box::new(b)),
            Ground::Streams => (Box::new(Opaque(a)), Box::new(Opaque(b))),
            Ground::Mixed => (Box::new(a), Box::new(Opaque(b))),
        };
        Self { client, server, relaying: tokio::spawn(relay(a, b)) }
    }

    pub(crate) async fn relayed(self) -> Relayed {
        within(self.relaying).await.unwrap()
    }
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(LONG, future).await.unwrap()
}

pub(crate) async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let server = listener.accept().await.unwrap().0;
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    (client, server)
}

/// A connection that hides its socket.
pub(crate) struct Opaque(pub(crate) TcpStream);

impl End for Opaque {
    fn reset(self: Box<Self>) {
        Box::new(self.0).reset();
    }
}

impl AsyncRead for Opaque {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Opaque {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
