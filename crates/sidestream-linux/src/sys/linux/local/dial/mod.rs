//! Reaching servers as the captured program would have.
//!
//! What a flow's [`Egress`] says: bit 0, to leave from the client's address in the flow's key;
//! bits 8 to 15, one more than the program's choice of path MTU discovery, 0 for the system's.

#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll};

use bytes::Bytes;
use sidestream_capture::{
    Association, BoxFuture, Dial, Dialed, DialedAssociation, Direct, Egress, FlowInfo, Target,
};
use sidestream_record::DialFailure;
use tokio::net::{TcpSocket, UdpSocket};

use crate::sys::imp::raw;
use crate::sys::imp::sockets::bind;

const BOUND: u64 = 1;
const DISCOVERY_SHIFT: u32 = 8;

/// Says how upstream connections of a flow leave: from the client's address if the program had
/// bound its socket to that, and with its choice of path MTU discovery (`IP_MTU_DISCOVER` in
/// ip(7)).
pub(super) fn egress(bound: bool, path_mtu_discovery: u8) -> Egress {
    Egress(u64::from(bound) | (u64::from(path_mtu_discovery) + 1) << DISCOVERY_SHIFT)
}

/// Dials as the captured program would have: from the source address that it had bound its
/// socket to, and with its choice of path MTU discovery.
///
/// A datagram that exceeds the path MTU is dropped, as it would be on its way; the association
/// goes on. Should the source address have gone, the system chooses another.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalDial {
    direct: Direct,
}

impl LocalDial {
    /// Dials with the timeouts of that dialler.
    pub fn new(direct: Direct) -> Self {
        Self { direct }
    }
}

impl Dial for LocalDial {
    fn dial<'a>(
        &'a self,
        flow: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Dialed, DialFailure>> {
        let source = source(flow);
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
        Box::pin(async move {
            let open = move |server: SocketAddr| {
                let socket = datagrams(server)?;
                leave_from(socket.as_fd(), source, server)?;
                if let Some(discovery) = discovery {
                    discover(socket.as_fd(), server, discovery)?;
                }
                UdpSocket::from_std(socket.into())
            };
            let (association, addr) = self.direct.associate_with(target, &open).await?;
            let association = Box::new(Fitting(association));
            Ok(DialedAssociation { association, addr })
        })
    }
}

/// Returns the address that the program had bound its socket to.
fn source(flow: &FlowInfo) -> Option<IpAddr> {
    (flow.egress.0 & BOUND != 0).then(|| flow.key.client.ip().to_canonical())
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
