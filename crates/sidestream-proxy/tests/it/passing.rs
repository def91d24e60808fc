//! Flows that are passed as they are, between real sockets.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use sidestream_capture::Destination;
use sidestream_proxy::{Passing, UpstreamTrust};
use sidestream_record::{Closed, Event, Failure, PassReason};
use sidestream_testkit::{DnsOrigin, Origin, TestCa};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::memory::Memory;
use crate::stage::{Keep, Recording, Stage};

const LONG: Duration = Duration::from_secs(60);

pub(crate) fn origin(ca: &TestCa) -> Origin {
    Origin::https(ca.server_config(&["a.test"]), |_, wire| {
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")?;
        wire.close()
    })
}

pub(crate) fn trusting(ca: &TestCa) -> UpstreamTrust {
    UpstreamTrust { roots: vec![ca.der().clone()], insecure: false }
}

/// Asks for `a.test` over TLS, and returns the answer's last two bytes and the certificate.
pub(crate) async fn ask(stage: &Stage, config: ClientConfig) -> Result<(String, Vec<u8>), String> {
    let addr = stage.addr;
    let asked = tokio::task::spawn_blocking(move || {
        let name = ServerName::try_from("a.test").unwrap();
        let tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut client = StreamOwned::new(tls, std::net::TcpStream::connect(addr).unwrap());
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            .map_err(|error| error.to_string())?;
        let mut answer = String::new();
        client.read_to_string(&mut answer).map_err(|error| error.to_string())?;
        let shown = client.conn.peer_certificates().unwrap()[0].to_vec();
        Ok((answer.split_off(answer.len() - 2), shown))
    });
    let asked = asked.await.unwrap();
    stage.settled().await;
    asked
}

pub(crate) fn reasons(recording: &Recording) -> Vec<PassReason> {
    let why = |event: &Event| match event {
        Event::Passed(passed) => Some(passed.why.clone()),
        _ => None,
    };
    recording.events.iter().filter_map(why).collect()
}

fn closed(recording: &Recording) -> Vec<&Closed> {
    let closed = recording.events.iter().filter_map(|event| match event {
        Event::Closed(closed) => Some(closed),
        _ => None,
    });
    closed.collect()
}

fn by_spec(host: &str) -> PassReason {
    PassReason::Spec { host: Some(host.into()) }
}

#[tokio::test]
async fn a_program_that_trusts_the_server_alone_reaches_it_the_second_time() {
    let ca = TestCa::new();
    let origin = origin(&ca);
    let stage = Stage::new(origin.addr(), trusting(&ca)).await;
    let period = Duration::from_secs(600);
    stage.proxy.set_passing(Passing::default().with_refused(Some(period)));
    assert!(ask(&stage, ca.client_config()).await.is_err());
    let (answer, _) = ask(&stage, ca.client_config()).await.unwrap();
    assert_eq!(answer, "ok");
    let recording = stage.end().await;
    let failures: Vec<_> = closed(&recording).into_iter().map(|one| &one.failure).collect();
    let [Some(Failure::CertificateRefused { host, alert, passed_for }), None] = &failures[..]
    else {
        panic!("{failures:?}")
    };
    assert_eq!((host.as_str(), *passed_for), ("a.test", Some(period)));
    assert!(alert.as_ref().unwrap().contains("UnknownCA"));
    let [PassReason::Refused { host, until }] = &reasons(&recording)[..] else {
        panic!("{:?}", reasons(&recording))
    };
    assert_eq!(host, "a.test");
    let left = until.duration_since(SystemTime::now()).unwrap();
    assert!(left <= period && left > period - LONG, "{left:?}");
    assert!(recording.exchanges().is_empty(), "nothing of the content is recorded");
}

#[tokio::test]
async fn where_nothing_is_passed_a_refusal_is_seen_each_time() {
    let ca = TestCa::new();
    let origin = origin(&ca);
    let stage = Stage::new(origin.addr(), trusting(&ca)).await;
    for _ in 0..2 {
        assert!(ask(&stage, ca.client_config()).await.is_err());
    }
    let recording = stage.end().await;
    assert!(reasons(&recording).is_empty());
    for closed in closed(&recording) {
        let failure = closed.failure.as_ref().unwrap().to_string();
        assert!(failure.contains("does not trust our root"), "{failure}");
        assert!(!failure.contains("passed"), "{failure}");
    }
}

/// Connects, and closes as soon as the handshake is over.
async fn glance(stage: &Stage) {
    let (addr, config) = (stage.addr, stage.client_config());
    let glance = tokio::task::spawn_blocking(move || {
        let name = ServerName::try_from("a.test").unwrap();
        let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = std::net::TcpStream::connect(addr).unwrap();
        while tls.is_handshaking() || tls.wants_write() {
            tls.complete_io(&mut stream).unwrap();
        }
    });
    glance.await.unwrap();
    stage.settled().await;
}

#[tokio::test]
async fn a_program_that_closes_right_after_our_certificate_is_passed_the_third_time() {
    let ca = TestCa::new();
    let origin = origin(&ca);
    let stage = Stage::new(origin.addr(), trusting(&ca)).await;
    stage.proxy.set_passing(Passing::considerate());
    glance(&stage).await;
    glance(&stage).await;
    assert_eq!(ask(&stage, ca.client_config()).await.unwrap().0, "ok");
    let recording = stage.end().await;
    let failures: Vec<_> = closed(&recording)
        .into_iter()
        .map(|closed| closed.failure.as_ref().map(ToString::to_string).unwrap_or_default())
        .collect();
    assert!(failures[0].ends_with("right after our certificate for a.test"), "{failures:?}");
    assert!(failures[1].ends_with("are passed for 10 min"), "{failures:?}");
    assert_eq!(failures[2], "");
}

#[tokio::test]
async fn without_decryption_clients_meet_the_very_server_and_what_is_in_the_clear_is_read() {
    let ca = TestCa::new();
    let origin = origin(&ca);
    let stage = Stage::new(origin.addr(), UpstreamTrust::default()).await;
    stage.proxy.set_passing(Passing::default().with_decrypt(false));
    let (_, shown) = ask(&stage, ca.client_config()).await.unwrap();
    assert_ne!(shown, stage.root.to_vec());
    assert_eq!(reasons(&stage.end().await), [PassReason::Untrusted]);

    let origin = Origin::http(|_, wire| {
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")?;
        wire.close()
    });
    let stage = Stage::new(origin.addr(), UpstreamTrust::default()).await;
    stage.proxy.set_passing(Passing::default().with_decrypt(false));
    let mut client = TcpStream::connect(stage.addr).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await.unwrap();
    client.read_to_end(&mut Vec::new()).await.unwrap();
    drop(client);
    assert_eq!(stage.end().await.exchanges().len(), 1);
}

#[tokio::test]
async fn the_name_that_tls_asks_for_says_whether_the_spec_selects_the_host() {
    let ca = TestCa::new();
    let origin = origin(&ca);
    let stage = Stage::by_name(origin.addr(), trusting(&ca), "host:b.test").await;
    assert_eq!(ask(&stage, ca.client_config()).await.unwrap().0, "ok");
    let recording = stage.end().await;
    assert_eq!(reasons(&recording), [by_spec("a.test")]);
    assert!(recording.exchanges().is_empty());

    let stage = Stage::by_name(origin.addr(), trusting(&ca), "host:a.test").await;
    assert_eq!(ask(&stage, stage.client_config()).await.unwrap().0, "ok");
    let recording = stage.end().await;
    assert_eq!(recording.exchanges()[0].url, "https://a.test/");
}

#[tokio::test]
async fn the_host_of_a_request_in_the_clear_says_so_too() {
    for (spec, selected) in [("host:a.test", true), ("host:b.test", false)] {
        let origin = Origin::http(|_, wire| {
            wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")?;
            wire.close()
        });
        let stage = Stage::by_name(origin.addr(), UpstreamTrust::default(), spec).await;
        let mut client = TcpStream::connect(stage.addr).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: a.t").await.unwrap();
        client.write_all(b"est\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("ok"));
        drop(client);
        stage.settled().await;
        let recording = stage.end().await;
        assert_eq!(recording.exchanges().len(), usize::from(selected));
        assert_eq!(reasons(&recording).is_empty(), selected);
    }
}

/// A query for the address of `a.test`.
const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x04test\0\0\x01\0\x01";

#[tokio::test]
async fn the_name_that_was_looked_up_says_so_where_nobody_names_the_host() {
    for (spec, selected) in [("host:a.test", true), ("host:b.test", false)] {
        let ip = IpAddr::from(Ipv4Addr::new(10, 0, 0, 1));
        let dns = DnsOrigin::serve(&[("a.test", ip)]);
        let sink = Arc::new(Keep::default());
        let mut stage = Memory::new(Arc::clone(&sink) as _);
        stage.residual = Some(Arc::new(spec.parse().unwrap()));
        let mut resolver = stage.associate(dns.addr());
        resolver.send(QUERY);
        timeout(LONG, resolver.recv()).await.unwrap().unwrap();
        let mut client = stage.connect(Destination::Original);
        let mut server = stage.server().await;
        server.write_all(b"hello").await.unwrap();
        client.read_exact(&mut [0; 5]).await.unwrap();
        let events = sink.events();
        let dns = events.iter().any(|event| matches!(event, Event::Dns { .. }));
        assert!(!dns, "what no spec selects is not recorded");
        let recorded = events.iter().any(|event| matches!(event, Event::DataDropped { .. }));
        assert_eq!(recorded, selected);
        let passed = events.iter().any(|event| match event {
            Event::Passed(passed) => passed.why == by_spec("a.test"),
            _ => false,
        });
        assert_eq!(passed, !selected);
    }
}

/// A stage whose flows are all passed once the client has spoken, and their server.
async fn passing_all() -> (Stage, TcpListener) {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = server.local_addr().unwrap();
    (Stage::by_name(addr, UpstreamTrust::default(), "host:b.test").await, server)
}

const HELLO: &[u8] = b"\0 this is no protocol that is known";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_of_passed_flows_are_counted_exactly_and_not_recorded() {
    const UP: usize = 5_000_001;
    const DOWN: usize = 7_000_003;
    let (stage, server) = passing_all().await;
    let mut client = TcpStream::connect(stage.addr).await.unwrap();
    client.write_all(HELLO).await.unwrap();
    let (mut upstream, _) = timeout(LONG, server.accept()).await.unwrap().unwrap();
    let serving = tokio::spawn(async move {
        let mut received = Vec::new();
        let (mut reader, mut writer) = upstream.split();
        let sent = vec![2; DOWN];
        let send = async {
            writer.write_all(&sent).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let (_, read) = tokio::join!(send, reader.read_to_end(&mut received));
        read.unwrap();
        received
    });
    let (mut reader, mut writer) = client.split();
    let sent = vec![1; UP];
    let send = async {
        writer.write_all(&sent).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let (_, read) = tokio::join!(send, reader.read_to_end(&mut received));
    read.unwrap();
    assert!(received == vec![2; DOWN]);
    let arrived = serving.await.unwrap();
    assert!(arrived.starts_with(HELLO) && arrived[HELLO.len()..] == sent);
    stage.settled().await;
    let recording = stage.end().await;
    let [closed] = closed(&recording)[..] else { panic!("not one flow") };
    assert_eq!(closed.received, (HELLO.len() + UP) as u64);
    assert_eq!((closed.sent, &closed.failure), (DOWN as u64, &None));
    let content = |event: &Event| matches!(event, Event::DataDropped { .. });
    assert!(!recording.events.iter().any(content));
}

#[tokio::test]
async fn a_reset_of_one_side_is_a_reset_of_the_other() {
    for client_resets in [true, false] {
        let (stage, server) = passing_all().await;
        let mut client = TcpStream::connect(stage.addr).await.unwrap();
        client.write_all(HELLO).await.unwrap();
        let (mut upstream, _) = timeout(LONG, server.accept()).await.unwrap().unwrap();
        upstream.read_exact(&mut vec![0; HELLO.len()]).await.unwrap();
        let (reset, mut other) =
            if client_resets { (client, upstream) } else { (upstream, client) };
        reset.set_zero_linger().unwrap();
        drop(reset);
        let error = timeout(LONG, other.read(&mut [0; 1])).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        stage.settled().await;
        let failure = stage.end().await.failure();
        let who = if client_resets { "client" } else { "server" };
        assert_eq!(failure, format!("reset by the {who}"));
    }
}

#[tokio::test]
async fn a_passed_flow_that_is_stopped_has_its_bytes_counted() {
    for at_once in [false, true] {
        let (stage, server) = passing_all().await;
        let mut client = TcpStream::connect(stage.addr).await.unwrap();
        client.write_all(HELLO).await.unwrap();
        let (mut upstream, _) = timeout(LONG, server.accept()).await.unwrap().unwrap();
        upstream.read_exact(&mut vec![0; HELLO.len()]).await.unwrap();
        upstream.write_all(b"hello").await.unwrap();
        client.read_exact(&mut [0; 5]).await.unwrap();
        if at_once {
            stage.stopper.stop();
        }
        let recording = timeout(LONG, stage.end()).await.unwrap();
        let [closed] = closed(&recording)[..] else { panic!("not one flow") };
        assert_eq!((closed.received, closed.sent), (HELLO.len() as u64, 5));
        assert_eq!(closed.failure, Some(Failure::Stopped));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_passed_flows_are_open_at_once() {
    const FLOWS: usize = 2000;
    if crate::load::open_files() < 12_000 {
        let test = "passing::two_thousand_passed_flows_are_open_at_once";
        return sidestream_testkit::skip(test, "fewer than 12000 files may be open here");
    }
    let (stage, server) = passing_all().await;
    let serving = tokio::spawn(async move {
        let mut held = Vec::new();
        for _ in 0..FLOWS {
            let (mut stream, _) = server.accept().await.unwrap();
            held.push(tokio::spawn(async move {
                let mut received = vec![0; HELLO.len()];
                stream.read_exact(&mut received).await.unwrap();
                stream.write_all(&received).await.unwrap();
                stream
            }));
        }
        held
    });
    let mut held = Vec::new();
    for _ in 0..FLOWS {
        let mut client = TcpStream::connect(stage.addr).await.unwrap();
        client.write_all(HELLO).await.unwrap();
        held.push(client);
    }
    for client in &mut held {
        let mut received = vec![0; HELLO.len()];
        timeout(LONG, client.read_exact(&mut received)).await.unwrap().unwrap();
        assert_eq!(received, HELLO);
    }
    // All are open still; now they end.
    drop(held);
    drop(serving.await.unwrap());
    stage.settled().await;
    let recording = stage.end().await;
    assert_eq!(closed(&recording).len(), FLOWS);
    let bytes = HELLO.len() as u64;
    assert!(closed(&recording).iter().all(|one| (one.received, one.sent) == (bytes, bytes)));
}
