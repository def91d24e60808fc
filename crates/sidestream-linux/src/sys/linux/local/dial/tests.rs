//! Servers see the source that a program chose, and no more than the path carries.

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use sidestream_capture::{Association, Dial, FlowInfo, Target};
use sidestream_flow::{FlowKey, Transport};

use super::{LocalDial, egress};
use crate::sys::imp::local::testing::{Neighbor, in_own_network, ip};

/// `IP_PMTUDISC_WANT`, the system's usual choice.
const WANT: u8 = libc::IP_PMTUDISC_WANT as u8;

fn flow(transport: Transport, client: &str, server: SocketAddr, bound: bool, mtu: u8) -> FlowInfo {
    let client = SocketAddr::new(client.parse().unwrap(), 4000);
    FlowInfo {
        key: FlowKey { transport, client, server },
        process: None,
        via: "local",
        destination: Default::default(),
        egress: egress(bound, mtu, None),
        residual: None,
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

/// Dials a server on loopback, which is to see that client.
#[track_caller]
fn check(client: &str, bound: bool, expected: &str) {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let expected: IpAddr = expected.parse().unwrap();
    block_on(async {
        let server = tcp.local_addr().unwrap();
        let info = flow(Transport::Tcp, client, server, bound, WANT);
        let dialed = LocalDial::default().dial(&info, &Target::Addr(server)).await.unwrap();
        assert_eq!(dialed.addr, server);
        assert_eq!(tcp.accept().unwrap().1.ip(), expected);
        let server = udp.local_addr().unwrap();
        let info = flow(Transport::Udp, client, server, bound, WANT);
        let dialed = LocalDial::default().associate(&info, &Target::Addr(server)).await;
        let mut association = dialed.unwrap().association;
        poll_fn(|cx| association.poll_send(cx, b"hi")).await.unwrap();
        assert_eq!(udp.recv_from(&mut [0; 9]).unwrap().1.ip(), expected);
    });
}

#[test]
fn the_server_sees_the_source_that_the_program_had_bound() {
    check("127.0.0.2", true, "127.0.0.2");
    check("::ffff:127.0.0.2", true, "127.0.0.2");
}

#[test]
fn the_system_chooses_where_the_program_did_not() {
    check("127.0.0.2", false, "127.0.0.1");
    // Of another family, and an address that nobody has here.
    check("::1", true, "127.0.0.1");
    check("203.0.113.9", true, "127.0.0.1");
}

#[test]
fn a_choice_of_the_program_is_told_from_none() {
    for mtu in 0..=5 {
        let server = SocketAddr::from(([192, 0, 2, 1], 443));
        let info = flow(Transport::Udp, "192.0.2.7", server, mtu % 2 == 0, mtu);
        assert_eq!(super::discovery(&info), Some(mtu));
        assert_eq!(super::source(&info).is_some(), mtu % 2 == 0);
    }
    let mut info = flow(Transport::Udp, "192.0.2.7", ([192, 0, 2, 1], 443).into(), true, 0);
    info.egress = Default::default();
    assert_eq!((super::discovery(&info), super::source(&info)), (None, None));
}

/// Sends datagrams of those sizes to the neighbor and then what ends them; which came back?
async fn sent(association: &mut dyn Association, sizes: &[usize]) -> Vec<usize> {
    for size in sizes {
        poll_fn(|cx| association.poll_send(cx, &vec![7; *size])).await.unwrap();
    }
    poll_fn(|cx| association.poll_send(cx, b"end")).await.unwrap();
    let mut arrived = Vec::new();
    loop {
        let received = poll_fn(|cx| association.poll_recv(cx));
        let received = tokio::time::timeout(Duration::from_secs(60), received).await;
        match received.unwrap().unwrap().unwrap().len() {
            3 => return arrived,
            len => arrived.push(len),
        }
    }
}

/// Sends back every datagram that it gets.
const ECHO: &str = "
import socket, sys
host = sys.argv[1]
s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((host, 7)); print(flush=True)
while True:
    datagram, client = s.recvfrom(65536); s.sendto(datagram, client)
";

#[test]
fn a_datagram_beyond_the_path_mtu_is_dropped_and_the_next_one_goes_through() {
    let test = "a_datagram_beyond_the_path_mtu_is_dropped_and_the_next_one_goes_through";
    if !in_own_network(module_path!(), test) {
        return;
    }
    let neighbor = Neighbor::new();
    // A path that is narrower than the first link: the kernel learns it from a route.
    ip("route add 198.18.9.0/24 via 198.18.7.2 mtu 1300");
    neighbor.ip("addr add 198.18.9.1/32 dev lo");
    neighbor.ip("link set lo up");
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(script.path(), ECHO).unwrap();
    for host in ["198.18.7.2", "198.18.9.1", "fd01::2"] {
        let _echo = neighbor.spawn("python3", &format!("{} {host}", script.path().display()));
        let server = SocketAddr::new(host.parse().unwrap(), 7);
        let discovery = [libc::IP_PMTUDISC_DO, libc::IP_PMTUDISC_WANT].map(|value| value as u8);
        for (mtu, expected) in discovery.into_iter().zip([&[900, 901][..], &[900, 5000, 901]]) {
            let info = flow(Transport::Udp, "198.18.7.1", server, false, mtu);
            block_on(async {
                let dial = LocalDial::default();
                let dialed = dial.associate(&info, &Target::Addr(server)).await.unwrap();
                let mut association = dialed.association;
                let arrived = sent(&mut *association, &[900, 5000, 901]).await;
                assert_eq!(arrived, expected, "{host} {mtu}");
            });
        }
    }
}

#[test]
fn a_router_s_word_on_a_datagram_does_not_end_the_association() {
    let test = "a_router_s_word_on_a_datagram_does_not_end_the_association";
    if !in_own_network(module_path!(), test) {
        return;
    }
    // The neighbor is a router whose next link is narrower, and says so by ICMP.
    let neighbor = Neighbor::new();
    neighbor.ip("link add narrow type bridge");
    neighbor.ip("link set narrow mtu 1300 up");
    neighbor.ip("addr add 198.18.9.2/24 dev narrow");
    neighbor.ip("link set lo up");
    neighbor.run("sysctl", "-qw net.ipv4.ip_forward=1").unwrap();
    ip("route add 198.18.9.0/24 via 198.18.7.2");
    let server = SocketAddr::from(([198, 18, 9, 1], 7));
    let info = flow(Transport::Udp, "198.18.7.1", server, false, libc::IP_PMTUDISC_DO as u8);
    block_on(async {
        let dialed = LocalDial::default().associate(&info, &Target::Addr(server)).await.unwrap();
        let mut association = dialed.association;
        poll_fn(|cx| association.poll_send(cx, &[7; 1400])).await.unwrap();
        // Neither the word itself nor what is sent meanwhile is a failure.
        let waited = poll_fn(|cx| association.poll_recv(cx));
        let waited = tokio::time::timeout(Duration::from_millis(300), waited).await;
        assert!(waited.is_err(), "{waited:?}");
        assert!(ip("route get 198.18.9.1").contains("mtu 1300"));
        for size in [1400, 900] {
            poll_fn(|cx| association.poll_send(cx, &vec![7; size])).await.unwrap();
        }
    });
}
