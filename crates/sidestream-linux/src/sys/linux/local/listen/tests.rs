//! The listeners, from this machine and from another.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use sidestream_bpf::Slot;
use sidestream_testkit::skip;

use super::{Listeners, associate};
use crate::sys::imp::local::device::{Device, DeviceError};
use crate::sys::imp::local::testing::{Neighbor, eventually, in_own_network};

/// Makes listeners of both families, or of IPv4 where this user may not make devices.
fn listeners(test: &str) -> (Listeners, Option<Device>) {
    let device = match Device::open() {
        Ok(device) => Some(device),
        Err(error @ DeviceError::Make(_)) => panic!("{error:?}"),
        Err(error) => {
            skip(test, &format!("IPv6: {error}"));
            None
        }
    };
    (Listeners::open(device.is_some()).unwrap(), device)
}

/// Sends a datagram and tries to connect.
const REACH: &str = "
import socket, sys
host, tcp, udp = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
family = socket.AF_INET6 if ':' in host else socket.AF_INET
socket.socket(family, socket.SOCK_DGRAM).sendto(b'x', (host, udp))
stream = socket.socket(family); stream.settimeout(0.3); stream.connect((host, tcp))
";

/// Each family's listeners with a fake address and with sources that a program may have.
fn each(listeners: &Listeners) -> Vec<(&super::Pair, IpAddr, Vec<IpAddr>)> {
    let ips = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let slot = Slot::new(0x12_3456);
    let v4 = ips(&["0.0.0.0", "127.0.0.1", "127.0.0.2", "198.18.7.1"]);
    let v6 = listeners.v6.as_ref();
    let v6 = v6.map(|v6| (v6, slot.v6(), ips(&["::", "::1", "fd01::1"])));
    [(&listeners.v4, slot.v4(), v4)].into_iter().chain(v6).collect()
}

/// Retries what there is nothing for yet.
fn awaited<T>(mut ready: impl FnMut() -> io::Result<T>) -> T {
    let mut got = None;
    eventually("something to read", || {
        match ready() {
            Ok(ready) => got = Some(ready),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}"),
        }
        got.is_some()
    });
    got.unwrap()
}

#[test]
fn a_fake_address_is_reached_from_every_source() {
    let test = "a_fake_address_is_reached_from_every_source";
    if !in_own_network(module_path!(), test) {
        return;
    }
    // What comes by loopback is not asked where it came from.
    std::fs::write("/proc/sys/net/ipv4/conf/all/rp_filter", "1").unwrap();
    let _neighbor = Neighbor::new();
    let (listeners, _device) = listeners(test);
    for (pair, fake, sources) in each(&listeners) {
        let fake = SocketAddr::new(fake, pair.tcp.local_addr().unwrap().port());
        for source in sources {
            let socket = socket2::Socket::new(
                socket2::Domain::for_address(fake),
                socket2::Type::STREAM,
                None,
            );
            let socket = socket.unwrap();
            socket.bind(&SocketAddr::new(source, 0).into()).unwrap();
            socket.connect(&fake.into()).unwrap();
            let stream = TcpStream::from(socket);
            let (accepted, from) = awaited(|| pair.tcp.accept());
            assert_eq!(from, stream.local_addr().unwrap());
            assert_eq!(accepted.local_addr().unwrap(), fake);
        }
    }
}

#[test]
fn datagrams_go_to_the_listener_until_there_is_an_association() {
    let test = "datagrams_go_to_the_listener_until_there_is_an_association";
    if !in_own_network(module_path!(), test) {
        return;
    }
    let _neighbor = Neighbor::new();
    let (listeners, _device) = listeners(test);
    for (pair, fake, sources) in each(&listeners) {
        let fake = SocketAddr::new(fake, pair.udp.local_addr().unwrap().port());
        for source in sources {
            let client = UdpSocket::bind((source, 0)).unwrap();
            client.connect(fake).unwrap();
            client.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            let mut buf = [0; 99];
            client.send(b"first").unwrap();
            let datagram = awaited(|| pair.receive(&mut buf));
            assert_eq!(&buf[..datagram.len], b"first");
            assert_eq!(datagram.to, Some(fake));
            let association = associate(fake, datagram.from).unwrap();
            client.send(b"second").unwrap();
            let len = awaited(|| association.recv(&mut buf));
            assert_eq!(&buf[..len], b"second");
            association.send(b"answer").unwrap();
            let len = client.recv(&mut buf).unwrap();
            assert_eq!(&buf[..len], b"answer");
            assert!(pair.receive(&mut buf).is_err(), "the listener got it too");
            // Another program's socket finds no way between.
            let thief = socket2::Socket::new(
                socket2::Domain::for_address(fake),
                socket2::Type::DGRAM,
                None,
            );
            let thief = thief.unwrap();
            thief.set_reuse_address(true).unwrap();
            thief.bind(&fake.into()).unwrap_err();
        }
    }
}

#[test]
fn other_hosts_reach_nothing() {
    let test = "other_hosts_reach_nothing";
    if !in_own_network(module_path!(), test) {
        return;
    }
    let neighbor = Neighbor::new();
    neighbor.ip("route add 127.64.0.0/10 via 198.18.7.1");
    neighbor.ip("-6 route add fd73:6473::/32 via fd01::1");
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(script.path(), REACH).unwrap();
    let script = script.path().display();
    let (listeners, _device) = listeners(test);
    for (pair, fake, sources) in each(&listeners) {
        let (tcp, udp) = pair.ports().unwrap();
        let own = *sources.last().unwrap();
        for host in [own, fake] {
            let said = neighbor.run("python3", &format!("{script} {host} {tcp} {udp}"));
            assert!(said.is_err(), "{host} is reached");
        }
        assert!(pair.tcp.accept().is_err());
        assert!(pair.receive(&mut [0; 9]).is_err(), "{own} is reached by a datagram");
    }
}

#[test]
fn each_namespace_has_a_cookie() {
    let listeners = Listeners::open(false).unwrap();
    let cookie = listeners.net_cookie().unwrap();
    if cookie.is_none() {
        skip("each_namespace_has_a_cookie", "the kernel is older than 5.14");
        return;
    }
    assert_eq!(Listeners::open(false).unwrap().net_cookie().unwrap(), cookie);
    assert_eq!(listeners.ports().unwrap().tcp6, 0);
}
