//! Standing in for one server.

use std::future::poll_fn;
use std::net::SocketAddr;

use sidestream_capture::{Capture, Destination, Kind, Target, next_incoming};
use sidestream_explicit::{Explicit, Port};
use tokio::net::{TcpStream, UdpSocket};

fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

#[tokio::test]
async fn all_connections_are_for_the_server() {
    let server = Target::Name("a.test".into(), 443);
    let driver = Explicit::bind(&[any_port()]).unwrap();
    let mut driver = driver.with_via("reverse").with_server(&server);
    let _client = TcpStream::connect(driver.local_addrs()[0]).await.unwrap();
    let info = next_incoming(&mut driver).await.unwrap().unwrap().info;
    assert_eq!(info.destination, Destination::Host("a.test".into()));
    assert_eq!((info.key.server, info.via), (([0, 0, 0, 0], 443).into(), "reverse"));
}

#[tokio::test]
async fn each_clients_datagrams_are_a_flow_to_the_server() {
    let server: SocketAddr = ([192, 0, 2, 1], 53).into();
    let mut driver = Port::bind(&[any_port()], &Target::Addr(server), "reverse").unwrap();
    let here = driver.local_addrs()[0];
    for _ in 0..2 {
        let client = UdpSocket::bind(any_port()).await.unwrap();
        client.connect(here).await.unwrap();
        client.send(b"one").await.unwrap();
        let incoming = next_incoming(&mut driver).await.unwrap().unwrap();
        assert_eq!(incoming.info.key.client, client.local_addr().unwrap());
        let told = (incoming.info.key.server, incoming.info.destination);
        assert_eq!(told, (server, Destination::Original));
        let Kind::Udp(mut flow) = incoming.kind else { panic!("datagrams came as a connection") };
        client.send(b"two").await.unwrap();
        for expected in [b"one", b"two"] {
            let datagram = poll_fn(|cx| flow.poll_recv(cx)).await.unwrap();
            assert_eq!(datagram.as_deref(), Some(&expected[..]));
        }
        poll_fn(|cx| flow.poll_send(cx, b"three")).await.unwrap();
        let mut read = [0; 16];
        assert_eq!(client.recv(&mut read).await.unwrap(), 5);
    }
}

#[tokio::test]
async fn flows_go_on_when_no_more_are_taken() {
    let server = Target::Addr(([192, 0, 2, 1], 53).into());
    let mut driver = Port::bind(&[any_port()], &server, "reverse").unwrap();
    let client = UdpSocket::bind(any_port()).await.unwrap();
    client.connect(driver.local_addrs()[0]).await.unwrap();
    client.send(b"one").await.unwrap();
    let Kind::Udp(mut flow) = next_incoming(&mut driver).await.unwrap().unwrap().kind else {
        panic!("datagrams came as a connection")
    };
    assert!(driver.close());
    assert!(next_incoming(&mut driver).await.unwrap().is_none());
    client.send(b"two").await.unwrap();
    for expected in [b"one", b"two"] {
        let datagram = poll_fn(|cx| flow.poll_recv(cx)).await.unwrap();
        assert_eq!(datagram.as_deref(), Some(&expected[..]));
    }
}
