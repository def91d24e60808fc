//! A client and a server with a relay between them.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use sidestream_relay::{Ends, Relay, Relayed};
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
        let (a, b) = match ground {
            Ground::Sockets => (Link::Socket(a), Link::Socket(b)),
            Ground::Streams => (Link::Opaque(a), Link::Opaque(b)),
            Ground::Mixed => (Link::Socket(a), Link::Opaque(b)),
        };
        let mut relay = Relay::new(a, b, LINKS);
        let relaying = tokio::spawn(async move { poll_fn(|cx| relay.poll_relayed(cx)).await });
        Self { client, server, relaying }
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

/// A connection that shows its socket, or hides it.
pub(crate) enum Link {
    Socket(TcpStream),
    Opaque(TcpStream),
}

pub(crate) const LINKS: Ends<Link> = Ends {
    socket: |link| match link {
        Link::Socket(socket) => Some(socket),
        Link::Opaque(_) => None,
    },
    reset: |link| match link {
        Link::Socket(socket) | Link::Opaque(socket) => (Ends::SOCKETS.reset)(socket),
    },
};

impl Link {
    fn inner(&mut self) -> Pin<&mut TcpStream> {
        match self {
            Self::Socket(socket) | Self::Opaque(socket) => Pin::new(socket),
        }
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.inner().poll_read(cx, buf)
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.inner().poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.inner().poll_shutdown(cx)
    }
}
