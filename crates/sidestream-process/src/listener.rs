//! What the kernel says of sockets.

use std::net::SocketAddr;

use sidestream_flow::Transport;

/// A socket that somebody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Holding {
    /// The inode of the socket, by which its holders are found.
    pub inode: u32,
    /// The user who made it.
    pub uid: u32,
}

/// A socket that waits for connections or datagrams from anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listener {
    /// Whether it waits for connections or for datagrams.
    pub transport: Transport,
    /// The address it is bound to.
    pub addr: SocketAddr,
    /// Whether an IPv6 socket takes IPv6 only, and not IPv4 as well.
    pub v6_only: bool,
    /// The inode of the socket.
    pub inode: u32,
}
