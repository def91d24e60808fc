//! Devices that are there before and after us.

use std::fs;
use std::net::IpAddr;

use sidestream_tun::Tun;
use tokio::net::UdpSocket;

use crate::ground::{
    block_on, eventually, eventually_as, in_own_network, ip, mirror, network, swap_ports,
};

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Opens the device `old` with something of all that can be set, uses it, and looks whether it is
/// as before once it is dropped.
fn check_put_back(queues: usize) {
    let switch = "/proc/sys/net/ipv6/conf/old/accept_ra";
    let (before, advertisements) = (network(), fs::read(switch).unwrap());
    let builder = Tun::builder().name("old").queues(queues).mtu(9000);
    let builder = builder.address(address("198.18.1.1"), 24).address(address("fd01::1"), 64);
    let builder = builder.route(address("198.19.0.0"), 16).route(address("fd02::"), 64);
    let tun = builder.open().unwrap();
    assert_eq!((tun.name(), tun.properties().mtu), ("old", 9000));
    let now = network();
    assert!(now.contains("198.19.0.0/16 dev old") && now.contains("fd02::/64 dev old"), "{now}");
    block_on(async {
        for queue in tun.into_queues() {
            tokio::spawn(mirror(queue, |packet, _| swap_ports(packet)));
        }
        for (here, there) in [("198.18.1.1", "198.18.1.2"), ("fd01::1", "fd01::2")] {
            let socket = UdpSocket::bind((here, 0)).await.unwrap();
            socket.connect((there, 7)).await.unwrap();
            socket.send(b"said").await.unwrap();
            assert_eq!(socket.recv(&mut [0; 10]).await.unwrap(), 4);
        }
    });
    eventually_as(&before);
    assert_eq!(fs::read(switch).unwrap(), advertisements);
}

/// Waits until the kernel has made up its mind about an address of IPv6.
fn settled(address: &str) {
    let local = format!("local {address} ");
    eventually("a route of its own", || ip("-6 route show table local").contains(&local));
    eventually("no carrier", || ip("link show dev old").contains("state DOWN"));
}

#[test]
fn a_device_that_was_down_is_as_before() {
    if !in_own_network(module_path!(), "a_device_that_was_down_is_as_before") {
        return;
    }
    ip("tuntap add dev old mode tun");
    check_put_back(1);
    // What goes as a device goes down comes back.
    ip("addr add 198.18.9.1/24 dev old");
    ip("addr add fd09::1/64 dev old");
    check_put_back(1);
}

#[test]
fn a_device_that_was_up_is_as_before() {
    if !in_own_network(module_path!(), "a_device_that_was_up_is_as_before") {
        return;
    }
    ip("tuntap add dev old mode tun multi_queue pi vnet_hdr");
    ip("link set old mtu 1400 up");
    ip("addr add 198.18.9.1/24 dev old");
    ip("addr add fd09::1/64 dev old nodad");
    ip("route add 198.20.0.0/16 dev old");
    settled("fd09::1");
    check_put_back(2);
    check_put_back(1);
}

#[test]
fn what_is_there_already_is_left_there() {
    if !in_own_network(module_path!(), "what_is_there_already_is_left_there") {
        return;
    }
    ip("tuntap add dev old mode tun");
    ip("link set old multicast off addrgenmode none up");
    ip("addr add 198.18.1.1/24 dev old");
    ip("addr add fd01::1/64 dev old nodad");
    ip("route add 198.19.0.0/16 dev old");
    ip("-6 route add fd02::/64 dev old");
    settled("fd01::1");
    let before = network();
    let builder = Tun::builder().name("old").address(address("198.18.1.1"), 24);
    let tun = builder.route(address("198.19.0.0"), 16).route(address("fd02::"), 64).open().unwrap();
    assert_eq!(tun.properties().mtu, 1500);
    drop(tun);
    eventually_as(&before);
}

#[test]
fn a_device_removed_in_use_is_not_missed() {
    if !in_own_network(module_path!(), "a_device_removed_in_use_is_not_missed") {
        return;
    }
    let before = network();
    ip("tuntap add dev old mode tun");
    let tun = Tun::builder().name("old").address(address("198.18.1.1"), 24).open().unwrap();
    ip("link del old");
    drop(tun);
    eventually_as(&before);
}
