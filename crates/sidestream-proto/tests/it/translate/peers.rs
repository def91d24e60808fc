//! Between clients and servers of another make.

use std::convert::Infallible;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt as _;
use http_body_util::channel::Channel;
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sidestream_record::{Event, Part};
use tokio::io::{DuplexStream, duplex};
use tokio::task::JoinHandle;

use crate::translate::lab::{self, Report};
use crate::translate::stage::{Stage, down, up};

const SIZES: [usize; 8] = [0, 1, 1000, 16_384, 65_535, 65_536, 200_000, 1 << 20];

type Body = Channel<Bytes, Infallible>;

/// Content that shows where it came from.
fn content(size: usize, seed: usize) -> Bytes {
    (0..size).map(|at| u8::try_from((at * 31 + seed) % 251).unwrap()).collect()
}

fn trailers() -> HeaderMap {
    let mut map = HeaderMap::new();
    map.insert("sum", "1".parse().unwrap());
    map
}

/// Streams content in pieces, and trailers behind it.
fn body(all: Bytes, with_trailers: bool) -> Body {
    let (mut to, body) = Channel::new(1);
    tokio::spawn(async move {
        let mut rest = all;
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(10_000));
            if to.send_data(piece).await.is_err() {
                return;
            }
        }
        if with_trailers {
            _ = to.send(Frame::trailers(trailers())).await;
        }
    });
    body
}

/// Answers with what was sent, trailers included; `/never` is not answered to the end, and
/// `/stuck` is not read.
async fn echo(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    if request.uri().path() == "/never" {
        let (mut to, body) = Channel::new(1);
        tokio::spawn(
            async move { while to.send_data(Bytes::from(vec![0; 10_000])).await.is_ok() {} },
        );
        return Ok(Response::new(body));
    }
    if request.uri().path() == "/stuck" {
        std::future::pending::<()>().await;
    }
    let mut response = Response::builder();
    for (name, value) in request.headers() {
        if name.as_str().starts_with("x-") {
            response = response.header(name, value);
        }
    }
    let collected = request.into_body().collect().await.unwrap();
    let with_trailers = collected.trailers().is_some();
    Ok(response.header("trailer", "sum").body(body(collected.to_bytes(), with_trailers)).unwrap())
}

fn serve_http1(io: DuplexStream) {
    let serving = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(io), service_fn(echo));
    tokio::spawn(async move { _ = serving.await });
}

fn serve_http2(io: DuplexStream) {
    let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(io), service_fn(echo));
    tokio::spawn(async move { _ = serving.await });
}

/// Starts the machine on a stage, and returns the client's end.
fn start(stage: Stage, serve: fn(DuplexStream)) -> (DuplexStream, JoinHandle<Report>) {
    let (ours, theirs) = duplex(16 * 1024);
    (theirs, tokio::spawn(lab::run(stage, ours, serve)))
}

fn request(path: &str, size: usize, seed: usize, with_trailers: bool) -> Request<Body> {
    Request::builder()
        .method(Method::POST)
        .uri(format!("https://a.test{path}"))
        .header("host", "a.test")
        .header("te", "trailers")
        .header("trailer", "sum")
        .header("x-seed", seed)
        .body(body(content(size, seed), with_trailers))
        .unwrap()
}

async fn check(response: Response<Incoming>, size: usize, seed: usize, with_trailers: bool) {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-seed"], seed.to_string());
    let collected = response.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().is_some(), with_trailers, "of {seed}");
    assert!(collected.to_bytes() == content(size, seed), "content {seed}");
}

type Http2Client = hyper::client::conn::http2::SendRequest<Body>;

async fn http2_client(io: DuplexStream, window: u32) -> Http2Client {
    let (client, conn) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(window)
        .initial_connection_window_size(1 << 20)
        .handshake(TokioIo::new(io))
        .await
        .unwrap();
    tokio::spawn(async move { _ = conn.await });
    client
}

/// Sends requests at the same time, and checks every answer.
async fn ask_all(client: &Http2Client, sizes: impl IntoIterator<Item = usize>) {
    let tasks: Vec<_> = sizes
        .into_iter()
        .enumerate()
        .map(|(seed, size)| {
            let mut client = client.clone();
            tokio::spawn(async move {
                let with_trailers = seed % 2 == 0;
                let request = request("/", size, seed, with_trailers);
                client.ready().await.unwrap();
                let response = client.send_request(request).await.unwrap();
                check(response, size, seed, with_trailers).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

fn ended_well(report: &Report) -> usize {
    let well = |event: &&Event| matches!(event, Event::ExchangeEnded { failure: None, .. });
    report.events.iter().filter(well).count()
}

fn recorded(report: &Report, wanted: Part) -> usize {
    let bytes = |event: &Event| match event {
        Event::Body { part, data, .. } if *part == wanted => data.len(),
        _ => 0,
    };
    report.events.iter().map(bytes).sum()
}

#[tokio::test]
async fn http2_clients_are_served_by_http1_servers() {
    let (io, running) = start(down(), serve_http1);
    let client = http2_client(io, 65_535).await;
    ask_all(&client, SIZES).await;
    drop(client);
    let report = running.await.unwrap();
    assert_eq!(ended_well(&report), SIZES.len());
    assert_eq!(recorded(&report, Part::Request), SIZES.iter().sum());
    assert_eq!(recorded(&report, Part::Response), SIZES.iter().sum());
    assert!(report.servers <= 6);
}

#[tokio::test]
async fn a_hundred_streams_share_six_connections() {
    let (io, running) = start(down(), serve_http1);
    let client = http2_client(io, 1 << 20).await;
    ask_all(&client, (0..100).map(|n| n * 500)).await;
    drop(client);
    let report = running.await.unwrap();
    assert_eq!(ended_well(&report), 100);
    assert_eq!(report.servers, 6);
}

#[tokio::test]
async fn tiny_windows_only_take_longer() {
    let (io, running) = start(down(), serve_http1);
    let client = http2_client(io, 300).await;
    ask_all(&client, [0, 1, 299, 300, 301, 50_000, 50_000]).await;
    drop(client);
    assert_eq!(ended_well(&running.await.unwrap()), 7);
}

#[tokio::test]
async fn a_response_that_nobody_reads_stops_no_other_one() {
    let (io, running) = start(down(), serve_http1);
    let mut client = http2_client(io, 65_535).await;
    let stuck = client.send_request(request("/never", 0, 0, false)).await.unwrap();
    ask_all(&client, [20_000; 20]).await;
    // Nobody wants it any more, and its connection goes with it.
    drop(stuck);
    ask_all(&client, [20_000; 20]).await;
    drop(client);
    let report = running.await.unwrap();
    assert_eq!(ended_well(&report), 40);
    assert!(report.most_queued < 256 * 1024, "{}", report.most_queued);
    let recorded = recorded(&report, Part::Response) - 40 * 20_000;
    assert!(recorded < 512 * 1024, "{recorded} bytes were taken of what nobody read");
}

#[tokio::test]
async fn a_request_that_no_server_reads_stops_no_other_one() {
    let (io, running) = start(down(), serve_http1);
    let client = http2_client(io, 65_535).await;
    let mut stuck = Vec::new();
    for _ in 0..4 {
        let mut client = client.clone();
        client.ready().await.unwrap();
        stuck.push(tokio::spawn(client.send_request(request("/stuck", 1 << 20, 0, false))));
    }
    ask_all(&client, [100_000; 20]).await;
    stuck.iter().for_each(JoinHandle::abort);
    ask_all(&client, [100_000; 20]).await;
    drop((client, stuck));
    let report = running.await.unwrap();
    assert_eq!(ended_well(&report), 40);
    assert!(report.most_queued < 256 * 1024, "{}", report.most_queued);
}

#[tokio::test]
async fn http1_clients_are_served_by_http2_servers() {
    let (io, running) = start(up(), serve_http2);
    let (mut client, conn) =
        hyper::client::conn::http1::handshake::<_, Body>(TokioIo::new(io)).await.unwrap();
    tokio::spawn(async move { _ = conn.await });
    for (seed, size) in SIZES.into_iter().enumerate() {
        let with_trailers = seed % 2 == 0;
        client.ready().await.unwrap();
        let response = client.send_request(request("/", size, seed, with_trailers)).await.unwrap();
        check(response, size, seed, with_trailers).await;
    }
    drop(client);
    let report = running.await.unwrap();
    assert_eq!(ended_well(&report), SIZES.len());
    assert_eq!(recorded(&report, Part::Request), SIZES.iter().sum());
    assert_eq!(recorded(&report, Part::Response), SIZES.iter().sum());
    assert_eq!(report.servers, 1);
}

#[tokio::test]
async fn a_client_of_http1_that_does_not_read_holds_the_server_back() {
    let (io, running) = start(up(), serve_http2);
    let (mut client, conn) =
        hyper::client::conn::http1::handshake::<_, Body>(TokioIo::new(io)).await.unwrap();
    let conn = tokio::spawn(async move { _ = conn.await });
    let mut response = client.send_request(request("/never", 0, 0, false)).await.unwrap();
    let mut came = BytesMut::new();
    while came.len() < 300_000 {
        came.extend(response.frame().await.unwrap().unwrap().into_data().unwrap());
    }
    // Long enough for whatever would still come, without a clock.
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    conn.abort();
    drop((response, client));
    let report = running.await.unwrap();
    assert!(report.most_queued < 256 * 1024, "{}", report.most_queued);
    let recorded = recorded(&report, Part::Response);
    assert!(recorded < 1 << 20, "{recorded} bytes were taken of what nobody read");
}
