//! Reaching servers as the captured program would have.
//!
//! What a flow's [`Egress`] says: bit 0, to leave from the client's address in the flow's key;
//! bits 8 to 15, one more than the program's choice of path MTU discovery, 0 for the system's; bits
//! 16 to 48, one more than the helper's number of the program's network namespace, 0 for ours.

#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use sidestream_capture::{
    Association, BoxFuture, Dial, Dialed, DialedAssociation, Direct, Egress, FlowInfo, Target,
};
use sidestream_flow::Transport;
use sidestream_record::DialFailure;
use tokio::net::{TcpSocket, UdpSocket, lookup_host};

use super::client::Elsewhere;
use crate::sys::imp::raw;
use crate::sys::imp::sockets::bind;

const BOUND: u64 = 1;
const DISCOVERY_SHIFT: u32 = 8;
const NET_SHIFT: u32 = 16;

/// Says how upstream connections of a flow leave: from the client's address if the program had
/// bound its socket to that, and with its choice of path MTU discovery (`IP_MTU_DISCOVER` in
/// ip(7)), and from which network namespace.
pub(super) fn egress(bound: bool, path_mtu_discovery: u8, net: Option<u32>) -> Egress {
    let discovery = u64::from(path_mtu_discovery.min(u8::MAX - 1)) + 1;
    let net = net.map_or(0, |net| u64::from(net) + 1);
    Egress(u64::from(bound) | discovery << DISCOVERY_SHIFT | net << NET_SHIFT)
}

/// Dials as the captured program would have: from its network namespace, from the source address
/// that it had bound its socket to, and with its choice of path MTU discovery.
///
/// Other network namespaces than this process's are reached by the dialler that a
/// [`LocalCapture`](crate::LocalCapture) gives, as long as it runs. Names are looked up in ours.
///
/// A datagram that exceeds the path MTU is dropped, as it would be on its way; the association
/// goes on. Should the source address have gone, the system chooses another.
#[derive(Clone, Debug, Default)]
pub struct LocalDial {
    direct: Direct,
    elsewhere: Option<Arc<Elsewhere>>,
}

impl LocalDial {
    /// Dials with the timeouts of that dialler.
    pub fn new(direct: Direct) -> Self {
        Self { direct, elsewhere: None }
    }

    pub(super) fn with_elsewhere(self, elsewhere: Arc<Elsewhere>) -> Self {
        Self { elsewhere: Some(elsewhere), ..self }
    }

    /// Makes a socket in the network namespace with that number.
    async fn socket(
        &self,
        net: u32,
        transport: Transport,
        addr: SocketAddr,
    ) -> Result<Given, DialFailure> {
        let nobody = || io::Error::other("this dialler does not reach other network namespaces");
        let elsewhere = self.elsewhere.as_deref().ok_or_else(nobody).map_err(DialFailure::from)?;
        let socket = elsewhere.open(net, transport, addr.is_ipv6()).await;
        socket.map(Given::new).map_err(DialFailure::from)
    }

    /// Connects from the network namespace with that number.
    async fn dial_from(
        &self,
        net: u32,
        target: &Target,
        source: Option<IpAddr>,
    ) -> Result<Dialed, DialFailure> {
        let mut last = None;
        for addr in resolve(target).await? {
            let socket = self.socket(net, Transport::Tcp, addr).await?;
            let open = move |server: SocketAddr| {
                let socket = socket.take()?;
                leave_from(socket.as_fd(), source, server)?;
                Ok(TcpSocket::from_std_stream(socket.into()))
            };
            match self.direct.dial_with(&Target::Addr(addr), &open).await {
                Ok(dialed) => return Ok(dialed),
                Err(failure) => last = Some(failure),
            }
        }
        Err(last.unwrap_or_else(|| unknown(target)))
    }
}

async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, DialFailure> {
    match target {
        Target::Addr(addr) => Ok(vec![*addr]),
        Target::Name(host, port) => match lookup_host((host.as_str(), *port)).await {
            Ok(addrs) => Ok(addrs.collect()),
            Err(_no_address) => Err(unknown(target)),
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

/// A socket that is given away once.
#[derive(Debug)]
struct Given(Mutex<Option<OwnedFd>>);

impl Given {
    fn new(socket: OwnedFd) -> Self {
        Self(Mutex::new(Some(socket)))
    }

    fn take(&self) -> io::Result<OwnedFd> {
        let socket = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        socket.ok_or_else(|| io::Error::other("a socket reaches one address"))
    }
}

impl Dial for LocalDial {
    fn dial<'a>(
        &'a self,
        flow: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Dialed, DialFailure>> {
        let source = source(flow);
        if let Some(net) = net(flow) {
            return Box::pin(self.dial_from(net, target, source));
        }
        Box::pin(async move {
            let open = move |server: SocketAddr| {
                let v4 = server.is_ipv4();
                let socket = if v4 { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
                leave_from(socket.as_fd(), source, server)?;
                Ok(socket)
            };
            self.direct.dial_with(target, &open).await
        })
    }

    fn associate<'a>(
        &'a self,
        flow: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<DialedAssociation, DialFailure>> {
        let (source, discovery) = (source(flow), discovery(flow));
        let prepare = move |socket: OwnedFd, server: SocketAddr| {
            leave_from(socket.as_fd(), source, server)?;
            if let Some(discovery) = discovery {
                discover(socket.as_fd(), server, discovery)?;
            }
            UdpSocket::from_std(socket.into())
        };
        if let Some(net) = net(flow) {
            return Box::pin(async move {
                let addr = *resolve(target).await?.first().ok_or_else(|| unknown(target))?;
                let socket = self.socket(net, Transport::Udp, addr).await?;
                let open = move |server: SocketAddr| prepare(socket.take()?, server);
                self.direct.associate_with(&Target::Addr(addr), &open).await.map(fitting)
            });
        }
        Box::pin(async move {
            let open = move |server: SocketAddr| prepare(datagrams(server)?, server);
            self.direct.associate_with(target, &open).await.map(fitting)
        })
    }
}

/// Returns the address that the program had bound its socket to.
fn source(flow: &FlowInfo) -> Option<IpAddr> {
    (flow.egress.0 & BOUND != 0).then(|| flow.key.client.ip().to_canonical())
}

fn fitting((association, addr): (sidestream_capture::UdpSocket, SocketAddr)) -> DialedAssociation {
    DialedAssociation { association: Box::new(Fitting(association)), addr, via: None }
}

/// Returns the helper's number of the program's network namespace, unless that is ours.
fn net(flow: &FlowInfo) -> Option<u32> {
    (flow.egress.0 >> NET_SHIFT).checked_sub(1).and_then(|net| net.try_into().ok())
}

fn discovery(flow: &FlowInfo) -> Option<u8> {
    ((flow.egress.0 >> DISCOVERY_SHIFT) as u8).checked_sub(1)
}

fn datagrams(server: SocketAddr) -> io::Result<OwnedFd> {
    let family = if server.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    raw::socket(family, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK, 0)
}

/// Binds to the source, if there is one that can be had.
fn leave_from(
    socket: BorrowedFd<'_>,
    source: Option<IpAddr>,
    server: SocketAddr,
) -> io::Result<()> {
    let Some(source) = source.filter(|source| source.is_ipv4() == server.is_ipv4()) else {
        return Ok(());
    };
    // So that connections from one address to different servers may share a port.
    raw::set_option(socket, libc::SOL_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)?;
    match bind(socket, SocketAddr::new(source, 0)) {
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
            tracing::debug!(%source, "the source address has gone, the system chooses one");
            Ok(())
        }
        other => other,
    }
}

fn discover(socket: BorrowedFd<'_>, server: SocketAddr, discovery: u8) -> io::Result<()> {
    let (level, option) = match server {
        SocketAddr::V4(_) => (libc::SOL_IP, libc::IP_MTU_DISCOVER),
        SocketAddr::V6(_) => (libc::SOL_IPV6, libc::IPV6_MTU_DISCOVER),
    };
    raw::set_option(socket, level, option, discovery.into())
}

/// Drops datagrams that do not fit, instead of failing with them.
#[derive(Debug)]
struct Fitting(sidestream_capture::UdpSocket);

impl Association for Fitting {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            match self.0.poll_recv(cx) {
                // A router's word on a datagram that was sent before.
                Poll::Ready(Err(error)) if too_large(&error) => {}
                other => return other,
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        // The first error may be a router's word on an earlier datagram.
        for _ in 0..2 {
            match self.0.poll_send(cx, datagram) {
                Poll::Ready(Err(error)) if too_large(&error) => {}
                other => return other,
            }
        }
        tracing::debug!(len = datagram.len(), "a datagram exceeds the path MTU and is dropped");
        Poll::Ready(Ok(()))
    }
}

fn too_large(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EMSGSIZE)
}
