//! Datagrams from the host to what is bound inside.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use sidestream_process::Listener;
use tokio::io::unix::AsyncFd;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::link::Sockets;
use super::raw;
use super::sockets::{bind, connect, readable, receive, send_from, udp_kind};

/// After how long a silence a peer on the host is forgotten.
const IDLE: Duration = Duration::from_secs(60);
/// The most peers that are served at once; the datagrams of others are dropped.
const MAX_PEERS: usize = 1024;
/// The largest UDP payload.
const MAX_DATAGRAM: usize = 65_535 - 8;

/// The peer, and the address that it sent to.
type Ends = (SocketAddr, SocketAddr);

/// Binds on the host what is bound inside, and no wider.
pub(super) fn listen(inside: &Listener) -> io::Result<AsyncFd<OwnedFd>> {
    let family = if inside.addr.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let socket = raw::socket(family, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK, 0)?;
    let fd = socket.as_fd();
    raw::set_option(fd, libc::SOL_IP, libc::IP_RECVORIGDSTADDR, 1)?;
    if inside.addr.is_ipv6() {
        raw::set_option(fd, libc::SOL_IPV6, libc::IPV6_V6ONLY, i32::from(inside.v6_only))?;
        raw::set_option(fd, libc::SOL_IPV6, libc::IPV6_RECVORIGDSTADDR, 1)?;
    }
    bind(fd, inside.addr)?;
    readable(socket)
}

/// Carries datagrams between the peers on the host and the socket inside.
pub(super) async fn serve(host: AsyncFd<OwnedFd>, sockets: Arc<Sockets>) {
    let host = Arc::new(host);
    let mut peers: HashMap<Ends, Arc<UdpSocket>> = HashMap::new();
    let mut answers = JoinSet::new();
    let mut buf = vec![0; MAX_DATAGRAM];
    loop {
        while let Some(ended) = answers.try_join_next() {
            if let Ok(ends) = ended {
                peers.remove(&ends);
            }
        }
        let Ok(mut ready) = host.readable().await else { return };
        let Ok(received) = ready.try_io(|host| receive(host.as_fd(), &mut buf)) else { continue };
        let Some((ends, len)) = received.ok().and_then(|got| Some(((got.from, got.to?), got.len)))
        else {
            continue;
        };
        if !peers.contains_key(&ends) && peers.len() < MAX_PEERS {
            match dial(&sockets, ends) {
                Ok(inner) => {
                    let inner = Arc::new(inner);
                    peers.insert(ends, Arc::clone(&inner));
                    answers.spawn(answer(Arc::clone(&host), inner, ends));
                }
                Err(error) => tracing::debug!(%error, "a datagram to the command is lost"),
            }
        }
        if let Some(inner) = peers.get(&ends) {
            // A datagram that cannot be sent is lost, as datagrams may be.
            _ = inner.send(buf.get(..len).unwrap_or_default()).await;
        }
    }
}

/// Makes a socket inside that speaks as the peer, if nobody inside has that address.
fn dial(sockets: &Sockets, (peer, server): Ends) -> io::Result<UdpSocket> {
    let canonical = |addr: SocketAddr| SocketAddr::new(addr.ip().to_canonical(), addr.port());
    let (peer, server) = (canonical(peer), canonical(server));
    let socket = sockets.take(udp_kind(server))?;
    if let Err(error) = bind(socket.as_fd(), peer) {
        tracing::debug!(%error, %peer, "not shown to the command");
    }
    connect(socket.as_fd(), server)?;
    UdpSocket::from_std(socket.into())
}

/// Sends the answers back until there has been none for a while.
async fn answer(host: Arc<AsyncFd<OwnedFd>>, inner: Arc<UdpSocket>, ends: Ends) -> Ends {
    let mut buf = vec![0; MAX_DATAGRAM];
    let (peer, server) = ends;
    while let Ok(received) = timeout(IDLE, inner.recv(&mut buf)).await {
        if let Ok(len) = received {
            let datagram = buf.get(..len).unwrap_or_default();
            let fd: BorrowedFd<'_> = host.as_fd();
            if let Err(error) = send_from(fd, server, peer, datagram) {
                tracing::debug!(%error, fd = fd.as_raw_fd(), "an answer of the command is lost");
            }
        }
    }
    ends
}
