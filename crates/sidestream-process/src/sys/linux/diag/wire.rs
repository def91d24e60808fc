//! What is asked and answered: `struct inet_diag_req_v2` and `struct inet_diag_msg`.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use sidestream_flow::{FlowKey, Transport};

use crate::Connection;

use super::netlink::{Message, malformed};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SOCK_DESTROY: u16 = 21;
const REQUEST_LEN: usize = 16 + 56;
/// `struct inet_diag_msg`.
const ANSWER_LEN: usize = 72;
const ATTR_V6_ONLY: u16 = 11;
/// Stands for any socket of those addresses.
const NO_COOKIE: [u32; 2] = [u32::MAX; 2];

const TCP_ESTABLISHED: u8 = 1;
const TCP_SYN_SENT: u8 = 2;
const TCP_SYN_RECV: u8 = 3;
const TCP_FIN_WAIT1: u8 = 4;
const TCP_FIN_WAIT2: u8 = 5;
/// What a UDP socket that is not connected is in.
const TCP_CLOSE: u8 = 7;
const TCP_CLOSE_WAIT: u8 = 8;
const TCP_LAST_ACK: u8 = 9;
const TCP_LISTEN: u8 = 10;
const TCP_CLOSING: u8 = 11;

/// A set of the states that a socket may be in.
#[derive(Clone, Copy, Debug)]
pub(super) struct States(u32);

impl States {
    const ALL: Self = Self(u32::MAX);

    pub(super) fn listening(transport: Transport) -> Self {
        match transport {
            Transport::Tcp => Self::of(&[TCP_LISTEN]),
            Transport::Udp => Self::of(&[TCP_CLOSE]),
        }
    }

    /// Those in which somebody may still read or write.
    pub(super) fn connected(transport: Transport) -> Self {
        match transport {
            Transport::Tcp => Self::of(&[
                TCP_ESTABLISHED,
                TCP_SYN_SENT,
                TCP_SYN_RECV,
                TCP_FIN_WAIT1,
                TCP_FIN_WAIT2,
                TCP_CLOSE_WAIT,
                TCP_LAST_ACK,
                TCP_CLOSING,
            ]),
            Transport::Udp => Self::of(&[TCP_ESTABLISHED]),
        }
    }

    fn of(states: &[u8]) -> Self {
        Self(states.iter().fold(0, |all, state| all | 1 << state))
    }
}

/// A question, or something to be done.
#[derive(Debug)]
pub(super) struct Request {
    kind: u16,
    flags: libc::c_int,
    transport: Transport,
    states: States,
    src: SocketAddr,
    dst: SocketAddr,
    interface: u32,
    cookie: [u32; 2],
}

impl Request {
    /// Asks for one socket, which may be bound to that interface.
    pub(super) fn find(
        transport: Transport,
        src: SocketAddr,
        dst: SocketAddr,
        interface: u32,
    ) -> Vec<u8> {
        let new = Self::new(transport, src, dst);
        Self { flags: libc::NLM_F_REQUEST, interface, ..new }.encode(src)
    }

    /// Asks for all sockets of the family of an address.
    pub(super) fn list(transport: Transport, states: States, family: SocketAddr) -> Vec<u8> {
        let none = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        let flags = libc::NLM_F_REQUEST | libc::NLM_F_DUMP;
        Self { flags, states, ..Self::new(transport, none, none) }.encode(family)
    }

    /// Ends the very socket that was listed.
    pub(super) fn destroy(connection: &Connection) -> Vec<u8> {
        let Connection { transport, local, remote, interface, cookie, .. } = *connection;
        let flags = libc::NLM_F_REQUEST | libc::NLM_F_ACK;
        let new = Self::new(transport, local, remote);
        Self { kind: SOCK_DESTROY, flags, interface, cookie, ..new }.encode(local)
    }

    fn new(transport: Transport, src: SocketAddr, dst: SocketAddr) -> Self {
        Self {
            kind: SOCK_DIAG_BY_FAMILY,
            flags: 0,
            transport,
            states: States::ALL,
            src,
            dst,
            interface: 0,
            cookie: NO_COOKIE,
        }
    }

    fn encode(&self, family: SocketAddr) -> Vec<u8> {
        let mut out = Vec::with_capacity(REQUEST_LEN);
        out.extend((REQUEST_LEN as u32).to_ne_bytes());
        out.extend(self.kind.to_ne_bytes());
        out.extend((self.flags as u16).to_ne_bytes());
        out.extend([0; 8]);
        let protocol = match self.transport {
            Transport::Tcp => libc::IPPROTO_TCP,
            Transport::Udp => libc::IPPROTO_UDP,
        };
        let family = if family.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        // The extension bit of V6ONLY does not exist: a listening IPv6 socket tells it unasked.
        out.extend([family as u8, protocol as u8, 0, 0]);
        out.extend(self.states.0.to_ne_bytes());
        out.extend(self.src.port().to_be_bytes());
        out.extend(self.dst.port().to_be_bytes());
        out.extend(address(self.src.ip()));
        out.extend(address(self.dst.ip()));
        out.extend(self.interface.to_ne_bytes());
        out.extend(self.cookie.map(u32::to_ne_bytes).as_flattened());
        out
    }
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

/// A socket, as the kernel tells of it.
#[derive(Debug)]
pub(super) struct Answer {
    state: u8,
    pub(super) local: SocketAddr,
    remote: SocketAddr,
    interface: u32,
    cookie: [u32; 2],
    pub(super) uid: u32,
    pub(super) inode: u32,
    pub(super) v6_only: bool,
}

impl Answer {
    pub(super) fn parse(message: &Message<'_>) -> io::Result<Self> {
        if let Some(error) = message.error() {
            return Err(error);
        }
        let body: &[u8; ANSWER_LEN] = message.body.first_chunk().ok_or_else(malformed)?;
        let be16 = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
        let ne32 =
            |at: usize| u32::from_ne_bytes([body[at], body[at + 1], body[at + 2], body[at + 3]]);
        let ip = |at: usize| match i32::from(body[0]) {
            libc::AF_INET => IpAddr::from([body[at], body[at + 1], body[at + 2], body[at + 3]]),
            _ => {
                let mut octets = [0; 16];
                octets.copy_from_slice(&body[at..at + 16]);
                IpAddr::from(octets)
            }
        };
        Ok(Self {
            state: body[1],
            local: SocketAddr::new(ip(8), be16(4)),
            remote: SocketAddr::new(ip(24), be16(6)),
            interface: ne32(40),
            cookie: [ne32(44), ne32(48)],
            uid: ne32(64),
            inode: ne32(68),
            v6_only: v6_only(&message.body[ANSWER_LEN..]),
        })
    }

    pub(super) fn connection(self, transport: Transport) -> Connection {
        let Self { local, remote, interface, cookie, uid, inode, .. } = self;
        Connection { inode, cookie, transport, local, remote, interface, uid }
    }

    /// Whether it is a socket at that port that waits for anyone.
    pub(super) fn waits_at(&self, transport: Transport, addr: SocketAddr) -> bool {
        let waits = match transport {
            Transport::Tcp => self.state == TCP_LISTEN,
            Transport::Udp => self.remote.port() == 0,
        };
        waits && self.local.port() == addr.port()
    }

    /// Whether the socket is the flow's: if its client has gone, the kernel answers with
    /// whatever else would have taken the packet.
    pub(super) fn matches(&self, key: &FlowKey) -> bool {
        let port = self.local.port() == key.client.port();
        let remote = self.remote.port();
        match key.transport {
            Transport::Tcp => port && self.state != TCP_LISTEN && remote == key.server.port(),
            Transport::Udp => port && (remote == 0 || remote == key.server.port()),
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
