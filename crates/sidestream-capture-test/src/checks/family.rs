//! IPv6, and IPv4 as IPv6 sockets speak it.

use std::net::{IpAddr, SocketAddr};

use sidestream_testkit::skip;

use super::{tcp, udp};
use crate::bed::{Bed, pattern};
use crate::{Config, Family, Ground};

/// TCP and, where the driver has it, UDP over IPv6, for drivers and machines that have that.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn captures_ipv6(ground: &mut dyn Ground, config: &Config) {
    let bed = Bed::new(ground, config);
    if let Some(reason) = lacks_ipv6(&bed) {
        return skip("captures_ipv6", reason);
    }
    tcp::relays(&bed, Family::V6).await;
    let captured = bed.relay.flows().iter().any(|flow| flow.key.server.is_ipv6());
    assert!(captured, "the client got through, but the driver gave no IPv6 flow");
    if bed.capabilities.udp {
        let origin = udp::echo(&bed, Family::V6, |datagram| datagram.to_vec());
        exchange_datagrams(&bed, origin.addr(), origin.addr()).await;
    }
}

/// A client whose IPv6 sockets speak IPv4 is captured, and its flows are those of IPv4; it sees
/// the addresses in the form in which it gave them.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn captures_ipv4_over_ipv6_sockets(ground: &mut dyn Ground, config: &Config) {
    let bed = Bed::new(ground, config);
    if let Some(reason) = lacks_ipv6(&bed) {
        return skip("captures_ipv4_over_ipv6_sockets", reason);
    }
    let (listener, server) = bed.listen(Family::V4);
    let mut client = bed.connect(mapped(server)).await;
    assert_eq!(client.peer, mapped(server), "the peer that the client sees");
    let accepted = bed.within("reaching the server", listener.accept()).await;
    let (mut end, _from) = accepted.expect("a listener on loopback accepts");
    bed.carries("to the server", &mut client.stream, &mut end, &pattern(1, 1_000)).await;
    bed.carries("to the client", &mut end, &mut client.stream, &pattern(2, 1_000)).await;
    let [flow] = &bed.relay.flows()[..] else { panic!("one connection is one flow") };
    assert_eq!(flow.key.server, server, "the flow's server is of IPv4");
    assert_eq!(flow.key.client, canonical(client.local), "the flow's client is of IPv4");
    if bed.capabilities.udp {
        let origin = udp::echo(&bed, Family::V4, |datagram| datagram.to_vec());
        exchange_datagrams(&bed, mapped(origin.addr()), origin.addr()).await;
    }
}

/// Exchanges datagrams from an IPv6 socket; the flow tells of that server.
async fn exchange_datagrams(bed: &Bed<'_>, addr: SocketAddr, server: SocketAddr) {
    let mut client = udp::open(bed, Family::V6).await;
    for size in [1, 1_400] {
        let datagram = pattern(size as u64, size);
        udp::send(bed, &mut *client, &datagram, addr).await;
        let echoed = udp::recv(bed, &mut *client, addr, size).await;
        assert!(echoed == datagram, "a datagram of {size} bytes came back changed");
    }
    let flow = bed.relay.flows().pop().expect("the TCP connection before was a flow");
    assert_eq!(flow.key.server, server, "the server of the UDP flow");
    assert_eq!(flow.key.client.port(), client.local().port(), "the client's port of the UDP flow");
}

fn lacks_ipv6(bed: &Bed<'_>) -> Option<&'static str> {
    if !bed.capabilities.ipv6 {
        Some("the driver does not capture IPv6")
    } else if bed.ground.server_ip(Family::V6).is_none() {
        Some("this machine has no IPv6")
    } else {
        None
    }
}

/// Returns an IPv4 address as an IPv6 socket has it.
fn mapped(addr: SocketAddr) -> SocketAddr {
    match addr.ip() {
        IpAddr::V4(ip) => (ip.to_ipv6_mapped(), addr.port()).into(),
        IpAddr::V6(_) => addr,
    }
}

fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}
