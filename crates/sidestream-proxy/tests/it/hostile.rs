//! Peers that do harm, between real sockets: what they say passes, little is held, others go on.

mod stalls;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rustls::crypto::aws_lc_rs::default_provider;
use sidestream_ca::Authority;
use sidestream_capture::Direct;
use sidestream_flow::Ids;
use sidestream_proto::http2::PREFACE;
use sidestream_proxy::{Proxy, Stop, Stopper, UpstreamTrust, config};
use sidestream_record::{Book, Entry, Finished, Recorded, Sink};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::stage::Diverter;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// An empty SETTINGS.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// How much may be held at once on both sides of the engine, the peers of the test included.
const HELD_BYTES: u64 = 8 * MIB as u64;

/// A request of HTTP/1, up to its last field.
const BEGUN: &[u8] = b"GET / HTTP/1.1\r\nHost: a.test\r\nX: ";

/// Adds up what happens, and forgets the rest.
#[derive(Default)]
struct Tally(Mutex<(Book, Counts)>);

#[derive(Clone, Debug, Default)]
struct Counts {
    exchanges: usize,
    defects: Vec<String>,
}

impl Sink for Tally {
    fn record(&self, entry: &Entry) -> Recorded {
        let (book, counts) = &mut *self.0.lock().unwrap();
        for finished in book.apply(entry) {
            match finished {
                Finished::Exchange(..) => counts.exchanges += 1,
                Finished::Flow(flow) => counts.defects.extend(flow.defects.iter().cloned()),
                _ => {}
            }
        }
        Recorded::Accepted
    }
}

/// What a peer says: a beginning, and then one thing over and over.
#[derive(Clone)]
struct Speech {
    begin: Bytes,
    piece: Bytes,
    times: usize,
}

impl Speech {
    fn new(begin: &[u8], piece: impl Into<Bytes>, times: usize) -> Self {
        Self { begin: Bytes::copy_from_slice(begin), piece: piece.into(), times }
    }

    /// Speaks HTTP/2.
    fn http2(piece: impl Into<Bytes>, times: usize) -> Self {
        Self::new(&[PREFACE, SETTINGS].concat(), piece, times)
    }

    async fn say(&self, to: &mut (impl AsyncWrite + Unpin)) {
        to.write_all(&self.begin).await.unwrap();
        for _ in 0..self.times {
            to.write_all(&self.piece).await.unwrap();
        }
        to.shutdown().await.unwrap();
    }

    async fn hear_begin(&self, from: &mut (impl AsyncRead + Unpin)) {
        let mut begin = vec![0; self.begin.len()];
        from.read_exact(&mut begin).await.unwrap();
        assert!(begin == self.begin, "the beginning is another one");
    }

    /// Reads to the end, and checks that exactly this was said.
    async fn hear_rest(&self, from: &mut (impl AsyncRead + Unpin)) {
        let mut piece = vec![0; self.piece.len()];
        for time in 0..self.times {
            from.read_exact(&mut piece).await.unwrap();
            assert!(piece == self.piece, "piece {time} is another one");
        }
        assert_eq!(from.read(&mut [0]).await.unwrap(), 0, "more was said");
    }
}

/// A proxy whose engine, clients and servers all run on the thread of the test, which counts what
/// they allocate.
struct Stage {
    addr: SocketAddr,
    server: TcpListener,
    tally: Arc<Tally>,
    stopper: Stopper,
    serving: tokio::task::JoinHandle<()>,
}

impl Stage {
    async fn new() -> Self {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let driver = Diverter::to(server.local_addr().unwrap()).await;
        let addr = driver.addr();
        let authority =
            Authority::generate("Test", SystemTime::now(), &default_provider()).unwrap();
        let tally = Arc::new(Tally::default());
        let proxy = Proxy::new(
            config(&UpstreamTrust::default()).unwrap(),
            Arc::new(authority),
            Arc::new(Direct::default()),
            Arc::clone(&tally) as Arc<dyn Sink>,
            Ids::default(),
        );
        let (stopper, stop) = Stop::new();
        let serving = tokio::spawn(async move {
            proxy.serve(Box::new(driver), stop).await.unwrap();
        });
        Self { addr, server, tally, stopper, serving }
    }

    /// Connects a client, and accepts it at the server.
    async fn connect(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.addr).await.unwrap();
        let (server, _) = self.server.accept().await.unwrap();
        (client, server)
    }

    /// Lets a client and a server exchange a word until the attack is over, five times at least.
    async fn others(&self, over: &tokio::sync::watch::Receiver<bool>) -> usize {
        let (mut client, mut server) = self.connect().await;
        let (request, answer) =
            (b"GET / HTTP/1.1\r\nHost: other.test\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n");
        let (mut asked, mut answered) = (vec![0; request.len()], vec![0; answer.len()]);
        let mut served = 0;
        while served < 5 || !*over.borrow() {
            client.write_all(request).await.unwrap();
            server.read_exact(&mut asked).await.unwrap();
            server.write_all(answer).await.unwrap();
            client.read_exact(&mut answered).await.unwrap();
            served += 1;
        }
        served
    }

    async fn end(self) -> Counts {
        self.stopper.stop();
        self.serving.await.unwrap();
        self.tally.0.lock().unwrap().1.clone()
    }
}

/// Lets a client say one thing and a server another, and checks that both are heard, that others
/// are served meanwhile, and how much is held.
#[track_caller]
fn check(client: &Speech, server: &Speech) -> Counts {
    let mut counts = Counts::default();
    let held = allocation_counter::measure(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        counts = runtime.block_on(async {
            let stage = Stage::new().await;
            let (mut near, mut far) = stage.connect().await;
            let (tell, over) = tokio::sync::watch::channel(false);
            let attack = async {
                let (mut near_in, mut near_out) = near.split();
                let (mut far_in, mut far_out) = far.split();
                // Whoever speaks first says what is spoken: the server waits for that.
                let (heard, begun) = tokio::sync::oneshot::channel();
                let far = async {
                    client.hear_begin(&mut far_in).await;
                    heard.send(()).unwrap();
                    client.hear_rest(&mut far_in).await;
                };
                let answer = async {
                    begun.await.unwrap();
                    server.say(&mut far_out).await;
                };
                let near = async {
                    server.hear_begin(&mut near_in).await;
                    server.hear_rest(&mut near_in).await;
                };
                tokio::join!(client.say(&mut near_out), far, answer, near);
                tell.send(true).unwrap();
            };
            let (served, ()) = tokio::join!(stage.others(&over), attack);
            assert!(served >= 5, "{served} others were served");
            drop((near, far));
            let mut counts = timeout(Duration::from_secs(60), stage.end()).await.unwrap();
            counts.exchanges -= served;
            counts
        });
    });
    assert!(held.bytes_max <= HELD_BYTES, "{} bytes were held at once", held.bytes_max);
    counts
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// A server of HTTP/2 that says nothing else.
fn silent() -> Speech {
    Speech::new(SETTINGS, Bytes::new(), 0)
}

#[test]
fn a_hundred_thousand_streams_that_are_reset_harm_nobody() {
    let streams = (0..100_000).map(|number| 2 * number + 1).flat_map(|stream| {
        // GET / of http, all from the static table.
        let begin = frame(HEADERS, END_HEADERS, stream, &[0x82, 0x84, 0x86]);
        [begin, frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
    });
    let client = Speech::http2(Bytes::from_iter(streams), 1);
    let piece = client.piece.len() as u64;
    assert!(piece < HELD_BYTES, "it is held twice by the test itself");
    let counts = check(&client, &silent());
    assert_eq!((counts.exchanges, counts.defects), (100_000, Vec::new()));
}

#[test]
fn a_field_block_without_end_harms_nobody() {
    for length in [0, 16 * KIB] {
        let begin = [PREFACE, SETTINGS, &frame(HEADERS, 0, 1, b"\x82")].concat();
        let piece = frame(CONTINUATION, 0, 1, &vec![0; length]);
        let times = (256 * MIB / (length + 1)).min(100_000);
        let counts = check(&Speech::new(&begin, piece, times), &silent());
        assert!(counts.defects.concat().contains("a field block of more than"), "{counts:?}");
    }
}

#[test]
fn bombs_of_field_compression_harm_nobody() {
    // An entry of 4,000 bytes, and a hundred thousand references to it in blocks of a thousand.
    let entry = [&[0x40, 1, b'a', 127, 0xa1, 0x1e][..], &[b'x'; 4000]].concat();
    let begin = [PREFACE, SETTINGS, &frame(HEADERS, END_HEADERS, 1, &entry)].concat();
    let bomb = frame(HEADERS, END_HEADERS, 3, &[0x80 | 62; 1000]);
    let counts = check(&Speech::new(&begin, bomb, 100), &silent());
    assert!(counts.defects.concat().contains("262144"), "{counts:?}");
}

#[test]
fn a_flood_of_pings_both_ways_harms_nobody() {
    let pings = frame(PING, 0, 0, b"are you?").repeat(1000);
    let server = Speech::new(SETTINGS, pings.clone(), 1000);
    let counts = check(&Speech::http2(pings, 1000), &server);
    assert_eq!((counts.exchanges, counts.defects), (0, Vec::new()));
}

#[test]
fn a_header_of_a_gibibyte_harms_nobody() {
    let client = Speech::new(BEGUN, vec![b'x'; 64 * KIB], 16 * KIB);
    let counts = check(&client, &Speech::new(b"HTTP/1.1 431 No\r\n\r\n", Bytes::new(), 0));
    assert!(counts.defects.concat().contains("longer than 262144 bytes"), "{counts:?}");
}

#[test]
fn interim_responses_without_end_harm_nobody() {
    let get = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let interim = b"HTTP/1.1 102 Processing\r\n\r\n".repeat(1000);
    let server = Speech::new(b"HTTP/1.1 100 Continue\r\n\r\n", interim, 200);
    let counts = check(&Speech::new(get, Bytes::new(), 0), &server);
    assert_eq!((counts.exchanges, counts.defects), (1, Vec::new()));
}

#[test]
fn chunks_of_one_byte_without_end_harm_nobody() {
    let get = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let chunks = b"1\r\nx\r\n".repeat(1000);
    let begin = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let counts = check(&Speech::new(get, Bytes::new(), 0), &Speech::new(begin, chunks, 500));
    assert_eq!((counts.exchanges, counts.defects), (1, Vec::new()));
}
