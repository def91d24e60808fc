//! UDP flows: a client in memory, servers on loopback.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use sidestream_capture::Destination;
use sidestream_record::{Event, Failure, Protocol};
use sidestream_testkit::{DnsOrigin, UdpOrigin};
use tokio::io::AsyncWriteExt as _;
use tokio::time::{sleep, timeout};

use crate::memory::Memory;
use crate::stage::Keep;

/// A query for the address of `a.test`.
const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x04test\0\0\x01\0\x01";

#[tokio::test]
async fn datagrams_stay_whole_also_empty_ones_and_those_sent_before_the_server_is_reached() {
    let origin = UdpOrigin::echo();
    let sink = Arc::new(Keep::default());
    let stage = Memory::new(Arc::clone(&sink) as _);
    let mut client = stage.associate(origin.addr());
    let datagrams = [vec![b'1'; 3], vec![], vec![b'2'; 9000]];
    for datagram in &datagrams {
        client.send(datagram.clone());
    }
    for datagram in &datagrams {
        assert_eq!(client.recv().await.unwrap(), *datagram);
    }
    drop(client);
    settled(&sink).await;
    assert_eq!(closed(&sink), Some((9003, 9003, None)));
}

#[tokio::test]
async fn a_server_that_does_not_listen_ends_the_association() {
    let unused = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sink = Arc::new(Keep::default());
    let stage = Memory::new(Arc::clone(&sink) as _);
    let mut client = stage.associate(unused);
    client.send(&b"anyone?"[..]);
    assert_eq!(timeout(Duration::from_secs(60), client.recv()).await, Ok(None));
    settled(&sink).await;
    let failed = |event: &Event| match event {
        Event::Closed(closed) => matches!(closed.failure, Some(Failure::Dial(_))),
        _ => false,
    };
    assert!(sink.events().iter().any(failed));
}

#[tokio::test]
async fn an_association_that_is_idle_when_the_proxy_stops_is_whole() {
    let origin = UdpOrigin::echo();
    let sink = Arc::new(Keep::default());
    let stage = Memory::new(Arc::clone(&sink) as _);
    let mut client = stage.associate(origin.addr());
    client.send(&b"echo"[..]);
    assert_eq!(client.recv().await.unwrap(), &b"echo"[..]);
    stage.stopper.stop();
    settled(&sink).await;
    assert_eq!(closed(&sink), Some((4, 4, None)));
}

#[tokio::test]
async fn the_name_that_a_client_looked_up_is_the_name_of_the_next_flow() {
    let ip = IpAddr::from(Ipv4Addr::new(10, 0, 0, 1));
    let origin = DnsOrigin::serve(&[("a.test", ip)]);
    let sink = Arc::new(Keep::default());
    let mut stage = Memory::new(Arc::clone(&sink) as _);
    let mut resolver = stage.associate(origin.addr());
    resolver.send(QUERY);
    assert!(resolver.recv().await.unwrap().len() > QUERY.len());
    let mut client = stage.connect(Destination::Original);
    client.write_all(b"\x01raw").await.unwrap();
    drop(stage.server().await);
    let events = sink.events();
    let named = |event: &Event| matches!(event, Event::Named { host } if host == "a.test");
    assert!(events.contains(&Event::Recognized(Protocol::Dns)), "{events:?}");
    assert!(events.iter().any(named), "{events:?}");
}

/// How many bytes the only flow had each way, and how it ended.
fn closed(sink: &Keep) -> Option<(u64, u64, Option<Failure>)> {
    sink.events().into_iter().find_map(|event| match event {
        Event::Closed(closed) => Some((closed.received, closed.sent, closed.failure)),
        _ => None,
    })
}

/// Waits until the only flow is over.
async fn settled(sink: &Keep) {
    while !sink.events().iter().any(|event| matches!(event, Event::Closed(_))) {
        sleep(Duration::from_millis(5)).await;
    }
}
