//! Many flows, slow peers, large bodies.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sidestream_proxy::UpstreamTrust;
use sidestream_testkit::Origin;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::stage::Stage;

const MIB: usize = 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_stops_the_server_and_is_served_whole_in_the_end() {
    const TOTAL: usize = 256 * MIB;
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stage = Stage::new(server.local_addr().unwrap(), UpstreamTrust::default()).await;
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    let mut client = TcpStream::connect(stage.addr).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let (mut upstream, _) = server.accept().await.unwrap();
    // A server that speaks first is none of HTTP.
    upstream.read_exact(&mut [0; 27]).await.unwrap();
    let sending = tokio::spawn(async move {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {TOTAL}\r\n\r\n");
        upstream.write_all(head.as_bytes()).await.unwrap();
        let piece = vec![b'x'; MIB];
        for _ in 0..TOTAL / MIB {
            upstream.write_all(&piece).await.unwrap();
            counter.fetch_add(MIB as u64, Ordering::Relaxed);
        }
        upstream
    });
    // What the kernel buffers on both connections is all that the server can be ahead.
    let mut before = u64::MAX;
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = sent.load(Ordering::Relaxed);
        if now == before {
            break;
        }
        before = now;
    }
    assert!(before < 64 * MIB as u64, "{before} bytes were taken from the server");
    let mut read = 0;
    let mut buf = vec![0; MIB];
    while read < TOTAL {
        read += client.read(&mut buf).await.unwrap();
    }
    drop(sending.await.unwrap());
    drop(client);
    let recording = stage.end().await;
    assert_eq!(recording.exchanges()[0].response_body.bytes, TOTAL as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_clients_at_once_are_all_answered() {
    const CLIENTS: usize = 1000;
    if open_files() < 8000 {
        return too_few_files("load::a_thousand_clients_at_once_are_all_answered");
    }
    let origin = Origin::http(|_, wire| {
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
        wire.close()
    });
    let stage = Stage::new(origin.addr(), UpstreamTrust::default()).await;
    let addr = stage.addr;
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(async move {
            let mut client = TcpStream::connect(addr).await.unwrap();
            client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            assert!(answer.ends_with("ok"), "{answer}");
        });
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    let recording = stage.end().await;
    assert_eq!(recording.served.flows, CLIENTS as u64);
    assert_eq!(recording.exchanges().len(), CLIENTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_flows_stay_open_at_once() {
    // Each takes a descriptor at the client, two in the proxy, and one at the server; other tests
    // of this process need some, too.
    if open_files() < 8000 {
        return too_few_files("load::thousands_of_flows_stay_open_at_once");
    }
    let clients = 5000.min((open_files() - 4000) / 4);
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stage = Stage::new(server.local_addr().unwrap(), UpstreamTrust::default()).await;
    let serving = tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut stream, _) = server.accept().await.unwrap();
            stream.write_all(b"hello").await.unwrap();
            held.push(stream);
        }
    });
    let mut held = Vec::new();
    for _ in 0..clients {
        held.push(TcpStream::connect(stage.addr).await.unwrap());
    }
    for client in &mut held {
        let mut hello = [0; 5];
        client.read_exact(&mut hello).await.unwrap();
        assert_eq!(&hello, b"hello");
    }
    drop(held);
    serving.abort();
    assert_eq!(stage.end().await.served.flows, clients as u64);
}

fn too_few_files(test: &str) {
    sidestream_testkit::skip(test, "fewer than 8000 files may be open here");
}

/// How many files this process may have open.
pub(crate) fn open_files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    soft.unwrap_or(0)
}
