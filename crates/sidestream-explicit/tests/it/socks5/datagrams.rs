//! Whose datagrams are relayed, and for how long.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;

use sidestream_capture::{Association, Capture, Incoming, Kind, next_incoming};
use sidestream_explicit::socks::Address;
use sidestream_explicit::{Losses, Socks5};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::client::Associated;
use super::flows::open;

/// Takes the flows of a driver, which works only while it is asked for them.
fn drive(mut driver: Socks5) -> (mpsc::Receiver<Incoming>, Arc<Losses>) {
    let (sender, receiver) = mpsc::channel(10_000);
    let losses = driver.losses();
    tokio::spawn(async move {
        while let Ok(Some(incoming)) = next_incoming(&mut driver).await {
            if sender.send(incoming).await.is_err() {
                return;
            }
        }
    });
    (receiver, losses)
}

fn server(port: u16) -> Address {
    SocketAddr::from(([192, 0, 2, 1], port)).into()
}

async fn association(flows: &mut mpsc::Receiver<Incoming>) -> Box<dyn Association> {
    let Some(Incoming { kind: Kind::Udp(association), .. }) = flows.recv().await else {
        panic!("no datagrams came");
    };
    association
}

async fn recv(association: &mut dyn Association) -> Option<Vec<u8>> {
    let received = poll_fn(|cx| association.poll_recv(cx)).await.unwrap();
    received.map(|datagram| datagram.to_vec())
}

#[tokio::test]
async fn an_association_ends_with_its_connection() {
    let (driver, proxy) = open();
    let (mut flows, _) = drive(driver);
    let client = Associated::open(proxy).await.unwrap();
    client.send(b"one", &server(1)).await.unwrap();
    let mut flow = association(&mut flows).await;
    assert_eq!(recv(&mut *flow).await.unwrap(), b"one");
    drop(client.control);
    assert_eq!(recv(&mut *flow).await, None);
}

#[tokio::test]
async fn a_flow_that_is_over_begins_anew() {
    let (driver, proxy) = open();
    let (mut flows, _) = drive(driver);
    let client = Associated::open(proxy).await.unwrap();
    for text in [b"one", b"two"] {
        client.send(text, &server(1)).await.unwrap();
        let mut flow = association(&mut flows).await;
        assert_eq!(recv(&mut *flow).await.unwrap(), text);
    }
}

#[tokio::test]
async fn what_others_send_and_what_makes_no_sense_is_dropped_and_counted() {
    let (driver, proxy) = open();
    let (mut flows, losses) = drive(driver);
    let client = Associated::open(proxy).await.unwrap();
    client.socket.send_to(b"\0\0\x01\x01\x7f\0\0\x01\0\x35part", client.relay).await.unwrap();
    client.socket.send_to(b"garbage", client.relay).await.unwrap();
    client.send(b"one", &server(1)).await.unwrap();
    let mut flow = association(&mut flows).await;
    assert_eq!(recv(&mut *flow).await.unwrap(), b"one");

    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    stranger.send_to(b"\0\0\0\x01\x7f\0\0\x01\0\x35mine", client.relay).await.unwrap();
    client.send(b"two", &server(1)).await.unwrap();
    assert_eq!(recv(&mut *flow).await.unwrap(), b"two");
    assert_eq!((losses.fragments(), losses.malformed(), losses.foreign()), (1, 1, 1));
}

#[tokio::test]
async fn a_flow_that_nobody_takes_from_holds_little() {
    let (driver, proxy) = open();
    let (mut flows, losses) = drive(driver);
    let client = Associated::open(proxy).await.unwrap();
    client.send(&[0; 1000], &server(1)).await.unwrap();
    let mut flow = association(&mut flows).await;
    let mut sent = 1_u64;
    while losses.crowded() < 10 {
        client.send(&[0; 1000], &server(1)).await.unwrap();
        sent += 1;
        tokio::task::yield_now().await;
    }
    client.send(b"x", &server(2)).await.unwrap();
    let mut other = association(&mut flows).await;
    assert_eq!(recv(&mut *other).await.unwrap(), b"x", "another flow is served");
    drop(client.control);
    let mut taken = 0;
    while recv(&mut *flow).await.is_some() {
        taken += 1;
    }
    assert!(taken <= 256 && taken + losses.crowded() <= sent, "{taken} of {sent}");
}

#[tokio::test]
async fn a_client_speaks_to_so_many_servers_and_no_more() {
    let (driver, proxy) = open();
    let (mut flows, losses) = drive(driver);
    let client = Associated::open(proxy).await.unwrap();
    let mut held = Vec::new();
    for port in 1..=1_024 {
        client.send(b"x", &server(port)).await.unwrap();
        held.push(association(&mut flows).await);
    }
    client.send(b"x", &server(2_000)).await.unwrap();
    while losses.crowded() == 0 {
        tokio::task::yield_now().await;
    }
    held.pop();
    client.send(b"x", &server(2_001)).await.unwrap();
    association(&mut flows).await;
}

#[tokio::test]
async fn closing_ends_associations_and_lets_what_waits_be_served() {
    let (mut driver, proxy) = open();
    let asking = tokio::spawn(async move { Associated::open(proxy).await.unwrap() });
    let waiting = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        tokio::select! {
            client = asking => client.unwrap(),
            _ = next_incoming(&mut driver) => panic!("no datagram was sent"),
        }
    });
    let client = waiting.await.unwrap();
    assert!(driver.close());
    while next_incoming(&mut driver).await.unwrap().is_some() {}
    let (mut control, mut buf) = (client.control, [0]);
    let read = tokio::io::AsyncReadExt::read(&mut control, &mut buf).await;
    assert!(matches!(read, Ok(0) | Err(_)));
}
