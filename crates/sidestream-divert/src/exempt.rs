//! Packets that are left alone, whoever sends them.

use std::fmt;
use std::net::IpAddr;

use sidestream_flow::{FlowKey, Transport};

use crate::{Address, Config};

/// Why a packet is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Exemption {
    /// It goes to all hosts of a network.
    Broadcast,
    /// It asks for, or gives, an address of this machine (DHCP, DHCPv6).
    Dhcp,
    /// It is a piece of a packet. Windows shows packets before it cuts them and after it has put
    /// them together, so somebody else made it.
    Fragment,
    /// Another driver injected it: diverted, it might go round for ever.
    Impostor,
    /// It comes from another host, and that was not asked for.
    Inbound,
    /// It stays on its link.
    LinkLocal,
    /// It stays on this machine, and that was not asked for.
    Loopback,
    /// It is in the middle of a connection whose beginning was not diverted.
    Midway,
    /// It goes to a group of hosts.
    Multicast,
    /// It is neither TCP nor UDP, nor an error about a diverted flow.
    Protocol,
}

impl Exemption {
    /// All of them, in order.
    pub const ALL: [Self; 10] = [
        Self::Broadcast,
        Self::Dhcp,
        Self::Fragment,
        Self::Impostor,
        Self::Inbound,
        Self::LinkLocal,
        Self::Loopback,
        Self::Midway,
        Self::Multicast,
        Self::Protocol,
    ];

    /// Returns its name, for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Broadcast => "broadcast",
            Self::Dhcp => "dhcp",
            Self::Fragment => "fragment",
            Self::Impostor => "impostor",
            Self::Inbound => "inbound",
            Self::LinkLocal => "link-local",
            Self::Loopback => "loopback",
            Self::Midway => "midway",
            Self::Multicast => "multicast",
            Self::Protocol => "protocol",
        }
    }

    /// Judges by what WinDivert says, before the packet is looked into.
    pub(crate) const fn of_address(address: &Address, config: &Config) -> Option<Self> {
        match address {
            Address { impostor: true, .. } => Some(Self::Impostor),
            Address { loopback: true, .. } if !config.loopback => Some(Self::Loopback),
            Address { loopback: false, outbound: false, .. } if !config.inbound => {
                Some(Self::Inbound)
            }
            _ => None,
        }
    }

    /// Judges by the ends of a flow.
    pub(crate) fn of_key(key: &FlowKey, config: &Config) -> Option<Self> {
        let (client, server) = (key.client.ip(), key.server.ip());
        let ports = [key.client.port(), key.server.port()];
        let (one, other) = if server.is_ipv4() { (67, 68) } else { (546, 547) };
        let is_dhcp = ports.iter().all(|port| [one, other].contains(port));
        if server.is_multicast() {
            return Some(Self::Multicast);
        }
        if let IpAddr::V4(server) = server
            && (server.is_broadcast() || config.broadcasts.contains(&server))
        {
            return Some(Self::Broadcast);
        }
        if key.transport == Transport::Udp && is_dhcp {
            return Some(Self::Dhcp);
        }
        let is_local = is_link_local(server) || is_link_local(client);
        (is_local && !config.link_local).then_some(Self::LinkLocal)
    }
}

impl fmt::Display for Exemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

const fn is_link_local(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(addr) => addr.is_link_local(),
        IpAddr::V6(addr) => addr.is_unicast_link_local(),
    }
}
