//! Against another implementation of HTTP/2, in memory.

use std::collections::HashMap;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response};
use sidestream_proto::endpoint::{Endpoint, Event, Limits};
use sidestream_record::Fields;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use crate::endpoint::wire::{GET, fields};

const SIZES: [usize; 9] = [0, 1, 100, 16_384, 16_385, 65_535, 65_536, 300_000, 1 << 20];

/// Runs an end point on a stream until the stream ends or the closure says so.
async fn run(
    mut io: DuplexStream,
    end: &mut Endpoint,
    mut on: impl FnMut(&mut Endpoint, Event) -> bool,
) {
    let mut buf = BytesMut::with_capacity(32 * 1024);
    loop {
        for piece in end.take_wire() {
            if io.write_all(&piece).await.is_err() {
                return;
            }
        }
        match io.read_buf(&mut buf).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
        end.feed(buf.split().freeze(), Instant::now());
        while let Some(event) = end.poll_event() {
            if on(end, event) {
                return;
            }
        }
    }
}

/// Answers every request with its own content, and trailers.
async fn echo(io: DuplexStream) {
    let mut end = Endpoint::server(Limits::default());
    run(io, &mut end, |end, event| {
        match event {
            Event::Head { stream, fields: head, end: over } => {
                assert_eq!(head.get(":authority").unwrap(), "a.test");
                end.send_head(stream, &fields(&[(":status", "103"), ("link", "</x>")]), false);
                end.send_head(stream, &fields(&[(":status", "200"), ("x", "y")]), false);
                if over {
                    end.send_trailers(stream, fields(&[("sum", "0")]));
                }
            }
            Event::Data { stream, bytes, end: over } => {
                end.consumed(stream, bytes.len());
                end.send_data(stream, bytes, false);
                if over {
                    end.send_trailers(stream, fields(&[("sum", "1")]));
                }
            }
            Event::Trailers { stream, fields } => end.send_trailers(stream, fields),
            Event::GoAway { .. } => {}
            event => panic!("{event:?}"),
        }
        false
    })
    .await;
    assert_eq!(end.unread(), 0);
    assert_eq!(end.open_streams(), 0);
}

/// Content that shows where it came from.
fn content(size: usize, seed: usize) -> Bytes {
    (0..size).map(|at| u8::try_from((at * 31 + seed) % 251).unwrap()).collect()
}

async fn send(mut to: h2::SendStream<Bytes>, bytes: Bytes, trailers: bool) {
    let mut rest = bytes;
    while !rest.is_empty() {
        to.reserve_capacity(rest.len());
        match std::future::poll_fn(|cx| to.poll_capacity(cx)).await {
            Some(Ok(granted)) => {
                to.send_data(rest.split_to(granted.min(rest.len())), false).unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
    if trailers {
        let mut map = HeaderMap::new();
        map.insert("sum", "2".parse().unwrap());
        to.send_trailers(map).unwrap();
    } else {
        to.send_data(Bytes::new(), true).unwrap();
    }
}

async fn receive(mut from: h2::RecvStream) -> (Bytes, Option<HeaderMap>) {
    let mut all = BytesMut::new();
    while let Some(piece) = from.data().await {
        let piece = piece.unwrap();
        from.flow_control().release_capacity(piece.len()).unwrap();
        all.extend_from_slice(&piece);
    }
    (all.freeze(), from.trailers().await.unwrap())
}

/// Lets a client of that window send bodies of these sizes at the same time, and be answered.
async fn ask_all(window: u32, frame: u32, sizes: Vec<usize>) {
    let (ours, theirs) = duplex(20_000);
    let (mut client, conn) = h2::client::Builder::new()
        .initial_window_size(window)
        .initial_connection_window_size(window.max(65_535))
        .max_frame_size(frame)
        .initial_max_send_streams(100)
        .handshake::<_, Bytes>(theirs)
        .await
        .unwrap();
    let served = tokio::spawn(echo(ours));
    let conn = tokio::spawn(conn);
    let mut tasks = Vec::new();
    for (seed, size) in sizes.into_iter().enumerate() {
        let request =
            Request::builder().method(Method::POST).uri("https://a.test/x").body(()).unwrap();
        client = client.ready().await.unwrap();
        let (response, to) = client.send_request(request, false).unwrap();
        let trailers = seed % 2 == 0;
        tasks.push(tokio::spawn(async move {
            let sending = send(to, content(size, seed), trailers);
            let receiving = async {
                let response = response.await.unwrap();
                assert_eq!(response.headers()["x"], "y");
                receive(response.into_body()).await
            };
            let ((), (came, sum)) = tokio::join!(sending, receiving);
            assert_eq!(came, content(size, seed));
            assert_eq!(sum.unwrap()["sum"], if trailers { "2" } else { "1" });
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    drop(client);
    conn.await.unwrap().unwrap();
    served.await.unwrap();
}

#[tokio::test]
async fn answers_a_client_of_another_make() {
    ask_all(65_535, 16_384, SIZES.to_vec()).await;
}

#[tokio::test]
async fn answers_a_hundred_streams_at_once() {
    ask_all(1 << 20, 1 << 20, (0..100).map(|n| n * 1000).collect()).await;
}

#[tokio::test]
async fn answers_through_tiny_windows() {
    ask_all(1, 16_384, vec![0, 1, 2, 300]).await;
    ask_all(100, 16_384, vec![30_000; 20]).await;
}

/// What our client has of a response.
#[derive(Default)]
struct Answer {
    status: Bytes,
    body: BytesMut,
    trailers: Option<Fields>,
    over: bool,
}

#[tokio::test]
async fn asks_a_server_of_another_make() {
    let (ours, theirs) = duplex(20_000);
    let server = tokio::spawn(async move {
        let mut conn = h2::server::Builder::new()
            .initial_window_size(3000)
            .max_concurrent_streams(100)
            .handshake::<_, Bytes>(theirs)
            .await
            .unwrap();
        while let Some(Ok((request, mut respond))) = conn.accept().await {
            tokio::spawn(async move {
                let trailers = request.headers().contains_key("x-trailers");
                let (body, _) = receive(request.into_body()).await;
                let to = respond.send_response(Response::new(()), false).unwrap();
                send(to, body, trailers).await;
            });
        }
    });
    let mut end = Endpoint::client(Limits::default());
    let mut post = fields(&GET);
    post.0[0].value = "POST".into();
    let mut with_trailers = post.clone();
    with_trailers.push("x-trailers", "1");
    let sizes: Vec<_> = SIZES.into_iter().chain([5000; 40]).collect();
    for (seed, size) in sizes.iter().enumerate() {
        let head = if seed % 2 == 0 { &with_trailers } else { &post };
        let stream = end.open(head, false).unwrap();
        end.send_data(stream, content(*size, seed), true);
    }
    let mut answers: HashMap<u32, Answer> = HashMap::new();
    let count = sizes.len();
    run(ours, &mut end, |end, event| {
        match event {
            Event::Head { stream, fields, end } => {
                let answer = answers.entry(stream).or_default();
                answer.status = fields.get(":status").unwrap().clone();
                answer.over = end;
            }
            Event::Data { stream, bytes, end: over } => {
                end.consumed(stream, bytes.len());
                let answer = answers.get_mut(&stream).unwrap();
                answer.body.extend_from_slice(&bytes);
                answer.over = over;
            }
            Event::Trailers { stream, fields } => {
                let answer = answers.get_mut(&stream).unwrap();
                answer.trailers = Some(fields);
                answer.over = true;
            }
            event => panic!("{event:?}"),
        }
        answers.values().filter(|answer| answer.over).count() == count
    })
    .await;
    for (seed, size) in sizes.iter().enumerate() {
        let answer = &answers[&u32::try_from(2 * seed + 1).unwrap()];
        assert_eq!(answer.status, "200");
        assert!(answer.body == content(*size, seed), "content {seed}");
        assert_eq!(answer.trailers.is_some(), seed % 2 == 0);
    }
    server.abort();
}
