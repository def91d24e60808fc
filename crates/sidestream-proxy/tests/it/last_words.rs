//! What a peer says last, before its connection is reset, reaches the other one.

use std::io::{ErrorKind, Write as _};
use std::time::Duration;

use sidestream_proxy::UpstreamTrust;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::stage::Stage;

const LONG: Duration = Duration::from_secs(60);

/// Nothing that is known, so that bytes pass as they come.
const GREETING: &[u8] = b"\0hello";

/// More than a client holds that was told to hold little, and less than the proxy does.
const MUCH: usize = 60_000;

/// Reads to the end, and returns what came and how it ended.
async fn heard(from: &mut TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut said = Vec::new();
    let ended = timeout(LONG, from.read_to_end(&mut said)).await.unwrap();
    (said, ended.err().map(|error| error.kind()))
}

/// A flow whose server has greeted.
async fn greeted() -> (Stage, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stage = Stage::new(listener.local_addr().unwrap(), UpstreamTrust::default()).await;
    let socket = TcpSocket::new_v4().unwrap();
    // So that what it does not read waits in the proxy.
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let mut client = socket.connect(stage.addr).await.unwrap();
    let (mut server, _) = timeout(LONG, listener.accept()).await.unwrap().unwrap();
    server.write_all(GREETING).await.unwrap();
    timeout(LONG, client.read_exact(&mut [0; GREETING.len()])).await.unwrap().unwrap();
    (stage, client, server)
}

/// The server's last words come after the proxy last looked whether it has any, and before it
/// writes to it: then the write fails, and the words are there.
#[tokio::test]
async fn words_that_come_right_before_a_write_fails_are_passed_on() {
    let (stage, mut client, server) = greeted().await;
    client.write_all(b"unread").await.unwrap();
    timeout(LONG, server.peek(&mut [0; 1])).await.unwrap().unwrap();
    let mut server = server.into_std().unwrap();
    stage.sink.act_at_data(move || {
        server.write_all(b"last words").unwrap();
        // With something unread, so that it is a reset.
        drop(server);
    });
    client.write_all(b"more").await.unwrap();
    let (said, ended) = heard(&mut client).await;
    assert_eq!(String::from_utf8_lossy(&said), "last words");
    assert_eq!(ended, Some(ErrorKind::ConnectionReset));
    stage.settled().await;
    assert_eq!(stage.end().await.failure(), "reset by the server");
}

#[tokio::test]
async fn what_waits_for_a_slow_client_reaches_it_before_the_reset() {
    let (stage, mut client, mut server) = greeted().await;
    server.write_all(&vec![7; MUCH]).await.unwrap();
    server.set_zero_linger().unwrap();
    drop(server);
    let (said, ended) = heard(&mut client).await;
    assert_eq!((said.len(), ended), (MUCH, Some(ErrorKind::ConnectionReset)));
    stage.settled().await;
    assert_eq!(stage.end().await.failure(), "reset by the server");
}
