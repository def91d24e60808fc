//! Making a listener.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};

/// How many connections may wait to be accepted; the system may allow fewer.
const BACKLOG: i32 = 4096;

/// An address on which nobody can listen now.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr}: {}", advice(.source, .addr))]
pub struct BindError {
    /// The address.
    pub addr: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

fn advice(error: &io::Error, addr: &SocketAddr) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "port {} is in use by another program; end that one, or give another port",
            addr.port()
        ),
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address; give one of its own, or none".into()
        }
        io::ErrorKind::PermissionDenied => {
            format!("port {} needs more rights; give one from 1024 on", addr.port())
        }
        _ => "the system refuses; give another address".into(),
    }
}

/// Listens on that address; port 0 takes a free one.
pub(crate) fn listen(addr: SocketAddr) -> Result<TcpListener, BindError> {
    try_listen(addr).map_err(|source| BindError { addr, source })
}

/// Makes a socket for datagrams to that address; port 0 takes a free one.
pub(crate) fn receive(addr: SocketAddr) -> Result<UdpSocket, BindError> {
    try_receive(addr).map_err(|source| BindError { addr, source })
}

fn try_receive(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, None)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    UdpSocket::from_std(socket.into())
}

fn try_listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    if addr.is_ipv6() {
        // So that the same port can be had for IPv4 beside it, on every system.
        socket.set_only_v6(true)?;
    }
    // Elsewhere it lets a port be taken again at once; on Windows it would let it be stolen.
    if !cfg!(windows) {
        socket.set_reuse_address(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
