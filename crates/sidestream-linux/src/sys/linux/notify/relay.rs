//! Relays of datagrams: for each socket of a client and each server a socket of ours on loopback.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use sidestream_flow::{Process, Transport};

use super::abi::Notification;
use super::address;
use super::book::Relayed;
use super::call::Shared;
use super::grip::Socket;
use super::route::Route;
use crate::Notice;
use crate::sys::imp::raw;

/// A relay that was made for a client, to which nothing was sent yet.
#[derive(Debug)]
pub(super) struct NewRelay {
    /// Connected to the client.
    pub(super) socket: UdpSocket,
    pub(super) addr: SocketAddr,
    pub(super) relayed: Relayed,
    pub(super) process: Option<Arc<Process>>,
}

/// Returns the relay for what a socket sends to a server, which is made if there is none; `None`
/// if it is sent directly.
pub(super) fn to(
    shared: &Shared,
    call: &Notification,
    socket: &Socket,
    server: SocketAddr,
) -> io::Result<Option<SocketAddr>> {
    let cookie = raw::option_u64(socket.fd(), libc::SOL_SOCKET, libc::SO_COOKIE)?;
    if let Ok(client) = address::of(socket.fd(), false)
        && let Some(relay) = shared.book.relay(cookie, reached(client, server), server)
    {
        return Ok(Some(relay));
    }
    if socket.has_device() {
        shared.tell("device", Notice::BoundToDevice);
        return Ok(None);
    }
    let Route::Aside(source) = shared.routes.of(Transport::Udp, server)? else { return Ok(None) };
    let local = bound(socket)?;
    let source = if local.ip().is_unspecified() || address::of(socket.fd(), true).is_ok() {
        source
    } else {
        local.ip()
    };
    let client = reached(local, server);
    let relay = match open(client) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
            shared.tell("scarce", Notice::Scarce);
            return Ok(None);
        }
        opened => opened?,
    };
    let addr = relay.local_addr()?;
    let relayed = Relayed { cookie, client, server, source };
    let process = shared.table.process(call.pid);
    shared.book.note_relay(addr, relayed);
    // A capture that has ended serves nothing any more.
    _ = shared.relays.send(NewRelay { socket: relay, addr, relayed, process });
    Ok(Some(addr))
}

/// Returns where a client is found that was bound to that address.
fn reached(local: SocketAddr, server: SocketAddr) -> SocketAddr {
    let ip = match (local.ip(), server) {
        (ip, _) if !ip.is_unspecified() => ip,
        (_, SocketAddr::V4(_)) => Ipv4Addr::LOCALHOST.into(),
        (_, SocketAddr::V6(_)) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, local.port())
}

/// Gives the socket a port, as sending would, and returns its address.
fn bound(socket: &Socket) -> io::Result<SocketAddr> {
    let local = address::of(socket.fd(), false)?;
    if local.port() != 0 {
        return Ok(local);
    }
    let any: IpAddr = match socket.domain {
        libc::AF_INET => Ipv4Addr::UNSPECIFIED.into(),
        _ => Ipv6Addr::UNSPECIFIED.into(),
    };
    let bytes = address::write((any, 0).into(), socket.domain);
    // SAFETY: the pointer and the length are of a live slice.
    raw::check(unsafe {
        let len = bytes.len() as libc::socklen_t;
        libc::bind(socket.fd().as_raw_fd(), bytes.as_ptr().cast(), len)
    })?;
    address::of(socket.fd(), false)
}

fn open(client: SocketAddr) -> io::Result<UdpSocket> {
    let loopback: IpAddr = match client {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let relay = UdpSocket::bind((loopback, 0))?;
    relay.connect(client)?;
    relay.set_nonblocking(true)?;
    Ok(relay)
}
