//! What the direct dialler and the socket implementations of the contract promise.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use sidestream_capture::{
    Accepted, Association, Capabilities, Destination, Dial, Direct, Egress, FlowInfo, Idle,
    Pending, Stream, Target, poll_datagram,
};
use sidestream_flow::{FlowKey, Transport};
use sidestream_record::DialFailure;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::{Instant, sleep};

fn flow(server: SocketAddr) -> FlowInfo {
    let key = FlowKey { transport: Transport::Tcp, client: ([127, 0, 0, 1], 1).into(), server };
    let (destination, egress) = (Destination::Original, Egress::default());
    FlowInfo { key, process: None, via: "test", destination, egress, residual: None }
}

#[tokio::test]
async fn dials_an_address_and_tells_which_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let dialed = Direct::default().dial(&flow(addr), &Target::Addr(addr)).await.unwrap();
    assert_eq!(dialed.addr, addr);
}

#[tokio::test]
async fn tells_a_refusal_from_an_unknown_name() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let dial = Direct::default();
    let refused = dial.dial(&flow(unused), &Target::Addr(unused)).await.unwrap_err();
    assert_eq!(refused, DialFailure::Refused);
    // An empty label cannot be looked up, so no query leaves the machine.
    let name = Target::Name("a..invalid".into(), 80);
    let unknown = dial.dial(&flow(unused), &name).await.unwrap_err();
    assert_eq!(unknown, DialFailure::Unknown { host: "a..invalid".into() });
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

#[tokio::test]
async fn a_refused_connection_is_seen_as_a_reset() {
    let (mut client, server) = pair().await;
    Box::new(Accepted(server)).refuse(&DialFailure::Refused);
    let error = client.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_shut_down_half_leaves_the_other_open() {
    let (mut client, server) = pair().await;
    let mut stream: Box<dyn Stream> = Box::new(Accepted(server)).accept().await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
    client.write_all(b"x").await.unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 1);
}

#[tokio::test]
async fn an_association_keeps_datagrams_whole_and_tells_of_refusal() {
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = server.local_addr().unwrap();
    let dialed = Direct::default().associate(&flow(addr), &Target::Addr(addr)).await.unwrap();
    let mut association: Box<dyn Association> = dialed.association;
    for datagram in [&b"one"[..], b"", b"three"] {
        poll_fn(|cx| association.poll_send(cx, datagram)).await.unwrap();
        let mut buf = [0; 16];
        let (len, from) = server.recv_from(&mut buf).await.unwrap();
        assert_eq!(&buf[..len], datagram);
        server.send_to(&buf[..len], from).await.unwrap();
        let echoed = poll_fn(|cx| association.poll_recv(cx)).await.unwrap().unwrap();
        assert_eq!(echoed, datagram);
    }
    drop(server);
    for _ in 0..2 {
        poll_fn(|cx| association.poll_send(cx, b"x")).await.unwrap();
        let error = poll_fn(|cx| association.poll_recv(cx)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
}

#[tokio::test]
async fn a_refusal_wakes_whoever_waits_for_an_answer() {
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = server.local_addr().unwrap();
    drop(server);
    let mut association = sidestream_capture::UdpSocket::connect(addr).await.unwrap();
    let mut sent = false;
    let received = poll_fn(|cx| {
        let received = association.poll_recv(cx);
        // It waits already when the datagram goes out.
        sent = sent || association.poll_send(cx, b"anyone?").is_ready();
        received
    });
    assert_eq!(received.await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn capabilities_read_as_a_sentence() {
    assert_eq!(
        Capabilities::default().with_udp().to_string(),
        "TCP and UDP, IPv4, processes unknown, a refusing server is seen as a reset"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_idle_for_long_enough_is_over() {
    const LONG: Duration = Duration::from_secs(60);
    let began = Instant::now();
    let mut idle = Idle::new(LONG);
    sleep(LONG - Duration::from_secs(1)).await;
    idle.note();
    poll_fn(|cx| idle.poll_over(cx)).await;
    let taken = began.elapsed();
    assert!(taken >= 2 * LONG - Duration::from_secs(1), "{taken:?}");
    assert!(taken < 2 * LONG, "{taken:?}");
}

#[tokio::test]
async fn sockets_of_a_thread_receive_one_datagram_each_by_one_buffer() {
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for text in ["one", "", "three"] {
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.connect(server.local_addr().unwrap()).await.unwrap();
        server.send_to(text.as_bytes(), client.local_addr().unwrap()).await.unwrap();
        assert_eq!(poll_fn(|cx| poll_datagram(&client, cx)).await.unwrap(), text);
    }
}
