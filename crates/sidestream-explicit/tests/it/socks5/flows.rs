//! What is said of flows, and what their clients are answered.

use std::net::SocketAddr;

use sidestream_capture::{Capture, Destination, Incoming, Kind, Pending, next_incoming};
use sidestream_explicit::Socks5;
use sidestream_explicit::socks::{Address, Host};
use sidestream_flow::Transport;
use sidestream_record::DialFailure;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::{self, Associated};
use crate::any_port;

pub(super) async fn next(driver: &mut Socks5) -> Incoming {
    next_incoming(driver).await.unwrap().unwrap()
}

pub(super) fn open() -> (Socks5, SocketAddr) {
    let driver = Socks5::bind(&[any_port()], None).unwrap();
    let proxy = driver.local_addrs()[0];
    (driver, proxy)
}

fn named(host: &str, port: u16) -> Address {
    Address { host: Host::Name(host.into()), port }
}

fn pending(incoming: Incoming) -> Box<dyn Pending> {
    let Kind::Tcp(pending) = incoming.kind else { panic!("a TCP flow came as {incoming:?}") };
    pending
}

#[tokio::test]
async fn a_name_is_left_to_whoever_dials() {
    let (mut driver, proxy) = open();
    let address = named("a.test", 8080);
    let client = tokio::spawn(async move { client::connect(proxy, &address).await });
    let incoming = next(&mut driver).await;
    let info = incoming.info.clone();
    assert_eq!(info.destination, Destination::Host("a.test".into()));
    assert_eq!(info.key.server, "0.0.0.0:8080".parse().unwrap());
    assert_eq!((info.key.transport, info.via, info.process), (Transport::Tcp, "socks5", None));
    assert!(!client.is_finished(), "the answer waits for the server");
    let mut stream = pending(incoming).accept().await.unwrap();
    assert!(stream.socket().is_some(), "the kernel may move the bytes");
    let mut client = client.await.unwrap().unwrap();
    assert_eq!(info.key.client, client.local_addr().unwrap());
    client.write_all(b"hi").await.unwrap();
    let mut hi = [0; 2];
    stream.read_exact(&mut hi).await.unwrap();
    assert_eq!(&hi, b"hi");
}

#[tokio::test]
async fn a_client_is_told_why_its_server_was_not_reached() {
    let (mut driver, proxy) = open();
    let other = DialFailure::Other { reason: String::new() };
    let unknown = DialFailure::Unknown { host: String::new() };
    for (failure, code) in [
        (DialFailure::Refused, 5),
        (DialFailure::Unreachable, 3),
        (unknown, 4),
        (DialFailure::TimedOut, 6),
        (other, 1),
    ] {
        let asking = tokio::spawn(async move {
            let mut stream = TcpStream::connect(proxy).await.unwrap();
            // What a client sends ahead of the answer does not lose it.
            let ahead = [&[5, 1, 0, 5, 1, 0, 1, 192, 0, 2, 1, 0, 80][..], b"GET /"].concat();
            stream.write_all(&ahead).await.unwrap();
            let mut chosen = [0; 2];
            stream.read_exact(&mut chosen).await.unwrap();
            let (code, _) = client::reply(&mut stream).await.unwrap();
            (code, stream.read(&mut [0]).await.unwrap())
        });
        pending(next(&mut driver).await).refuse(&failure);
        assert_eq!(asking.await.unwrap(), (code, 0), "{failure}");
    }
}

#[tokio::test]
async fn a_client_of_version_4_is_answered_in_it() {
    let (mut driver, proxy) = open();
    let mut client = TcpStream::connect(proxy).await.unwrap();
    client.write_all(b"\x04\x01\x00\x50\0\0\0\x01me\0a.test\0hello").await.unwrap();
    let incoming = next(&mut driver).await;
    assert_eq!(incoming.info.destination, Destination::Host("a.test".into()));
    let mut stream = pending(incoming).accept().await.unwrap();
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"hello");
    let mut reply = [0; 8];
    client.read_exact(&mut reply).await.unwrap();
    assert_eq!(reply, *b"\0\x5a\0\0\0\0\0\0");
}

#[tokio::test]
async fn bind_is_refused_and_so_is_a_wrong_password() {
    let (mut driver, proxy) = open();
    let any: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let asking = tokio::spawn(async move {
        let mut stream = TcpStream::connect(proxy).await.unwrap();
        client::ask(&mut stream, 2, &any.into()).await.unwrap().0
    });
    tokio::select! {
        code = asking => assert_eq!(code.unwrap(), 7),
        _ = next(&mut driver) => panic!("nothing was asked for"),
    }

    let credentials = "me:right".parse().unwrap();
    let mut driver = Socks5::bind(&[any_port()], Some(credentials)).unwrap();
    let proxy = driver.local_addrs()[0];
    let asking = tokio::spawn(async move {
        let mut stream = TcpStream::connect(proxy).await.unwrap();
        stream.write_all(b"\x05\x01\x02\x01\x02me\x05wrong").await.unwrap();
        let mut told = Vec::new();
        stream.read_to_end(&mut told).await.unwrap();
        told
    });
    tokio::select! {
        told = asking => assert_eq!(told.unwrap(), [5, 2, 1, 1]),
        _ = next(&mut driver) => panic!("nothing was asked for"),
    }
    assert_eq!(driver.losses().clients(), 1);
}

#[tokio::test]
async fn it_tells_what_it_can_do() {
    let (driver, _) = open();
    assert_eq!(
        driver.capabilities().to_string(),
        "TCP and UDP, IPv4 and IPv6, processes unknown, a refusing server is seen as such"
    );
    assert!(driver.control().is_none());
}

#[tokio::test]
async fn a_datagram_to_a_name_is_a_flow_to_that_name() {
    let (mut driver, proxy) = open();
    let opening = tokio::spawn(async move {
        let client = Associated::open(proxy).await.unwrap();
        client.send(b"query", &named("a.test", 53)).await.unwrap();
        client
    });
    let Incoming { info, kind: Kind::Udp(mut association) } = next(&mut driver).await else {
        panic!("datagrams came as a TCP flow");
    };
    let client = opening.await.unwrap();
    assert_eq!(info.destination, Destination::Host("a.test".into()));
    assert_eq!(info.key.client, client.socket.local_addr().unwrap());
    let query = std::future::poll_fn(|cx| association.poll_recv(cx)).await.unwrap().unwrap();
    assert_eq!(&query[..], b"query");
    std::future::poll_fn(|cx| association.poll_send(cx, b"answer")).await.unwrap();
    assert_eq!(client.recv().await.unwrap(), (b"answer".to_vec(), named("a.test", 53)));
}
