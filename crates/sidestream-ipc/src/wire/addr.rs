//! Addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::FieldError;

/// A socket address.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Addr {
    /// 4 or 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    ip: Vec<u8>,
    #[prost(uint32, tag = "2")]
    port: u32,
    /// IPv6 only.
    #[prost(uint32, tag = "3")]
    flow_info: u32,
    /// IPv6 only: the index of an interface.
    #[prost(uint32, tag = "4")]
    scope: u32,
}

impl From<SocketAddr> for Addr {
    fn from(addr: SocketAddr) -> Self {
        let (flow_info, scope) = match addr {
            SocketAddr::V4(_) => (0, 0),
            SocketAddr::V6(addr) => (addr.flowinfo(), addr.scope_id()),
        };
        Self { ip: ip_to(addr.ip()), port: addr.port().into(), flow_info, scope }
    }
}

impl TryFrom<Addr> for SocketAddr {
    type Error = FieldError;

    fn try_from(addr: Addr) -> Result<Self, FieldError> {
        let port = addr.port.try_into().map_err(|_too_large| FieldError::Invalid("a port"))?;
        Ok(match ip_from(&addr.ip)? {
            IpAddr::V4(ip) => Self::new(ip.into(), port),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, addr.flow_info, addr.scope).into(),
        })
    }
}

/// Returns the 4 or 16 bytes of an address.
pub(super) fn ip_to(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// Makes an address of 4 or 16 bytes.
pub(super) fn ip_from(bytes: &[u8]) -> Result<IpAddr, FieldError> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Ok(Ipv4Addr::from(octets).into());
    }
    let octets = <[u8; 16]>::try_from(bytes)
        .map_err(|_length| FieldError::Invalid("the length of an address"))?;
    Ok(Ipv6Addr::from(octets).into())
}
