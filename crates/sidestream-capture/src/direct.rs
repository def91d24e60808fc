//! Dialling from where the proxy itself is.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use sidestream_record::DialFailure;
use tokio::io::ReadBuf;
use tokio::net::{self, TcpStream};

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
    async fn connect(&self, addr: SocketAddr) -> Result<Dialed, DialFailure> {
        let connected = tokio::time::timeout(self.timeout, TcpStream::connect(addr)).await;
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

impl Dial for Direct {
    fn dial<'a>(
        &'a self,
        _: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Dialed, DialFailure>> {
        Box::pin(async move {
            let mut last = None;
            for addr in resolve(target).await? {
                match self.connect(addr).await {
                    Ok(dialed) => return Ok(dialed),
                    Err(failure) => last = Some(failure),
                }
            }
            Err(last.unwrap_or_else(|| unknown(target)))
        })
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
#[derive(Debug)]
pub struct UdpSocket {
    socket: net::UdpSocket,
    buf: Box<[u8]>,
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
        Self { socket, buf: vec![0; MAX_DATAGRAM].into_boxed_slice() }
    }
}

impl Association for UdpSocket {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        let mut buf = ReadBuf::new(&mut self.buf);
        self.socket.poll_recv(cx, &mut buf).map_ok(|()| Some(Bytes::copy_from_slice(buf.filled())))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        self.socket.poll_send(cx, datagram).map_ok(|_sent| ())
    }
}
