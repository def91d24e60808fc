//! Where clients find this machine.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};

use sidestream::wireguard::Endpoint;

use super::WireguardError;

/// Addresses that nobody has (RFC 5737, RFC 3849): the way there is the way to everybody.
const ELSEWHERE: [(&str, &str); 2] = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")];

/// Reads `HOST[:PORT]`.
///
/// # Errors
///
/// It is neither.
pub fn parse(text: &str, port: u16) -> Result<Endpoint, WireguardError> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let endpoint = match bare.parse::<Ipv6Addr>() {
        Err(_) if bare.contains(':') => text.parse().ok(),
        _ => Endpoint::new(bare, port),
    };
    endpoint.ok_or_else(|| WireguardError::Endpoint { text: text.to_owned() })
}

/// Finds the address by which this machine goes to others; no packet is sent for that.
pub fn own_address() -> Option<IpAddr> {
    ELSEWHERE.iter().find_map(|(from, to)| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        let ip = socket.local_addr().ok()?.ip();
        (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
    })
}

/// Finds where clients find this machine: where the user says, where we listen, or by its own
/// address.
///
/// # Errors
///
/// What the user says is no endpoint, or this machine has no address.
pub fn find(
    given: Option<&str>,
    listen: Option<SocketAddr>,
    port: u16,
    option: &'static str,
) -> Result<Endpoint, WireguardError> {
    if let Some(given) = given {
        return parse(given, port);
    }
    let bound = listen.map(|addr| addr.ip()).filter(|ip| !ip.is_unspecified());
    let ip = bound.or_else(own_address);
    let endpoint = ip.and_then(|ip| Endpoint::new(&ip.to_string(), port));
    endpoint.ok_or(WireguardError::NoOwnAddress { option })
}
