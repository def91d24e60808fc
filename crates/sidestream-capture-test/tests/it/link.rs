//! The fake driver's own behavior, beyond what the suite asks of every driver.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use sidestream_capture::{Capture, Incoming, Kind, SetSpecError, next_incoming};
use sidestream_capture_test::fake::{Fake, FakeCapture, FakeClients};
use sidestream_record::DialFailure;
use sidestream_spec::Spec;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SERVER: &str = "192.0.2.80:80";

/// Runs a future that ends; one that hangs fails.
fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), future).await.unwrap() })
}

fn server() -> SocketAddr {
    SERVER.parse().unwrap()
}

async fn incoming(capture: &mut FakeCapture) -> Incoming {
    next_incoming(capture).await.unwrap().unwrap()
}

/// Connects to a server that never answers; what it says when the driver answers so.
async fn refused(
    capture: &mut FakeCapture,
    clients: &FakeClients,
    reason: DialFailure,
) -> io::Error {
    let (connected, ()) = tokio::join!(clients.connect(server()), async {
        let Kind::Tcp(pending) = incoming(capture).await.kind else { panic!("not TCP") };
        pending.refuse(&reason);
    });
    connected.unwrap_err()
}

#[test]
fn a_refusal_keeps_its_reason() {
    run(async {
        let (mut capture, clients) = Fake::new();
        for (reason, kind) in [
            (DialFailure::Refused, io::ErrorKind::ConnectionRefused),
            (DialFailure::Unreachable, io::ErrorKind::HostUnreachable),
            (DialFailure::TimedOut, io::ErrorKind::TimedOut),
            (DialFailure::Other { reason: "why".into() }, io::ErrorKind::ConnectionAborted),
        ] {
            assert_eq!(refused(&mut capture, &clients, reason).await.kind(), kind);
        }
    });
}

#[test]
fn a_flow_that_nobody_answers_is_reset() {
    run(async {
        let (mut capture, clients) = Fake::new();
        let (connected, ()) = tokio::join!(clients.connect(server()), async {
            drop(incoming(&mut capture).await);
        });
        assert_eq!(connected.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn dropping_the_driver_resets_what_waits_and_what_is_under_way() {
    run(async {
        let (mut capture, clients) = Fake::new();
        let accept = async {
            let Kind::Tcp(pending) = incoming(&mut capture).await.kind else { panic!("not TCP") };
            pending.accept().await.unwrap()
        };
        let (connected, _stream) = tokio::join!(clients.connect(server()), accept);
        let waiting = {
            let clients = clients.clone();
            tokio::spawn(async move { clients.connect(server()).await })
        };
        let _pending = incoming(&mut capture).await;
        drop(capture);
        let read = connected.unwrap().stream.read(&mut [0]).await;
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(waiting.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn the_capture_is_over_when_all_clients_are_gone() {
    run(async {
        let (mut capture, clients) = Fake::new();
        let control = capture.control().unwrap();
        drop(clients);
        assert!(next_incoming(&mut capture).await.unwrap().is_none());
        let set = control.set_spec(Spec::nothing()).await;
        assert!(matches!(set, Err(SetSpecError::Over)), "{set:?}");
    });
}

#[test]
fn closing_with_unread_bytes_resets() {
    run(async {
        let (mut capture, clients) = Fake::new();
        let accept = async {
            let Kind::Tcp(pending) = incoming(&mut capture).await.kind else { panic!("not TCP") };
            pending.accept().await.unwrap()
        };
        let (connected, mut stream) = tokio::join!(clients.connect(server()), accept);
        let mut client = connected.unwrap().stream;
        client.write_all(b"ab").await.unwrap();
        stream.read_exact(&mut [0]).await.unwrap();
        drop(stream);
        let read = client.read(&mut [0]).await;
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn what_a_client_wrote_before_it_went_can_be_read() {
    run(async {
        let (mut capture, clients) = Fake::new();
        let program = tokio::spawn(async move {
            let mut stream = clients.connect(server()).await.unwrap().stream;
            drop(clients);
            stream.write_all(&[7; 50_000]).await.unwrap();
        });
        let Kind::Tcp(pending) = incoming(&mut capture).await.kind else { panic!("not TCP") };
        let mut stream = pending.accept().await.unwrap();
        program.await.unwrap();
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, [7; 50_000]);
        assert!(next_incoming(&mut capture).await.unwrap().is_none());
    });
}

#[test]
fn a_driver_that_is_dropped_while_nothing_is_under_way_is_noticed() {
    run(async {
        let (capture, clients) = Fake::new();
        let control = capture.control().unwrap();
        drop(capture);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        // A connection that the end overtakes is reset; the next is left alone.
        let mut connected = clients.connect(listener.local_addr().unwrap()).await;
        if connected.is_err() {
            connected = clients.connect(listener.local_addr().unwrap()).await;
        }
        connected.unwrap();
        assert!(matches!(control.set_spec(Spec::nothing()).await, Err(SetSpecError::Over)));
    });
}
