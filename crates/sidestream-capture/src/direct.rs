//! Dialling from where the proxy itself is.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use sidestream_record::DialFailure;
use tokio::io::Interest;
use tokio::net::{self, TcpSocket};

use crate::{Association, BoxFuture, Dial, Dialed, DialedAssociation, FlowInfo, Target};

/// The largest UDP payload: a length field of 16 bits less the header (RFC 768).
const MAX_DATAGRAM: usize = 65_535 - 8;

/// Dials from the network namespace of the proxy, whatever the flow's egress.
///
/// A name with several addresses is tried in the resolver's order.
#[derive(Clone, Copy, Debug)]
pub struct Direct {
    /// How long each address may take to answer. 30 s by default.
    pub timeout: Duration,
}

impl Default for Direct {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30) }
    }
}

impl Direct {
    /// Connects to the target by sockets that `open` makes, one for each address that is tried.
    ///
    /// # Errors
    ///
    /// Why the last address could not be reached.
    ///
    /// # Cancel safety
    ///
    /// The attempt is given up if the future is dropped.
    pub async fn dial_with(
        &self,
        target: &Target,
        open: &(dyn Fn(SocketAddr) -> io::Result<TcpSocket> + Sync),
    ) -> Result<Dialed, DialFailure> {
        let mut last = None;
        for addr in resolve(target).await? {
            match self.connect(addr, open).await {
                Ok(dialed) => return Ok(dialed),
                Err(failure) => last = Some(failure),
            }
        }
        Err(last.unwrap_or_else(|| unknown(target)))
    }

    /// Makes an association with the target by a socket that `open` makes for its address and
    /// that is not connected yet.
    ///
    /// # Errors
    ///
    /// Why the target cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// The attempt is given up if the future is dropped.
    pub async fn associate_with(
        &self,
        target: &Target,
        open: &(dyn Fn(SocketAddr) -> io::Result<net::UdpSocket> + Sync),
    ) -> Result<(UdpSocket, SocketAddr), DialFailure> {
        let addr = *resolve(target).await?.first().ok_or_else(|| unknown(target))?;
        let socket = open(addr).map_err(DialFailure::from)?;
        socket.connect(addr).await.map_err(DialFailure::from)?;
        Ok((UdpSocket::new(socket), addr))
    }

    async fn connect(
        &self,
        addr: SocketAddr,
        open: &(dyn Fn(SocketAddr) -> io::Result<TcpSocket> + Sync),
    ) -> Result<Dialed, DialFailure> {
        let socket = open(addr).map_err(DialFailure::from)?;
        let connected = tokio::time::timeout(self.timeout, socket.connect(addr)).await;
        let stream = match connected {
            Err(_elapsed) => return Err(DialFailure::TimedOut),
            Ok(Err(error)) => return Err(DialFailure::from(error)),
            Ok(Ok(stream)) => stream,
        };
        // Without it small writes wait for the peer's delayed acknowledgement.
        stream.set_nodelay(true).map_err(DialFailure::from)?;
        Ok(Dialed { stream: Box::new(stream), addr })
    }
}

fn tcp_socket(addr: SocketAddr) -> io::Result<TcpSocket> {
    if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
}

impl Dial for Direct {
    fn dial<'a>(
        &'a self,
        _: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Dialed, DialFailure>> {
        Box::pin(self.dial_with(target, &tcp_socket))
    }

    fn associate<'a>(
        &'a self,
        _: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<DialedAssociation, DialFailure>> {
        Box::pin(async move {
            let addr = *resolve(target).await?.first().ok_or_else(|| unknown(target))?;
            let association = UdpSocket::connect(addr).await.map_err(DialFailure::from)?;
            Ok(DialedAssociation { association: Box::new(association), addr })
        })
    }
}

async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, DialFailure> {
    match target {
        Target::Addr(addr) => Ok(vec![*addr]),
        Target::Name(host, port) => match net::lookup_host((host.as_str(), *port)).await {
            Ok(addrs) => Ok(addrs.collect()),
            // The resolver's errors have no kind of their own; its words are lost on nobody, as
            // each of them says that the name was not found.
            Err(_error) => Err(unknown(target)),
        },
    }
}

fn unknown(target: &Target) -> DialFailure {
    let host = match target {
        Target::Addr(addr) => addr.ip().to_string(),
        Target::Name(host, _) => host.clone(),
    };
    DialFailure::Unknown { host }
}

/// A connected UDP socket.
pub struct UdpSocket {
    socket: Arc<net::UdpSocket>,
    buf: Box<[u8]>,
    /// Waits for a datagram or for an error, which comes without a datagram.
    waiting: Option<BoxFuture<'static, io::Result<()>>>,
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UdpSocket").field(&self.socket).finish()
    }
}

impl UdpSocket {
    /// Makes a socket on any port that speaks to that address only.
    ///
    /// # Errors
    ///
    /// Whatever the system says: no route, no free port, no descriptor.
    pub async fn connect(addr: SocketAddr) -> io::Result<Self> {
        let any: SocketAddr = match addr {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = net::UdpSocket::bind(any).await?;
        socket.connect(addr).await?;
        Ok(Self::new(socket))
    }

    /// Wraps a socket that is connected already.
    pub fn new(socket: net::UdpSocket) -> Self {
        let buf = vec![0; MAX_DATAGRAM].into_boxed_slice();
        Self { socket: Arc::new(socket), buf, waiting: None }
    }

    /// Takes an error that came by itself, as ICMP messages do.
    fn error(&self) -> io::Result<()> {
        // Until it is cleared the runtime says again and again that there is one.
        let clear = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
        _ = self.socket.try_io(Interest::ERROR, clear);
        self.socket.take_error()?.map_or(Ok(()), Err)
    }
}

impl Association for UdpSocket {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            match self.socket.try_recv(&mut self.buf) {
                Ok(len) => {
                    return Poll::Ready(Ok(Some(Bytes::copy_from_slice(&self.buf[..len]))));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            let waiting = self.waiting.get_or_insert_with(|| {
                let socket = Arc::clone(&self.socket);
                let either = Interest::READABLE | Interest::ERROR;
                Box::pin(async move { socket.ready(either).await.map(drop) })
            });
            let ready = ready!(waiting.as_mut().poll(cx));
            self.waiting = None;
            ready?;
            self.error()?;
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        self.socket.poll_send(cx, datagram).map_ok(|_sent| ())
    }
}
