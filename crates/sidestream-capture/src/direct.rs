//! Dialling from where the proxy itself is.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use sidestream_record::DialFailure;
use tokio::io::Interest;
use tokio::net::{self, TcpSocket};

use crate::datagram::try_datagram;
use crate::{Association, BoxFuture, Dial, Dialed, DialedAssociation, FlowInfo, Target};

/// Dials from the network namespace of the proxy, whatever the flow's egress.
///
/// A name with several addresses is tried in the resolver's order.
#[derive(Clone, Copy, Debug)]
pub struct Direct {
    /// How long each address may take to answer. 30 s by default.
    pub timeout: Duration,
    /// The address of this machine that connections leave from. By default the system chooses.
    pub source: Option<IpAddr>,
}

impl Default for Direct {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), source: None }
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
        Ok(Dialed { stream: Box::new(stream), addr, via: None })
    }
}

fn tcp_socket(source: Option<IpAddr>, server: SocketAddr) -> io::Result<TcpSocket> {
    let v4 = server.is_ipv4();
    let socket = if v4 { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if let Some(source) = source {
        socket.bind(source_for(source, server)?)?;
    }
    Ok(socket)
}

/// Returns from where a connection to that server leaves, which has to be of the same IP version.
fn source_for(source: IpAddr, server: SocketAddr) -> io::Result<SocketAddr> {
    if source.is_ipv4() != server.is_ipv4() {
        let what = format!("{source}, which connections leave from, is of another IP version");
        return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, what));
    }
    Ok(SocketAddr::new(source, 0))
}

impl Dial for Direct {
    fn dial<'a>(
        &'a self,
        _: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Dialed, DialFailure>> {
        Box::pin(async move {
            let open = |server: SocketAddr| tcp_socket(self.source, server);
            self.dial_with(target, &open).await
        })
    }

    fn associate<'a>(
        &'a self,
        _: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<DialedAssociation, DialFailure>> {
        Box::pin(async move {
            let addr = *resolve(target).await?.first().ok_or_else(|| unknown(target))?;
            let association = match self.source {
                None => UdpSocket::connect(addr).await,
                Some(source) => UdpSocket::connect_from(source, addr).await,
            };
            let association = association.map_err(DialFailure::from)?;
            Ok(DialedAssociation { association: Box::new(association), addr, via: None })
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
        Self::between(any, addr).await
    }

    /// Makes a socket on any port of that address of this machine, that speaks to one server only.
    ///
    /// # Errors
    ///
    /// The two are of different IP versions, or whatever the system says.
    pub async fn connect_from(source: IpAddr, server: SocketAddr) -> io::Result<Self> {
        Self::between(source_for(source, server)?, server).await
    }

    async fn between(source: SocketAddr, server: SocketAddr) -> io::Result<Self> {
        let socket = net::UdpSocket::bind(source).await?;
        socket.connect(server).await?;
        Ok(Self::new(socket))
    }

    /// Wraps a socket that is connected already.
    pub fn new(socket: net::UdpSocket) -> Self {
        Self { socket: Arc::new(socket), waiting: None }
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
            match try_datagram(&self.socket) {
                Ok(datagram) => return Poll::Ready(Ok(Some(datagram))),
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
