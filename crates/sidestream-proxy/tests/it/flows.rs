//! One flow at a time.

use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;

use sidestream_proxy::UpstreamTrust;
use sidestream_record::Event;
use sidestream_testkit::Origin;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::stage::Stage;

const REQUEST: &[u8] = b"GET /x HTTP/1.1\r\nhOsT:  a\r\nConnection: close\r\n\r\n";

async fn stage(server: SocketAddr) -> Stage {
    Stage::new(server, UpstreamTrust::default()).await
}

/// Sends, and reads to the end.
async fn ask(addr: SocketAddr, request: &[u8]) -> std::io::Result<String> {
    let mut client = TcpStream::connect(addr).await?;
    client.write_all(request).await?;
    let mut answer = String::new();
    client.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn bytes_pass_as_sent_and_the_exchange_is_recorded() {
    const RESPONSE: &str = "HTTP/1.1 200 Fine\r\nX:  y\r\n\r\nbody";
    let origin = Origin::http(|_, wire| {
        wire.write_all(RESPONSE.as_bytes())?;
        wire.close()
    });
    let stage = stage(origin.addr()).await;
    assert_eq!(ask(stage.addr, REQUEST).await.unwrap(), RESPONSE);
    assert_eq!(origin.requests()[0].head(), REQUEST);
    let recording = stage.end().await;
    let [exchange] = recording.exchanges()[..] else { panic!("not one exchange") };
    assert_eq!((exchange.url.as_str(), exchange.response_body.bytes), ("http://a/x", 4));
    assert_eq!(recording.served.flows, 1);
    assert_eq!(recording.failure(), "");
}

#[tokio::test]
async fn a_refused_server_is_a_reset_and_recorded_as_refused() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let stage = stage(unused).await;
    let error = ask(stage.addr, REQUEST).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    stage.settled().await;
    assert_eq!(stage.end().await.failure(), "the server refused the connection");
}

#[tokio::test]
async fn a_servers_reset_is_the_clients() {
    let origin = Origin::http(|_, wire| {
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")?;
        wire.reset()
    });
    let stage = stage(origin.addr()).await;
    let error = ask(stage.addr, REQUEST).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    stage.settled().await;
    assert_eq!(stage.end().await.failure(), "reset by the server");
}

#[tokio::test]
async fn half_closes_pass_each_way() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stage = stage(server.local_addr().unwrap()).await;
    let mut client = TcpStream::connect(stage.addr).await.unwrap();
    let (mut server, _) = server.accept().await.unwrap();
    client.write_all(b"\x01question").await.unwrap();
    client.shutdown().await.unwrap();
    let mut question = Vec::new();
    server.read_to_end(&mut question).await.unwrap();
    assert_eq!(question, b"\x01question");
    server.write_all(b"answer").await.unwrap();
    drop(server);
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"answer");
    stage.settled().await;
    assert_eq!(stage.end().await.failure(), "");
}

#[tokio::test]
async fn a_refused_request_is_answered_also_while_the_client_still_sends() {
    let origin = Origin::echo();
    let stage = stage(origin.addr()).await;
    let mut request =
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
            .to_vec();
    request.extend(vec![b'x'; 200_000]);
    let answer = ask(stage.addr, &request).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    stage.settled().await;
    assert!(stage.end().await.failure().starts_with("malformed by the client"));
}

#[tokio::test]
async fn stopping_twice_ends_a_flow_and_says_so() {
    let origin = Origin::echo();
    let stage = stage(origin.addr()).await;
    let mut client = TcpStream::connect(stage.addr).await.unwrap();
    client.write_all(b"\x01raw").await.unwrap();
    client.read_exact(&mut [0; 4]).await.unwrap();
    stage.stopper.stop();
    let recording = stage.end().await;
    assert_eq!(recording.failure(), "the proxy was stopped");
    let closed = recording.events.iter().find_map(|event| match event {
        Event::Closed(closed) => Some((closed.received, closed.sent)),
        _ => None,
    });
    assert_eq!(closed, Some((4, 4)));
    // What had come may be read; then the connection has ended.
    assert!(matches!(client.read(&mut [0; 9]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_recorder_without_room_holds_new_exchanges_back_until_it_has_some() {
    let origin = Origin::http(|_, wire| {
        wire.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
        wire.close()
    });
    let stage = stage(origin.addr()).await;
    stage.sink.set_full(true);
    let asking = tokio::spawn(ask(stage.addr, REQUEST));
    let served = TcpStream::connect(stage.addr).await;
    assert!(served.is_ok(), "the proxy still accepts");
    drop(served);
    tokio::task::yield_now().await;
    assert!(origin.requests().is_empty());
    stage.sink.set_full(false);
    assert_eq!(asking.await.unwrap().unwrap(), "HTTP/1.1 204 No Content\r\n\r\n");
}
