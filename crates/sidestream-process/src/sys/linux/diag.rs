//! `sock_diag` over netlink (sock_diag(7)).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sidestream_flow::{FlowKey, Transport};

use crate::{Holding, Listener};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const REQUEST_LEN: usize = 16 + 56;
const HEADER_LEN: usize = 16;
/// `struct inet_diag_msg`.
const ANSWER_LEN: usize = 72;
const ATTR_V6_ONLY: u16 = 11;
const TCP_LISTEN: u8 = 10;
/// What a UDP socket that is not connected is in.
const UDP_UNCONNECTED: u8 = 7;

/// Asks the kernel about the sockets of a network namespace.
#[derive(Debug)]
pub struct Sockets {
    /// Held from a question to its last answer.
    netlink: Mutex<Netlink>,
}

#[derive(Debug)]
struct Netlink(OwnedFd);

impl From<OwnedFd> for Sockets {
    /// Asks through a netlink socket that was made elsewhere: it stays in that namespace.
    fn from(netlink: OwnedFd) -> Self {
        Self { netlink: Mutex::new(Netlink(netlink)) }
    }
}

impl Sockets {
    /// Asks about the network namespace of the caller.
    ///
    /// # Errors
    ///
    /// The kernel has no `sock_diag`, or there is no descriptor left.
    pub fn open() -> io::Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        // SAFETY: the call takes no pointers.
        let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_SOCK_DIAG) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made and belongs to nobody else.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) }.into())
    }

    /// Finds the client's socket of a flow; `None` if it has been closed.
    ///
    /// # Errors
    ///
    /// The kernel does not answer.
    pub fn find(&self, key: &FlowKey) -> io::Result<Option<Holding>> {
        // For UDP the kernel looks for the receiver of a packet, so the server is its source.
        let (src, dst) = match key.transport {
            Transport::Tcp => (key.client, key.server),
            Transport::Udp => (key.server, key.client),
        };
        let ask = request(key.transport, Some((src, dst)), libc::NLM_F_REQUEST, u32::MAX, src);
        let mut buf = [0; 4096];
        let netlink = self.lock();
        netlink.send(&ask)?;
        let len = netlink.receive(&mut buf)?;
        drop(netlink);
        let Some(message) = Messages(&buf[..len]).next() else { return Ok(None) };
        match Answer::parse(&message) {
            Ok(answer) if answer.matches(key) => {
                Ok((answer.inode != 0).then_some(Holding { inode: answer.inode, uid: answer.uid }))
            }
            Ok(_) => Ok(None),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists the sockets that wait for anyone: listening ones, and UDP sockets that are bound
    /// and not connected.
    ///
    /// # Errors
    ///
    /// The kernel does not answer.
    pub fn listeners(&self, transport: Transport) -> io::Result<Vec<Listener>> {
        let state = match transport {
            Transport::Tcp => TCP_LISTEN,
            Transport::Udp => UDP_UNCONNECTED,
        };
        let mut found = Vec::new();
        for any in [
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        ] {
            let flags = libc::NLM_F_REQUEST | libc::NLM_F_DUMP;
            let netlink = self.lock();
            netlink.send(&request(transport, None, flags, 1 << state, any))?;
            netlink.collect(transport, &mut found)?;
        }
        Ok(found)
    }

    fn lock(&self) -> MutexGuard<'_, Netlink> {
        self.netlink.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Netlink {
    fn collect(&self, transport: Transport, found: &mut Vec<Listener>) -> io::Result<()> {
        let mut buf = [0; 32 * 1024];
        loop {
            let len = self.receive(&mut buf)?;
            for message in Messages(&buf[..len]) {
                if i32::from(message.kind) == libc::NLMSG_DONE {
                    return Ok(());
                }
                let answer = Answer::parse(&message)?;
                if answer.local.port() != 0 {
                    let (addr, v6_only, inode) = (answer.local, answer.v6_only, answer.inode);
                    found.push(Listener { transport, addr, v6_only, inode });
                }
            }
        }
    }

    fn send(&self, request: &[u8]) -> io::Result<()> {
        let fd = self.0.as_raw_fd();
        // SAFETY: the pointer and the length are of a live slice.
        let sent = unsafe { libc::send(fd, request.as_ptr().cast(), request.len(), 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Takes what the kernel has answered already, within the call that asked.
    fn receive(&self, buf: &mut [u8]) -> io::Result<usize> {
        let fd = self.0.as_raw_fd();
        // SAFETY: the pointer and the length are of a live slice.
        let len = unsafe { libc::recv(fd, buf.as_mut_ptr().cast(), buf.len(), libc::MSG_DONTWAIT) };
        usize::try_from(len).map_err(|_negative| io::Error::last_os_error())
    }
}

/// Writes a header and a `struct inet_diag_req_v2`.
fn request(
    transport: Transport,
    ends: Option<(SocketAddr, SocketAddr)>,
    flags: libc::c_int,
    states: u32,
    family: SocketAddr,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(REQUEST_LEN);
    out.extend((REQUEST_LEN as u32).to_ne_bytes());
    out.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    out.extend((flags as u16).to_ne_bytes());
    out.extend([0; 8]);
    let protocol = match transport {
        Transport::Tcp => libc::IPPROTO_TCP,
        Transport::Udp => libc::IPPROTO_UDP,
    };
    let family = if family.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    // The extension bit of V6ONLY does not exist: a listening IPv6 socket tells it unasked.
    out.extend([family as u8, protocol as u8, 0, 0]);
    out.extend(states.to_ne_bytes());
    let none = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    let (src, dst) = ends.unwrap_or((none, none));
    out.extend(src.port().to_be_bytes());
    out.extend(dst.port().to_be_bytes());
    out.extend(address(src.ip()));
    out.extend(address(dst.ip()));
    out.extend(0_u32.to_ne_bytes());
    // No cookie: whichever socket it is.
    out.extend([0xff; 8]);
    out
}

fn address(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&ip.octets());
            bytes
        }
        IpAddr::V6(ip) => ip.octets(),
    }
}

struct Message<'a> {
    kind: u16,
    body: &'a [u8],
}

/// The messages of one datagram; a malformed one ends them.
struct Messages<'a>(&'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let len = u32::from_ne_bytes(*self.0.first_chunk()?) as usize;
        let kind = u16::from_ne_bytes(*self.0.get(4..)?.first_chunk()?);
        let body = self.0.get(HEADER_LEN..len)?;
        self.0 = self.0.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some(Message { kind, body })
    }
}

struct Answer {
    state: u8,
    local: SocketAddr,
    remote_port: u16,
    uid: u32,
    inode: u32,
    v6_only: bool,
}

impl Answer {
    fn parse(message: &Message<'_>) -> io::Result<Self> {
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, "malformed sock_diag answer");
        if i32::from(message.kind) == libc::NLMSG_ERROR {
            let code = message.body.first_chunk().ok_or_else(malformed)?;
            return Err(io::Error::from_raw_os_error(-i32::from_ne_bytes(*code)));
        }
        let body: &[u8; ANSWER_LEN] = message.body.first_chunk().ok_or_else(malformed)?;
        let be16 = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
        let ne32 =
            |at: usize| u32::from_ne_bytes([body[at], body[at + 1], body[at + 2], body[at + 3]]);
        let ip = match i32::from(body[0]) {
            libc::AF_INET => IpAddr::from([body[8], body[9], body[10], body[11]]),
            _ => {
                let mut octets = [0; 16];
                octets.copy_from_slice(&body[8..24]);
                IpAddr::from(octets)
            }
        };
        Ok(Self {
            state: body[1],
            local: SocketAddr::new(ip, be16(4)),
            remote_port: be16(6),
            uid: ne32(64),
            inode: ne32(68),
            v6_only: v6_only(&message.body[ANSWER_LEN..]),
        })
    }

    /// Whether the socket is the flow's: if its client has gone, the kernel answers with
    /// whatever else would have taken the packet.
    fn matches(&self, key: &FlowKey) -> bool {
        let port = self.local.port() == key.client.port();
        match key.transport {
            Transport::Tcp => {
                port && self.state != TCP_LISTEN && self.remote_port == key.server.port()
            }
            Transport::Udp => {
                port && (self.remote_port == 0 || self.remote_port == key.server.port())
            }
        }
    }
}

fn v6_only(mut attrs: &[u8]) -> bool {
    while let (Some(len), Some(kind)) = (attrs.first_chunk(), attrs.get(2..4)) {
        let len = usize::from(u16::from_ne_bytes(*len));
        if u16::from_ne_bytes([kind[0], kind[1]]) == ATTR_V6_ONLY {
            return attrs.get(4).is_some_and(|&byte| byte != 0);
        }
        attrs = attrs.get(len.next_multiple_of(4).max(4)..).unwrap_or_default();
    }
    false
}
