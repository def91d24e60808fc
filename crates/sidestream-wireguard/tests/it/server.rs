//! The driver, over sockets of this machine.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::time::Duration;

use sidestream_capture::{PacketDriver, recv_packet, send_packet};
use sidestream_packet::Offload;
use sidestream_wireguard::{BindError, Config, Drop, Interface, Server};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::world::{Client, key, packet, peer};

const PATIENCE: Duration = Duration::from_secs(20);

fn config() -> Config {
    Config {
        interface: Interface::new(key(1)),
        peers: vec![peer(&key(2), &["10.0.0.2/32", "fd00::2/128"])],
    }
}

/// A client, and a server that knows it.
struct Pair {
    server: Server,
    client: Client,
    socket: UdpSocket,
}

impl Pair {
    async fn new(listen: &str) -> Self {
        let server = Server::bind(config(), &[listen.parse().unwrap()]).unwrap();
        let any: SocketAddr =
            if listen.starts_with('[') { "[::1]:0" } else { "127.0.0.1:0" }.parse().unwrap();
        let socket = UdpSocket::bind(any).await.unwrap();
        socket.connect(server.local_addrs()[0]).await.unwrap();
        let client = Client::new(&key(2), key(1).public_key());
        let mut pair = Self { server, client, socket };
        let initiation = pair.client.initiation();
        pair.socket.send(&initiation).await.unwrap();
        let response = pair.receive().await;
        for datagram in pair.client.take(&response).1 {
            pair.socket.send(&datagram).await.unwrap();
        }
        pair
    }

    /// Receives a datagram while the server works, which has no packet to tell of.
    async fn receive(&mut self) -> Vec<u8> {
        let (mut buf, mut rest) = (vec![0; 2000], vec![0; 2000]);
        let received = async {
            tokio::select! {
                len = self.socket.recv(&mut buf) => len.unwrap(),
                other = recv_packet(&mut self.server, &mut rest) => panic!("{other:?}"),
            }
        };
        let len = timeout(PATIENCE, received).await.unwrap();
        buf[..len].to_vec()
    }

    async fn packet(&mut self) -> Vec<u8> {
        let mut buf = vec![0; self.server.properties().buffer_len()];
        let received = timeout(PATIENCE, recv_packet(&mut self.server, &mut buf)).await;
        let received = received.unwrap().unwrap().unwrap();
        buf[..received.len].to_vec()
    }
}

async fn check_exchange(listen: &str) {
    let mut pair = Pair::new(listen).await;
    let out = packet("10.0.0.2", "192.0.2.1");
    let datagram = pair.client.seal(&out);
    pair.socket.send(&datagram).await.unwrap();
    assert_eq!(pair.packet().await, out);

    // Of several lengths, so that they cannot all leave together.
    let mut sent = Vec::new();
    for extra in [0, 0, 0, 900, 900, 7, 900, 0] {
        let mut back = packet("192.0.2.1", "10.0.0.2");
        back.resize(back.len() + extra, 0x55);
        let len = u16::try_from(back.len()).unwrap();
        back[2..4].copy_from_slice(&len.to_be_bytes());
        send_packet(&mut pair.server, &back, Offload::default()).await.unwrap();
        sent.push(back);
    }
    for back in sent {
        let datagram = pair.receive().await;
        assert_eq!(pair.client.take(&datagram).0, Some(back));
    }
}

#[tokio::test]
async fn packets_pass_both_ways_over_ipv4() {
    Box::pin(check_exchange("127.0.0.1:0")).await;
}

#[tokio::test]
async fn packets_pass_both_ways_over_ipv6() {
    let test = "packets_pass_both_ways_over_ipv6";
    if !sidestream_testkit::has_ipv6_loopback() {
        return sidestream_testkit::skip(test, "no IPv6 on loopback");
    }
    Box::pin(check_exchange("[::1]:0")).await;
}

#[tokio::test]
async fn listens_on_all_addresses_where_none_is_named() {
    let mut config = config();
    config.interface.listen_port = Some(0);
    let server = Server::bind(config, &[]).unwrap();
    let addrs = server.local_addrs();
    assert!(addrs.iter().all(|addr| addr.ip().is_unspecified()), "{addrs:?}");
    assert!(addrs.iter().all(|addr| addr.port() == addrs[0].port()), "{addrs:?}");
}

#[tokio::test]
async fn a_port_in_use_is_told() {
    let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let first = Server::bind(config(), &[taken]).unwrap();
    let error = Server::bind(config(), &first.local_addrs()).unwrap_err();
    assert!(matches!(error, BindError::InUse { addr } if addr == taken), "{error:?}");
    assert_eq!(error.to_string(), format!("{taken} (UDP) is in use, give another port"));
}

#[tokio::test]
async fn a_client_that_has_gone_ends_nothing() {
    let mut pair = Pair::new("127.0.0.1:0").await;
    let out = packet("10.0.0.2", "192.0.2.1");
    let datagram = pair.client.seal(&out);
    pair.socket.send(&datagram).await.unwrap();
    assert_eq!(pair.packet().await, out);
    let server_addr = pair.server.local_addrs()[0];
    let gone = std::mem::replace(&mut pair.socket, UdpSocket::bind("127.0.0.1:0").await.unwrap());
    pair.socket.connect(server_addr).await.unwrap();
    drop(gone);
    for _ in 0..50 {
        let back = packet("192.0.2.1", "10.0.0.2");
        send_packet(&mut pair.server, &back, Offload::default()).await.unwrap();
        // What was sent is on its way once the server is asked for more.
        let mut buf = vec![0; 2000];
        poll_fn(|cx| {
            assert!(pair.server.poll_recv(cx, &mut buf).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    }
    let datagram = pair.client.seal(&out);
    pair.socket.send(&datagram).await.unwrap();
    assert_eq!(pair.packet().await, out);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_or_counted() {
    let mut pair = Pair::new("127.0.0.1:0").await;
    let long = vec![0x45; 1421];
    let error = send_packet(&mut pair.server, &long, Offload::default()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    let nowhere = packet("192.0.2.1", "10.0.0.9");
    send_packet(&mut pair.server, &nowhere, Offload::default()).await.unwrap();
    assert_eq!(pair.server.handle().dropped(Drop::NoRoute), 1);
    assert_eq!(pair.server.properties().mtu, 1420);
}
