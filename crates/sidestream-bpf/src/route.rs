//! Routes, as the hooks know them.

use std::net::IpAddr;

/// Says from which address a network is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteEntry {
    /// An address of the network.
    pub addr: IpAddr,
    /// How many of its leading bits name the network.
    pub prefix_len: u8,
    /// The source address; `None` for a network that is not reachable.
    pub source: Option<IpAddr>,
}
