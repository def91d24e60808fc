//! Peers that do not read, and streams that nobody reads.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::{HELD_BYTES, KIB, MIB, PREFACE, SETTINGS, Stage};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const WHILE: Duration = Duration::from_secs(60);

/// Lets a server say something over and over to a client that reads nothing, while others are
/// served.
fn check_that_nothing_piles_up(request: &[u8], begin: &[u8], piece: &[u8]) {
    let held = allocation_counter::measure(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stage = Stage::new().await;
            let (mut near, mut far) = stage.connect().await;
            near.write_all(request).await.unwrap();
            far.read_exact(&mut vec![0; request.len()]).await.unwrap();
            far.write_all(begin).await.unwrap();
            let (tell, over) = watch::channel(false);
            // As much as the machine takes on both connections, and then no more.
            let saying = async {
                loop {
                    far.write_all(piece).await.unwrap();
                }
            };
            let others = async {
                for _ in 0..100 {
                    timeout(WHILE, stage.others(&over)).await.unwrap();
                }
            };
            tell.send(true).unwrap();
            tokio::select! {
                () = saying => unreachable!("it ends with the others"),
                () = others => {}
            }
            drop((near, far));
            stage.end().await;
        });
    });
    assert!(held.bytes_max <= HELD_BYTES, "{} bytes were held at once", held.bytes_max);
}

#[test]
fn a_client_that_reads_no_body_stops_its_server_alone() {
    let begin = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n";
    check_that_nothing_piles_up(GET, begin, &[b'x'; 64 * KIB]);
}

#[test]
fn a_client_that_reads_no_chunks_stops_its_server_alone() {
    let begin = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    check_that_nothing_piles_up(GET, begin, &b"1\r\nx\r\n".repeat(1000));
}

#[test]
fn a_client_that_reads_no_frames_stops_its_server_alone() {
    let ping = super::frame(super::PING, 0, 0, b"are you?");
    check_that_nothing_piles_up(&[PREFACE, SETTINGS].concat(), SETTINGS, &ping.repeat(1000));
}

/// Answers every request with a body of a mebibyte.
async fn serve_mebibytes(stream: TcpStream) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let mut body = respond.send_response(http::Response::new(()), false).unwrap();
        // What cannot be sent for want of a window waits in the server.
        body.send_data(Bytes::from(vec![b'x'; MIB]), true).unwrap();
    }
}

#[tokio::test]
async fn a_stream_that_is_not_read_does_not_stop_its_siblings() {
    let stage = Stage::new().await;
    let (near, far) = stage.connect().await;
    let serving = tokio::spawn(serve_mebibytes(far));
    let client = h2::client::Builder::new()
        .initial_window_size(64 * 1024)
        .initial_connection_window_size(16 * 1024 * 1024)
        .handshake::<_, Bytes>(near);
    let (sender, connection) = client.await.unwrap();
    let connection = tokio::spawn(connection);
    let get = async || {
        let mut sender = sender.clone().ready().await.unwrap();
        let request = http::Request::get("http://a.test/").body(()).unwrap();
        let (response, _) = sender.send_request(request, true).unwrap();
        response.await.unwrap().into_body()
    };
    // Its window is never opened.
    let mut stalled = get().await;
    for _ in 0..10 {
        let mut body = get().await;
        let mut read = 0;
        while let Some(data) = timeout(WHILE, body.data()).await.unwrap() {
            let data = data.unwrap();
            body.flow_control().release_capacity(data.len()).unwrap();
            read += data.len();
        }
        assert_eq!(read, MIB);
    }
    // What it had a window for is there all the while.
    assert!(!stalled.data().await.unwrap().unwrap().is_empty());
    drop((stalled, sender));
    connection.abort();
    serving.abort();
    let counts = stage.end().await;
    assert_eq!((counts.exchanges, counts.defects), (11, Vec::new()));
}
