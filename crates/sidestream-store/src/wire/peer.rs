//! Ends of a flow, addresses and five-tuples on disk.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use sidestream_flow::{FlowKey, Peer, Transport};

use super::{DecodeError, bounded, required};

/// Numbers a peer: 0 is the client, n + 1 is server n.
pub(crate) fn peer_to(peer: Peer) -> u64 {
    match peer {
        Peer::Client => 0,
        Peer::Server(number) => u64::from(number) + 1,
    }
}

/// Names a numbered peer.
pub(crate) fn peer_from(number: u64) -> Result<Peer, DecodeError> {
    match number.checked_sub(1) {
        None => Ok(Peer::Client),
        Some(number) => bounded(number, "the number of a server").map(Peer::Server),
    }
}

/// A socket address.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Addr {
    /// 4 or 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    ip: Vec<u8>,
    #[prost(uint32, tag = "2")]
    port: u32,
    #[prost(uint32, tag = "3")]
    flow_info: u32,
    #[prost(uint32, tag = "4")]
    scope: u32,
}

impl From<SocketAddr> for Addr {
    fn from(addr: SocketAddr) -> Self {
        let port = u32::from(addr.port());
        match addr {
            SocketAddr::V4(addr) => {
                Self { ip: addr.ip().octets().to_vec(), port, flow_info: 0, scope: 0 }
            }
            SocketAddr::V6(addr) => Self {
                ip: addr.ip().octets().to_vec(),
                port,
                flow_info: addr.flowinfo(),
                scope: addr.scope_id(),
            },
        }
    }
}

impl TryFrom<Addr> for SocketAddr {
    type Error = DecodeError;

    fn try_from(addr: Addr) -> Result<Self, DecodeError> {
        let port = bounded(addr.port, "a port")?;
        if let Ok(octets) = <[u8; 4]>::try_from(&addr.ip[..]) {
            return Ok(Self::V4(SocketAddrV4::new(Ipv4Addr::from(octets), port)));
        }
        let octets = <[u8; 16]>::try_from(&addr.ip[..])
            .map_err(|_length| DecodeError::Damaged("an address"))?;
        let ip = Ipv6Addr::from(octets);
        Ok(Self::V6(SocketAddrV6::new(ip, port, addr.flow_info, addr.scope)))
    }
}

/// A five-tuple.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Key {
    /// The IANA protocol number: 6 or 17.
    #[prost(uint32, tag = "1")]
    transport: u32,
    #[prost(message, optional, tag = "2")]
    client: Option<Addr>,
    #[prost(message, optional, tag = "3")]
    server: Option<Addr>,
}

impl From<FlowKey> for Key {
    fn from(key: FlowKey) -> Self {
        let transport = match key.transport {
            Transport::Tcp => 6,
            Transport::Udp => 17,
        };
        Self { transport, client: Some(key.client.into()), server: Some(key.server.into()) }
    }
}

impl TryFrom<Key> for FlowKey {
    type Error = DecodeError;

    fn try_from(key: Key) -> Result<Self, DecodeError> {
        let transport = match key.transport {
            6 => Transport::Tcp,
            17 => Transport::Udp,
            _ => return Err(DecodeError::Unknown),
        };
        let client = required(key.client, "the client of a flow")?.try_into()?;
        let server = required(key.server, "the server of a flow")?.try_into()?;
        Ok(Self { transport, client, server })
    }
}
