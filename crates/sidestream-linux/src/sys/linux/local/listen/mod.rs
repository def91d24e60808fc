//! Listeners for diverted connections and datagrams, which only this machine can reach.

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::{fs, io};

use sidestream_bpf::Ports;

use crate::sys::imp::raw;
use crate::sys::imp::rtnetlink::LOOPBACK;
use crate::sys::imp::sockets::{Datagram, bind, connect, receive};

/// How many connections may wait at a listener, if the system lets them.
const BACKLOG: u32 = 4096;
/// What the system lets.
const LONGEST_BACKLOG: &str = "/proc/sys/net/core/somaxconn";
/// Room for the first datagrams of new associations; others have sockets of their own.
const RECEIVE_BUFFER: libc::c_int = 8 << 20;
/// `SO_NETNS_COOKIE`, which Linux has since 5.14.
const NETNS_COOKIE: libc::c_int = 71;
/// What a classic filter reads the index of the device by.
const DEVICE_INDEX: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_IFINDEX) as u32;

/// The listeners of one family.
#[derive(Debug)]
pub(super) struct Pair {
    /// Takes diverted connections; `local_addr` of an accepted one is the fake address.
    pub(super) tcp: TcpListener,
    /// Takes the first datagrams of associations: see [`Pair::receive`].
    pub(super) udp: UdpSocket,
}

/// The listeners of a network namespace.
#[derive(Debug)]
pub(super) struct Listeners {
    pub(super) v4: Pair,
    /// Only where the range of fake IPv6 addresses is local.
    pub(super) v6: Option<Pair>,
}

impl Listeners {
    /// Makes listeners in the network namespace of the calling thread, which may be used from
    /// anywhere.
    pub(super) fn open(v6: bool) -> io::Result<Self> {
        let v4 = Pair::open((Ipv4Addr::UNSPECIFIED, 0).into())?;
        let v6 = v6.then(|| Pair::open((Ipv6Addr::UNSPECIFIED, 0).into())).transpose()?;
        Ok(Self { v4, v6 })
    }

    /// Returns the ports, as the hooks want them.
    pub(super) fn ports(&self) -> io::Result<Ports> {
        let (tcp4, udp4) = self.v4.ports()?;
        let (tcp6, udp6) = self.v6.as_ref().map_or(Ok((0, 0)), Pair::ports)?;
        Ok(Ports { tcp4, udp4, tcp6, udp6, backlog: room(longest_backlog()), net: 0 })
    }

    /// Returns the cookie of the network namespace; `None` on a kernel before 5.14, whose hooks
    /// can tell it nevertheless.
    pub(super) fn net_cookie(&self) -> io::Result<Option<u64>> {
        match raw::option_u64(self.v4.tcp.as_fd(), libc::SOL_SOCKET, NETNS_COOKIE) {
            Ok(cookie) => Ok(Some(cookie)),
            Err(error) if error.raw_os_error() == Some(libc::ENOPROTOOPT) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Pair {
    fn open(any: SocketAddr) -> io::Result<Self> {
        let tcp = socket(any, libc::SOCK_STREAM)?;
        bind(tcp.as_fd(), any)?;
        // SAFETY: the call takes no pointers.
        raw::check(unsafe { libc::listen(tcp.as_raw_fd(), BACKLOG as _) })?;
        let udp = socket(any, libc::SOCK_DGRAM)?;
        let (level, option) = match any {
            SocketAddr::V4(_) => (libc::SOL_IP, libc::IP_RECVORIGDSTADDR),
            SocketAddr::V6(_) => (libc::SOL_IPV6, libc::IPV6_RECVORIGDSTADDR),
        };
        raw::set_option(udp.as_fd(), level, option, 1)?;
        let force = (libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, RECEIVE_BUFFER);
        if raw::set_option(udp.as_fd(), force.0, force.1, force.2).is_err() {
            raw::set_option(udp.as_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF, RECEIVE_BUFFER)?;
        }
        bind(udp.as_fd(), any)?;
        Ok(Self { tcp: tcp.into(), udp: udp.into() })
    }

    fn ports(&self) -> io::Result<(u16, u16)> {
        Ok((self.tcp.local_addr()?.port(), self.udp.local_addr()?.port()))
    }

    /// Receives the first datagram of an association with the client's address and, in `to`, the
    /// fake address.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none.
    pub(super) fn receive(&self, buf: &mut [u8]) -> io::Result<Datagram> {
        receive(self.udp.as_fd(), buf)
    }
}

/// Reads how many connections may wait at a listener in the network namespace of the calling
/// thread.
fn longest_backlog() -> u32 {
    let limit = fs::read_to_string(LONGEST_BACKLOG).ok();
    limit.and_then(|limit| limit.trim().parse().ok()).unwrap_or(BACKLOG).min(BACKLOG)
}

/// Leaves some room of a backlog to connections that were not diverted: who finds none waits for
/// a second.
const fn room(backlog: u32) -> u32 {
    let room = backlog - backlog / 8;
    if room == 0 { 1 } else { room }
}

/// Makes the socket of an association: further datagrams of that client to that fake address
/// come to it rather than to the listener. The network namespace of the calling thread must be
/// that of the listener, and its user the one who made it.
pub(super) fn associate(fake: SocketAddr, client: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket(fake, libc::SOCK_DGRAM)?;
    if fake.is_ipv6() {
        // The address is in a route, not on a device.
        raw::set_option(socket.as_fd(), libc::SOL_IPV6, libc::IPV6_FREEBIND, 1)?;
    }
    bind(socket.as_fd(), fake)?;
    connect(socket.as_fd(), client)?;
    Ok(socket.into())
}

/// Makes a socket that never waits, and that only hears what comes by loopback.
fn socket(of: SocketAddr, kind: libc::c_int) -> io::Result<OwnedFd> {
    let family = if of.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let socket = raw::socket(family, kind | libc::SOCK_NONBLOCK, 0)?;
    if kind == libc::SOCK_DGRAM {
        // Association beside listener on one port. Unlike with SO_REUSEADDR, no other user's
        // socket can come between.
        raw::set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    }
    if of.is_ipv4() {
        raw::set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_BINDTOIFINDEX, LOOPBACK as _)?;
    } else {
        raw::set_option(socket.as_fd(), libc::SOL_IPV6, libc::IPV6_V6ONLY, 1)?;
        loopback_only(socket.as_fd())?;
    }
    Ok(socket)
}

/// Drops whatever does not come by loopback. A socket that is bound to the device would do for
/// IPv4 only: to IPv6, what comes to a local address by loopback comes in on the device of that
/// address, and answers do not find their way through either device.
fn loopback_only(socket: BorrowedFd<'_>) -> io::Result<()> {
    let step = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut filter = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, DEVICE_INDEX),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, LOOPBACK),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program and its steps are live, and the kernel copies them.
    let attached = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            size_of_val(&program) as libc::socklen_t,
        )
    };
    raw::check(attached).map(drop)
}
