//! Clients that misbehave, and many of them.

use std::time::Duration;

use sidestream_capture::{Kind, next_incoming};
use sidestream_testkit::skip;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::client;
use super::flows::{next, open};

#[tokio::test]
async fn garbage_ends_its_own_connection_and_no_other() {
    let (mut driver, proxy) = open();
    let losses = driver.losses();
    let clients = tokio::spawn(async move {
        for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x16\x03\x01\x02\0", &[0xff; 10_000]] {
            let mut client = TcpStream::connect(proxy).await.unwrap();
            client.write_all(garbage).await.unwrap();
            let read = client.read(&mut [0; 16]).await;
            assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
        }
        // One goes in the middle of a word, one is reset.
        let mut client = TcpStream::connect(proxy).await.unwrap();
        client.write_all(&[5, 200, 0]).await.unwrap();
        drop(client);
        let mut client = TcpStream::connect(proxy).await.unwrap();
        client.write_all(&[5]).await.unwrap();
        client.set_zero_linger().unwrap();
        drop(client);
        let address = "192.0.2.1:80".parse::<std::net::SocketAddr>().unwrap();
        client::connect(proxy, &address.into()).await.unwrap()
    });
    let Kind::Tcp(pending) = next(&mut driver).await.kind else { panic!("it is TCP") };
    let _stream = pending.accept().await.unwrap();
    let _client = clients.await.unwrap();
    while losses.clients() < 5 {
        tokio::select! {
            _ = next(&mut driver) => panic!("there is no other"),
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stands_still_is_let_go_and_holds_nobody_up() {
    let (mut driver, proxy) = open();
    let losses = driver.losses();
    let mut slow = TcpStream::connect(proxy).await.unwrap();
    slow.write_all(&[5]).await.unwrap();
    let letting_go = async {
        let read = slow.read(&mut [0]).await;
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    };
    tokio::select! {
        () = letting_go => {}
        _ = next(&mut driver) => panic!("nothing was asked for"),
    }
    assert_eq!(losses.clients(), 1);
}

#[tokio::test]
async fn five_thousand_clients_are_served_at_once() {
    let test = "five_thousand_clients_are_served_at_once";
    let (mut driver, proxy) = open();
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let limit = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    if limit.is_some_and(|limit: usize| limit < 11_000) {
        return skip(test, "too few files may be open");
    }
    let mut clients = JoinSet::new();
    for port in 0..5_000_u16 {
        let address = std::net::SocketAddr::from(([192, 0, 2, 1], port));
        clients.spawn(async move { client::connect(proxy, &address.into()).await.unwrap() });
    }
    let mut held = Vec::new();
    while held.len() < 5_000 {
        let incoming = next_incoming(&mut driver).await.unwrap().unwrap();
        let Kind::Tcp(pending) = incoming.kind else { panic!("it is TCP") };
        held.push((incoming.info.key.server.port(), pending.accept().await.unwrap()));
    }
    assert_eq!(clients.join_all().await.len(), 5_000);
    held.sort_by_key(|(port, _)| *port);
    assert!(held.iter().map(|(port, _)| *port).eq(0..5_000), "each asked for its own server");
}
