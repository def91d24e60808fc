//! Addresses and options of the sockets inside.

use std::io;
use std::mem;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::link::Sockets;
use super::raw;
use super::wire::SocketKind;

/// The sockets to which everything is delivered.
#[derive(Debug)]
pub(super) struct Listening {
    pub(super) tcp: Vec<OwnedFd>,
    pub(super) udp: Vec<OwnedFd>,
}

const BACKLOG: libc::c_int = 4096;

/// Makes our listeners.
pub(super) fn listen(
    sockets: &Sockets,
    v4: SocketAddr,
    v6: Option<SocketAddr>,
) -> io::Result<Listening> {
    let mut listening = Listening { tcp: Vec::new(), udp: Vec::new() };
    for addr in [Some(v4), v6].into_iter().flatten() {
        let tcp = sockets.take_one(tcp_kind(addr))?;
        listen_for_connections(tcp.as_fd(), addr)?;
        listening.tcp.push(tcp);
        let udp = sockets.take_one(udp_kind(addr))?;
        listen_for_datagrams(udp.as_fd(), addr)?;
        listening.udp.push(udp);
    }
    Ok(listening)
}

/// Has a socket accept connections there.
pub(super) fn listen_for_connections(socket: BorrowedFd<'_>, addr: SocketAddr) -> io::Result<()> {
    bind(socket, addr)?;
    // SAFETY: the call takes no pointers.
    raw::check(unsafe { libc::listen(socket.as_raw_fd(), BACKLOG) }).map(drop)
}

/// Has a socket receive datagrams there, each with where it was going.
pub(super) fn listen_for_datagrams(socket: BorrowedFd<'_>, addr: SocketAddr) -> io::Result<()> {
    let (level, option) = match addr {
        SocketAddr::V4(_) => (libc::SOL_IP, libc::IP_RECVORIGDSTADDR),
        SocketAddr::V6(_) => (libc::SOL_IPV6, libc::IPV6_RECVORIGDSTADDR),
    };
    raw::set_option(socket, level, option, 1)?;
    bind(socket, addr)
}

/// Returns the destination of a connection before the kernel's NAT led it here; `None` if it did
/// not.
pub(super) fn before_nat(socket: BorrowedFd<'_>, v6: bool) -> Option<SocketAddr> {
    // Of both IP versions it is the same number (SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST).
    const ORIGINAL_DESTINATION: libc::c_int = 80;
    let level = if v6 { libc::SOL_IPV6 } else { libc::SOL_IP };
    // SAFETY: an address is plain memory.
    let mut addr: libc::sockaddr_storage = unsafe { mem::zeroed() };
    // The kernel takes the exact size only.
    let mut len = if v6 { size_of::<libc::sockaddr_in6>() } else { size_of::<libc::sockaddr_in>() }
        as libc::socklen_t;
    // SAFETY: the pointers are to a live address and to its length, which the kernel fills.
    let returned = unsafe {
        let addr = (&raw mut addr).cast();
        libc::getsockopt(socket.as_raw_fd(), level, ORIGINAL_DESTINATION, addr, &raw mut len)
    };
    raw::check(returned).ok()?;
    // SAFETY: the kernel has filled the address.
    unsafe { address((&raw const addr).cast()) }
}

/// Whether an address is this machine's own: only there can an ordinary socket be bound.
pub(super) fn is_own(ip: IpAddr) -> bool {
    ip.is_loopback() || std::net::UdpSocket::bind((ip, 0)).is_ok()
}

/// Makes a socket that may speak from any address. It allocates nothing: the keeper calls it.
pub(super) fn transparent(kind: SocketKind) -> io::Result<OwnedFd> {
    let (family, kind) = match kind {
        SocketKind::Tcp4 => (libc::AF_INET, libc::SOCK_STREAM),
        SocketKind::Tcp6 => (libc::AF_INET6, libc::SOCK_STREAM),
        SocketKind::Udp4 => (libc::AF_INET, libc::SOCK_DGRAM),
        SocketKind::Udp6 => (libc::AF_INET6, libc::SOCK_DGRAM),
    };
    let socket = raw::socket(family, kind | libc::SOCK_NONBLOCK, 0)?;
    let fd = socket.as_fd();
    raw::set_option(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    if family == libc::AF_INET {
        raw::set_option(fd, libc::SOL_IP, libc::IP_TRANSPARENT, 1)?;
    } else {
        raw::set_option(fd, libc::SOL_IPV6, libc::IPV6_V6ONLY, 1)?;
        raw::set_option(fd, libc::SOL_IPV6, libc::IPV6_TRANSPARENT, 1)?;
    }
    Ok(socket)
}

pub(super) fn tcp_kind(addr: SocketAddr) -> SocketKind {
    if addr.is_ipv4() { SocketKind::Tcp4 } else { SocketKind::Tcp6 }
}

pub(super) fn udp_kind(addr: SocketAddr) -> SocketKind {
    if addr.is_ipv4() { SocketKind::Udp4 } else { SocketKind::Udp6 }
}

pub(super) fn bind(socket: BorrowedFd<'_>, addr: SocketAddr) -> io::Result<()> {
    with_raw(addr, |raw_addr, len| {
        // SAFETY: the pointer and the length are of a live address.
        raw::check(unsafe { libc::bind(socket.as_raw_fd(), raw_addr, len) }).map(drop)
    })
}

/// Connects, or begins to: `InProgress` is no error.
pub(super) fn connect(socket: BorrowedFd<'_>, addr: SocketAddr) -> io::Result<()> {
    let connected = with_raw(addr, |raw_addr, len| {
        // SAFETY: the pointer and the length are of a live address.
        raw::check(unsafe { libc::connect(socket.as_raw_fd(), raw_addr, len) }).map(drop)
    });
    match connected {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(()),
        other => other,
    }
}

fn with_raw<T>(
    addr: SocketAddr,
    call: impl FnOnce(*const libc::sockaddr, libc::socklen_t) -> T,
) -> T {
    match addr {
        SocketAddr::V4(addr) => {
            // SAFETY: an address is plain memory.
            let mut out: libc::sockaddr_in = unsafe { mem::zeroed() };
            out.sin_family = libc::AF_INET as libc::sa_family_t;
            out.sin_port = addr.port().to_be();
            out.sin_addr.s_addr = u32::from_ne_bytes(addr.ip().octets());
            call((&raw const out).cast(), size_of_val(&out) as libc::socklen_t)
        }
        SocketAddr::V6(addr) => {
            // SAFETY: an address is plain memory.
            let mut out: libc::sockaddr_in6 = unsafe { mem::zeroed() };
            out.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            out.sin6_port = addr.port().to_be();
            out.sin6_addr.s6_addr = addr.ip().octets();
            out.sin6_scope_id = addr.scope_id();
            call((&raw const out).cast(), size_of_val(&out) as libc::socklen_t)
        }
    }
}

/// Registers a socket with the current runtime, to learn when it can be read.
pub(super) fn readable(socket: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the socket owns its descriptor, which is the same one until it is dropped.
    let registered = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) };
    registered.map_err(io::Error::from)
}

/// A datagram with both its ends.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) from: SocketAddr,
    /// Where it was going; `None` if the socket was not told to say.
    pub(super) to: Option<SocketAddr>,
    pub(super) len: usize,
}

/// Receives a datagram, its sender and its original destination.
pub(super) fn receive(socket: BorrowedFd<'_>, buf: &mut [u8]) -> io::Result<Datagram> {
    // SAFETY: an address and a message header are plain memory.
    let (mut from, mut message) =
        unsafe { (mem::zeroed::<libc::sockaddr_storage>(), mem::zeroed::<libc::msghdr>()) };
    let mut control = [0_u64; 16];
    let mut part = libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
    message.msg_name = (&raw mut from).cast();
    message.msg_namelen = size_of_val(&from) as libc::socklen_t;
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control) as _;
    // SAFETY: everything that the header points to is live.
    let len = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0) };
    let len = usize::try_from(len).map_err(|_negative| io::Error::last_os_error())?;
    let mut to = None;
    // SAFETY: the kernel has filled the control room with well-formed headers; the two kinds
    // that are read hold an address.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while let Some(found) = header.as_ref() {
            match (found.cmsg_level, found.cmsg_type) {
                (libc::SOL_IP, libc::IP_ORIGDSTADDR) | (libc::SOL_IPV6, libc::IPV6_ORIGDSTADDR) => {
                    to = address(libc::CMSG_DATA(header).cast());
                }
                _ => {}
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
    }
    // SAFETY: the kernel has filled the address.
    let from = unsafe { address((&raw const from).cast()) };
    let from = from.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(Datagram { from, to, len })
}

/// Sends a datagram from that address of this host, which an unbound socket would not choose.
pub(super) fn send_from(
    socket: BorrowedFd<'_>,
    from: SocketAddr,
    to: SocketAddr,
    datagram: &[u8],
) -> io::Result<()> {
    let mut control = [0_u64; 8];
    let mut part =
        libc::iovec { iov_base: datagram.as_ptr().cast_mut().cast(), iov_len: datagram.len() };
    with_raw(to, |to, to_len| {
        // SAFETY: a message header is plain memory.
        let mut message: libc::msghdr = unsafe { mem::zeroed() };
        message.msg_name = to.cast_mut().cast();
        message.msg_namelen = to_len;
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        // SAFETY: the control room is live, aligned and large enough for one header with the
        // larger of the two kinds of information; the length is cut to what is used.
        unsafe {
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            let len = match from {
                SocketAddr::V4(from) => {
                    let mut info: libc::in_pktinfo = mem::zeroed();
                    info.ipi_spec_dst.s_addr = u32::from_ne_bytes(from.ip().octets());
                    (*header).cmsg_level = libc::SOL_IP;
                    (*header).cmsg_type = libc::IP_PKTINFO;
                    libc::CMSG_DATA(header).cast::<libc::in_pktinfo>().write_unaligned(info);
                    size_of_val(&info) as libc::c_uint
                }
                SocketAddr::V6(from) => {
                    let mut info: libc::in6_pktinfo = mem::zeroed();
                    info.ipi6_addr.s6_addr = from.ip().octets();
                    (*header).cmsg_level = libc::SOL_IPV6;
                    (*header).cmsg_type = libc::IPV6_PKTINFO;
                    libc::CMSG_DATA(header).cast::<libc::in6_pktinfo>().write_unaligned(info);
                    size_of_val(&info) as libc::c_uint
                }
            };
            (*header).cmsg_len = libc::CMSG_LEN(len) as _;
            message.msg_controllen = libc::CMSG_SPACE(len) as _;
        }
        // SAFETY: everything that the header points to is live.
        let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    })
}

/// Reads an address of either family.
///
/// # Safety
///
/// The pointer must be to an address whose family says how long it is.
unsafe fn address(at: *const libc::sockaddr) -> Option<SocketAddr> {
    // SAFETY: every address begins with its family.
    match i32::from(unsafe { at.read_unaligned() }.sa_family) {
        libc::AF_INET => {
            // SAFETY: the family says that it is one of these.
            let addr = unsafe { at.cast::<libc::sockaddr_in>().read_unaligned() };
            let ip = IpAddr::from(addr.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::new(ip, u16::from_be(addr.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that it is one of these.
            let addr = unsafe { at.cast::<libc::sockaddr_in6>().read_unaligned() };
            let (ip, port) = (addr.sin6_addr.s6_addr.into(), u16::from_be(addr.sin6_port));
            Some(SocketAddrV6::new(ip, port, 0, addr.sin6_scope_id).into())
        }
        _ => None,
    }
}
