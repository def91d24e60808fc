//! Each kind of load, a little of it.

use sidestream_bench::client::{Client, Route, roots};
use sidestream_bench::{Group, Job, Origin, Seen, relay};
use sidestream_testkit::TestCa;
use tokio::net::TcpListener;

/// Does a job, and gives what was agreed on, with what the origin saw.
async fn run(job: &Job) -> (String, Seen) {
    let origin = Origin::start(TestCa::new()).await.unwrap();
    let route = |to| Route { to, proxy: None, by_name: false };
    let given = [origin.ca().pem_path().to_owned()];
    let client = Client {
        classic: route(origin.classic),
        hybrid: route(origin.hybrid),
        roots: roots(&given).unwrap(),
    };
    let (mut ready, prepared) = client.prepare(job).await.unwrap();
    // What warmed up is not counted.
    origin.take_seen();
    ready.go().await.unwrap();
    (format!("{} {}", prepared.alpn, prepared.group), origin.take_seen())
}

fn seen(what: &[(&str, u64)]) -> std::collections::BTreeMap<String, u64> {
    what.iter().map(|(what, count)| ((*what).to_owned(), *count)).collect()
}

#[tokio::test]
async fn makes_just_the_requests_that_were_asked_for() {
    for (http2, alpn, version) in [(false, "http/1.1", "HTTP/1.1"), (true, "h2", "HTTP/2.0")] {
        let job = Job::Requests { http2, count: 20, connections: 2, streams: 3 };
        let (agreed, origin) = run(&job).await;
        assert_eq!(agreed, format!("{alpn} X25519"));
        assert_eq!(origin.connections, seen(&[]), "they were open already");
        assert_eq!(origin.requests, seen(&[(version, 20)]));
    }
}

#[tokio::test]
async fn opens_connections_with_the_key_exchange_that_was_asked_for() {
    for (group, name) in [(Group::X25519, "X25519"), (Group::X25519MLKEM768, "X25519MLKEM768")] {
        let job = Job::Connections { count: 7, parallel: 3, first_host: Some(100), group };
        let (agreed, origin) = run(&job).await;
        assert_eq!(agreed, format!("http/1.1 {name}"));
        assert_eq!(origin.connections, seen(&[(&format!("http/1.1 {name}"), 7)]));
        assert_eq!(origin.requests, seen(&[("HTTP/1.1", 7)]));
    }
}

#[tokio::test]
async fn moves_bodies_both_ways() {
    for up in [false, true] {
        let (_, origin) = run(&Job::Transfer { up, bytes: 300_000 }).await;
        assert_eq!(origin.requests, seen(&[("HTTP/1.1", 1)]));
    }
}

#[tokio::test]
async fn moves_bytes_of_a_protocol_that_nobody_knows() {
    let both = [false, true].map(|up| Job::Raw { up, bytes: 300_000 });
    for job in both.into_iter().chain([Job::RawConnections { count: 9, parallel: 3 }]) {
        let (agreed, origin) = run(&job).await;
        assert_eq!(agreed, "- -");
        assert_eq!(origin.requests, seen(&[]));
    }
}

#[tokio::test]
async fn keeps_idle_connections_open() {
    let (_, origin) = run(&Job::Idle { count: 9 }).await;
    assert_eq!(origin.connections, seen(&[("http/1.1 X25519", 9)]));
}

#[tokio::test]
async fn goes_through_the_relay() {
    let origin = Origin::start(TestCa::new()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let route = Route { to: listener.local_addr().unwrap(), proxy: None, by_name: false };
    tokio::spawn(relay(listener, origin.classic));
    let given = [origin.ca().pem_path().to_owned()];
    let client = Client { classic: route, hybrid: route, roots: roots(&given).unwrap() };
    let (_, done) = client.run(&Job::Latency { count: 20 }).await.unwrap();
    assert!(0 < done.p50_ns && done.p50_ns <= done.p99_ns, "{done:?}");
}
