//! Whether a connection is led to us, and which source it would have.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use sidestream_flow::Transport;
use sidestream_process::{Sockets, tree};

use super::{address, grip};
use crate::sys::imp::raw;

/// Where a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// To us; directly it would come from that address.
    Aside(IpAddr),
    /// Where it was meant to go.
    Direct,
}

/// The most sockets that are remembered; then all are forgotten.
const MAX_KNOWN: usize = 4096;

/// Answers for the network namespace of the command, which is ours too.
#[derive(Debug)]
pub(super) struct Routes {
    sockets: Sockets,
    /// The process whose descendants are the command's.
    keeper: u32,
    /// Whether sockets that wait on this host are of the tree, by inode.
    known: Mutex<HashMap<u64, bool>>,
    /// A socket of each family that is connected only to see where from.
    probes: [Mutex<Option<std::os::fd::OwnedFd>>; 2],
}

impl Routes {
    pub(super) fn open(keeper: u32) -> io::Result<Self> {
        let (known, probes) = Default::default();
        Ok(Self { sockets: Sockets::open()?, keeper, known, probes })
    }

    /// Decides about a connection, or fails as the kernel would.
    pub(super) fn of(&self, transport: Transport, server: SocketAddr) -> io::Result<Route> {
        let ip = server.ip();
        if ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) || server.port() == 0 {
            return Ok(Route::Direct);
        }
        let source = match ip {
            IpAddr::V4(ip) if ip.is_loopback() => Ipv4Addr::LOCALHOST.into(),
            ip if ip.is_loopback() => ip,
            _ => self.source(server)?,
        };
        let is_local = ip.is_loopback() || source == ip;
        if is_local && self.stays(transport, server) {
            return Ok(Route::Direct);
        }
        Ok(Route::Aside(source))
    }

    /// Asks the kernel which source address it would take, which sends nothing.
    fn source(&self, server: SocketAddr) -> io::Result<IpAddr> {
        let domain = if server.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        let probe = &self.probes[usize::from(server.is_ipv6())];
        let mut probe = probe.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(socket) = &*probe {
            // It would keep the address that it had.
            address::connect(socket.as_fd(), &[0; 16])?;
        } else {
            *probe = Some(raw::socket(domain, libc::SOCK_DGRAM, 0)?);
        }
        let Some(socket) = &*probe else { return Err(io::ErrorKind::NotFound.into()) };
        address::connect(socket.as_fd(), &address::write(server, domain))?;
        address::of(socket.as_fd(), false).map(|source| source.ip())
    }

    /// Whether a connection to this host is none of ours: it leads back into the tree, or only
    /// the other of the two addresses of `localhost` is served, which clients go on to when the
    /// first refuses.
    fn stays(&self, transport: Transport, server: SocketAddr) -> bool {
        match self.sockets.listener(transport, server) {
            Ok(Some(listener)) => self.is_of_tree(listener.inode.into()),
            Ok(None) if transport == Transport::Tcp && server.ip().is_loopback() => {
                let other = SocketAddr::new(other_loopback(server.ip()), server.port());
                self.sockets.listener(transport, other).is_ok_and(|found| found.is_some())
            }
            _ => false,
        }
    }

    /// Whether a process of the tree holds a socket. All are looked at once for each.
    fn is_of_tree(&self, inode: u64) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        let look = || !held(&HashSet::from([inode]), self.keeper).is_empty();
        *known.entry(inode).or_insert_with(look)
    }

    /// Whether a client's socket is still there.
    pub(super) fn is_open(&self, client: SocketAddr, server: SocketAddr) -> bool {
        let key = sidestream_flow::FlowKey { transport: Transport::Udp, client, server };
        self.sockets.find(&key).is_ok_and(|found| found.is_some())
    }
}

fn other_loopback(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv4Addr::LOCALHOST.into(),
    }
}

/// Returns which of these sockets a process below that one holds.
pub(super) fn held(inodes: &HashSet<u64>, root: u32) -> HashSet<u64> {
    let mut found = HashSet::new();
    for pid in tree(root) {
        let Ok(fds) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { continue };
        for fd in fds.flatten() {
            let number = fd.file_name().to_str().and_then(|name| name.parse().ok());
            if let Some(inode) = number.and_then(|fd| grip::inode(pid, fd).ok())
                && inodes.contains(&inode)
            {
                found.insert(inode);
            }
        }
    }
    found
}
