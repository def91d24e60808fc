//! Linux: datagrams that are too long for a link on the way are cut.

use std::io;
use std::os::fd::AsFd;

use rustix::net::sockopt::{
    Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
};

/// Lets the network cut datagrams. Nothing measures the way to a peer, and a tunnel through which
/// large packets vanish is worse than a slow one.
pub(crate) fn allow_fragments(socket: impl AsFd, is_v4: bool) -> io::Result<()> {
    if is_v4 {
        set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::DONT)?;
    } else {
        set_ipv6_mtu_discover(&socket, Ipv6PathMtuDiscovery::DONT)?;
    }
    Ok(())
}
