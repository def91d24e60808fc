//! What must not harm: a panic, a client that takes its time, servers that go while it stays.

use std::sync::Arc;
use std::time::Duration;

use sidestream_capture::Destination;
use sidestream_record::{Entry, Event, Recorded, Sink};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

use crate::memory::Memory;
use crate::stage::Keep;

/// Panics at every event of the first flow, from the one that was chosen on.
struct Panicking(fn(&Event) -> bool, std::sync::atomic::AtomicBool);

impl Sink for Panicking {
    fn record(&self, entry: &Entry) -> Recorded {
        use std::sync::atomic::Ordering::Relaxed;
        if entry.flow.0 == 1 {
            self.1.fetch_or((self.0)(&entry.event), Relaxed);
            assert!(!self.1.load(Relaxed), "the sink panics");
        }
        Recorded::Accepted
    }
}

async fn check_that_a_panic_ends_one_flow(at: fn(&Event) -> bool) {
    let mut stage = Memory::new(Arc::new(Panicking(at, false.into())));
    let mut first = stage.connect(Destination::Original);
    _ = first.write_all(b"\x01raw").await;
    let mut nothing = Vec::new();
    timeout(Duration::from_secs(60), first.read_to_end(&mut nothing)).await.unwrap().unwrap();

    let mut second = stage.connect(Destination::Original);
    second.write_all(b"\x01raw").await.unwrap();
    let mut said = [0; 4];
    while stage.server().await.read_exact(&mut said).await.is_err() {}
    assert_eq!(&said, b"\x01raw");
    stage.stopper.stop();
    assert_eq!(stage.serving.await.unwrap().unwrap().flows, 2);
}

#[tokio::test(start_paused = true)]
async fn a_panic_as_a_flow_opens_ends_that_flow_alone() {
    check_that_a_panic_ends_one_flow(|event| matches!(event, Event::Opened(_))).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_flow_and_in_telling_of_it_ends_that_flow_alone() {
    check_that_a_panic_ends_one_flow(|event| matches!(event, Event::Data { .. })).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_its_time_gets_all_that_a_server_said_before_it_went() {
    let mut stage = Memory::new(Arc::new(Keep::default()));
    let mut client = stage.connect(Destination::Original);
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    client.shutdown().await.unwrap();
    let mut server = stage.server().await;
    let mut answer = b"HTTP/1.0 200 OK\r\n\r\n".to_vec();
    answer.resize(40_000, b'x');
    server.write_all(&answer).await.unwrap();
    drop(server);
    sleep(Duration::from_secs(3600)).await;
    let mut read = Vec::new();
    client.read_to_end(&mut read).await.unwrap();
    assert_eq!((read.len(), read == answer), (answer.len(), true));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_does_not_outlast_a_graceful_stop() {
    let mut stage = Memory::new(Arc::new(Keep::default()));
    let mut client = stage.connect(Destination::Original);
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    client.shutdown().await.unwrap();
    let mut server = stage.server().await;
    server.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await.unwrap();
    server.write_all(&[b'x'; 40_000]).await.unwrap();
    drop(server);
    sleep(Duration::from_secs(1)).await;
    stage.stopper.stop();
    let served = timeout(Duration::from_secs(120), stage.serving).await;
    assert_eq!(served.unwrap().unwrap().unwrap().flows, 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_gone_is_let_go_while_the_client_stays() {
    let mut stage = Memory::new(Arc::new(Keep::default()));
    let mut client = stage.connect(Destination::Named);
    for number in 0..3 {
        let request = format!("GET http://{number}.test/ HTTP/1.1\r\nHost: {number}.test\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let mut server = stage.server().await;
        let mut asked = [0; 32];
        assert!(server.read(&mut asked).await.unwrap() > 0);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        server.write_all(answer).await.unwrap();
        server.shutdown().await.unwrap();
        let mut answered = [0; 40];
        client.read_exact(&mut answered[..answer.len()]).await.unwrap();
        assert_eq!(answered[..answer.len()], answer[..]);
        let mut rest = Vec::new();
        let ended = timeout(Duration::from_secs(60), server.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "server {number} is still held");
        let broken = async {
            while server.write_all(b"x").await.is_ok() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        assert!(timeout(Duration::from_secs(60), broken).await.is_ok(), "and can be written to");
    }
}
