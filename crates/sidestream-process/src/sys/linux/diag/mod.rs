//! Asks the kernel about sockets, and has it end some (sock_diag(7)).

mod netlink;
mod wire;

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sidestream_flow::{FlowKey, Transport};

use crate::{Connection, DestroyError, Holding, Listener, Reset};
use netlink::{Messages, Netlink};
use wire::{Answer, Request, States};

use super::holders;

/// Asks the kernel about the sockets of a network namespace.
#[derive(Debug)]
pub struct Sockets {
    /// Held from a question to its last answer.
    netlink: Mutex<Netlink>,
    /// The device through which the packets of flows come, or 0.
    interface: u32,
}

impl From<OwnedFd> for Sockets {
    /// Asks through a netlink socket that was made elsewhere: it stays in that namespace.
    fn from(netlink: OwnedFd) -> Self {
        Self { netlink: Mutex::new(Netlink::from(netlink)), interface: 0 }
    }
}

impl Sockets {
    /// Asks about the network namespace of the caller.
    ///
    /// # Errors
    ///
    /// The kernel has no `sock_diag`, or there is no descriptor left.
    pub fn open() -> io::Result<Self> {
        Ok(Self { netlink: Mutex::new(Netlink::open()?), interface: 0 })
    }

    /// Has [`find`](Self::find) look for sockets whose packets leave through the device of that
    /// number, those that are bound to it included. The kernel keeps these apart.
    #[must_use]
    pub fn through(self, interface: u32) -> Self {
        Self { interface, ..self }
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
        let mut buf = [0; 4096];
        let netlink = self.lock();
        netlink.send(&Request::find(key.transport, src, dst, self.interface))?;
        let len = netlink.receive(&mut buf)?;
        drop(netlink);
        let Some(message) = Messages::new(&buf[..len]).next() else { return Ok(None) };
        match Answer::parse(&message) {
            Ok(answer) if answer.matches(key) => {
                Ok((answer.inode != 0).then_some(Holding { inode: answer.inode, uid: answer.uid }))
            }
            Ok(_) => Ok(None),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Finds the socket that waits at an address for anyone, as the kernel does for what arrives;
    /// `None` if nobody does.
    ///
    /// # Errors
    ///
    /// The kernel does not answer.
    pub fn listener(&self, transport: Transport, addr: SocketAddr) -> io::Result<Option<Listener>> {
        let any: IpAddr = match addr {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let any = SocketAddr::new(any, 0);
        let (src, dst) = match transport {
            Transport::Tcp => (addr, any),
            Transport::Udp => (any, addr),
        };
        let mut buf = [0; 4096];
        let netlink = self.lock();
        netlink.send(&Request::find(transport, src, dst, self.interface))?;
        let len = netlink.receive(&mut buf)?;
        drop(netlink);
        let Some(message) = Messages::new(&buf[..len]).next() else { return Ok(None) };
        match Answer::parse(&message) {
            Ok(answer) if answer.waits_at(transport, addr) => {
                let Answer { local, v6_only, inode, .. } = answer;
                Ok(Some(Listener { transport, addr: local, v6_only, inode }))
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
        let mut found = Vec::new();
        self.each(transport, States::listening(transport), |answer| {
            if answer.local.port() != 0 {
                let (addr, v6_only, inode) = (answer.local, answer.v6_only, answer.inode);
                found.push(Listener { transport, addr, v6_only, inode });
            }
        })?;
        Ok(found)
    }

    /// Lists the sockets that are joined to a remote one, or about to be, and that a process
    /// holds.
    ///
    /// # Errors
    ///
    /// The kernel does not answer.
    pub fn connected(&self, transport: Transport) -> io::Result<Vec<Connection>> {
        let mut found = Vec::new();
        self.each(transport, States::connected(transport), |answer| {
            if answer.inode != 0 {
                found.push(answer.connection(transport));
            }
        })?;
        Ok(found)
    }

    /// Ends a connection as if the network had: its holders get an error, and connect anew. One
    /// that has ended already is well.
    ///
    /// # Errors
    ///
    /// Lacking the right (`CAP_NET_ADMIN`), or a kernel that cannot end sockets.
    pub fn destroy(&self, connection: &Connection) -> Result<(), DestroyError> {
        let netlink = self.lock();
        netlink.send(&Request::destroy(connection)).map_err(not_destroyed)?;
        match netlink.acknowledged() {
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
            done => done.map_err(not_destroyed),
        }
    }

    /// Ends the connections of some processes that `wanted` says yes to.
    ///
    /// They are told by who holds them and never by their addresses, so that those of others to
    /// the same server stay. Sockets that are shared with a process that is not named end as
    /// well; there is only one socket.
    ///
    /// # Errors
    ///
    /// The kernel does not answer, or the first connection could not be ended.
    pub fn reset(
        &self,
        pids: &[u32],
        mut wanted: impl FnMut(&Connection) -> bool,
    ) -> Result<Reset, DestroyError> {
        let held: HashSet<u32> = pids.iter().flat_map(|&pid| holders::sockets(pid)).collect();
        let mut reset = Reset::default();
        for transport in [Transport::Tcp, Transport::Udp] {
            let found = self.connected(transport).map_err(not_destroyed)?;
            for connection in found.iter().filter(|it| held.contains(&it.inode)) {
                if wanted(connection) {
                    self.destroy(connection)?;
                    reset.sockets += 1;
                }
            }
        }
        Ok(reset)
    }

    fn each(
        &self,
        transport: Transport,
        states: States,
        mut take: impl FnMut(Answer),
    ) -> io::Result<()> {
        for family in [
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        ] {
            let netlink = self.lock();
            netlink.send(&Request::list(transport, states, family))?;
            netlink.collect(&mut take)?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Netlink> {
        self.netlink.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says why a connection was not ended.
fn not_destroyed(error: io::Error) -> DestroyError {
    match error.raw_os_error() {
        Some(libc::EACCES | libc::EPERM) => DestroyError::Denied,
        Some(libc::EOPNOTSUPP) => DestroyError::Unsupported,
        _ => DestroyError::Io(error),
    }
}
