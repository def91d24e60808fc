//! Where a diverted connection was going, and whose it is.

use std::net::{IpAddr, SocketAddr};

use sidestream_flow::Transport;

use crate::Verdict;

/// Where a diverted connection was going, and whose it is, as of the moment it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// TCP or UDP.
    pub transport: Transport,
    /// Where the program connects to; a mapped address is given as IPv4.
    pub destination: SocketAddr,
    /// The source address that the route to the destination gives.
    pub source: Option<IpAddr>,
    /// The source address that the program chose itself.
    pub bound: Option<IpAddr>,
    /// The process.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// The real user.
    pub uid: u32,
    /// The parent of the process.
    pub parent: u32,
    /// When the process was started, in nanoseconds since boot.
    pub started_ns: u64,
    /// The group of the process in cgroup2.
    pub cgroup_id: u64,
    /// The network namespace of the socket.
    pub netns_cookie: u64,
    /// The socket: no other that is open has this number.
    pub socket_key: u64,
    /// The verdict on the process that held.
    pub verdict: Verdict,
    /// The last component of the path of the executable, cut after 63 bytes.
    pub exe: String,
    /// The name of the thread, which a program may choose.
    pub comm: String,
    /// How the socket treats the path MTU, as in `IP_MTU_DISCOVER`.
    pub path_mtu_discovery: u8,
    /// Whether the program uses Multipath TCP.
    pub mptcp: bool,
    /// Whether an IPv6 socket connects to an IPv4 destination.
    pub v4_mapped: bool,
    /// Whether the socket is closed already.
    pub closed: bool,
}
