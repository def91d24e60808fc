//! Flows of a protocol that is not known, between real sockets.

use std::io::ErrorKind;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sidestream_flow::Peer;
use sidestream_proxy::UpstreamTrust;
use sidestream_record::{Closed, Event, Failure, Protocol};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::stage::{Recording, Stage};

const LONG: Duration = Duration::from_secs(60);

const GREETING: &[u8] = b"\0 this is no protocol that is known";

/// How much is read by the proxy at most, of a flow of which nobody keeps the content: what is
/// recorded, and what the relay copies before it splices; a read more of each.
const LOOKED_AT: u64 = 300 * 1024;

/// How much goes either way.
const MUCH: usize = 20_000_003;

/// A flow whose server has greeted, and both its ends.
async fn greeted(is_kept: bool) -> (Stage, TcpStream, TcpStream) {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stage = Stage::new(server.local_addr().unwrap(), UpstreamTrust::default()).await;
    stage.sink.set_wants_content(is_kept);
    let mut client = TcpStream::connect(stage.addr).await.unwrap();
    let (mut upstream, _) = timeout(LONG, server.accept()).await.unwrap().unwrap();
    upstream.write_all(GREETING).await.unwrap();
    client.read_exact(&mut [0; GREETING.len()]).await.unwrap();
    (stage, client, upstream)
}

/// Sends that much, and returns whether it arrived as it was.
async fn carries(from: &mut TcpStream, to: &mut TcpStream, bytes: usize) -> bool {
    let sent: Vec<_> = (0..bytes).map(|index| (index / 7) as u8).collect();
    let mut received = vec![0; bytes];
    let moved = async { tokio::try_join!(from.write_all(&sent), to.read_exact(&mut received)) };
    timeout(LONG, moved).await.unwrap().unwrap();
    received == sent
}

fn closed(recording: &Recording) -> &Closed {
    let mut closed = recording.events.iter().filter_map(|event| match event {
        Event::Closed(closed) => Some(closed),
        _ => None,
    });
    closed.next().unwrap()
}

/// How many stretches were recorded, and how many bytes they were, from the client and the server.
fn stretches(recording: &Recording) -> (usize, [u64; 2]) {
    let (mut count, mut sums) = (0, [0; 2]);
    for event in &recording.events {
        if let Event::DataDropped { from, bytes, .. } = event {
            count += 1;
            sums[usize::from(*from != Peer::Client)] += bytes;
        }
    }
    (count, sums)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_that_nobody_keeps_is_moved_by_the_kernel_and_counted() {
    let (stage, mut client, mut server) = greeted(false).await;
    assert!(carries(&mut client, &mut server, MUCH).await);
    assert!(carries(&mut server, &mut client, MUCH).await);
    client.shutdown().await.unwrap();
    assert_eq!(timeout(LONG, server.read(&mut [0])).await.unwrap().unwrap(), 0);
    assert!(carries(&mut server, &mut client, MUCH).await, "it has half ended");
    drop(server);
    assert_eq!(timeout(LONG, client.read(&mut [0])).await.unwrap().unwrap(), 0);
    stage.settled().await;
    let looked_at = stage.read.load(Ordering::Relaxed);
    let recording = stage.end().await;
    let (received, sent) = (MUCH as u64, (2 * MUCH + GREETING.len()) as u64);
    assert_eq!(*closed(&recording), Closed { received, sent, failure: None });
    assert!(recording.events.contains(&Event::Recognized(Protocol::Raw)));
    assert_eq!(stretches(&recording).1, [received, sent]);
    if cfg!(target_os = "linux") {
        assert!(looked_at < LOOKED_AT, "{looked_at} bytes of the client were read");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_that_comes_after_a_half_close_is_moved_by_the_kernel_too() {
    let (stage, mut client, mut server) = greeted(false).await;
    server.shutdown().await.unwrap();
    assert_eq!(timeout(LONG, client.read(&mut [0])).await.unwrap().unwrap(), 0);
    assert!(carries(&mut client, &mut server, MUCH).await);
    drop(client);
    assert_eq!(timeout(LONG, server.read(&mut [0])).await.unwrap().unwrap(), 0);
    stage.settled().await;
    let looked_at = stage.read.load(Ordering::Relaxed);
    let recording = stage.end().await;
    let (received, sent) = (MUCH as u64, GREETING.len() as u64);
    assert_eq!(*closed(&recording), Closed { received, sent, failure: None });
    if cfg!(target_os = "linux") {
        assert!(looked_at < LOOKED_AT, "{looked_at} bytes of the client were read");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_that_somebody_keeps_is_recorded_to_its_end() {
    let (stage, mut client, mut server) = greeted(true).await;
    assert!(carries(&mut client, &mut server, MUCH).await);
    drop((client, server));
    stage.settled().await;
    let looked_at = stage.read.load(Ordering::Relaxed);
    let recording = stage.end().await;
    assert_eq!(looked_at, MUCH as u64);
    let (count, sums) = stretches(&recording);
    assert_eq!(sums, [MUCH as u64, GREETING.len() as u64]);
    assert!(count > 100, "{count} stretches");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_is_one_after_the_kernel_has_taken_over() {
    for client_resets in [true, false] {
        let (stage, mut client, mut server) = greeted(false).await;
        assert!(carries(&mut server, &mut client, MUCH).await);
        let (reset, mut other) = if client_resets { (client, server) } else { (server, client) };
        reset.set_zero_linger().unwrap();
        drop(reset);
        let error = timeout(LONG, other.read(&mut [0])).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        stage.settled().await;
        let recording = stage.end().await;
        let (received, sent) = (0, (MUCH + GREETING.len()) as u64);
        let peer = if client_resets { Peer::Client } else { Peer::Server(0) };
        let failure = Some(Failure::Reset(peer));
        assert_eq!(*closed(&recording), Closed { received, sent, failure });
        assert_eq!(stretches(&recording).1, [received, sent]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_moved_is_counted_also_where_the_proxy_is_stopped() {
    let (stage, mut client, mut server) = greeted(false).await;
    assert!(carries(&mut client, &mut server, MUCH).await);
    let recording = timeout(LONG, stage.end()).await.unwrap();
    let (received, sent) = (MUCH as u64, GREETING.len() as u64);
    let failure = Some(Failure::Stopped);
    assert_eq!(*closed(&recording), Closed { received, sent, failure });
    assert_eq!(stretches(&recording).1, [received, sent]);
}
