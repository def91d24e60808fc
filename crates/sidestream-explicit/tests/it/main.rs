//! What the listening driver promises, on loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod exhaustion;
mod messages;
mod reverse;
mod socks5;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sidestream_capture::{Capture, Destination, Incoming, Kind, next_incoming};
use sidestream_explicit::Explicit;
use sidestream_flow::{Process, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

async fn next(driver: &mut Explicit) -> Incoming {
    next_incoming(driver).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_connection_becomes_a_flow_whose_server_is_named_later() {
    let mut driver = Explicit::bind(&[any_port()]).unwrap();
    let proxy = driver.local_addrs()[0];
    let mut client = TcpStream::connect(proxy).await.unwrap();
    let Incoming { info, kind } = next(&mut driver).await;
    assert_eq!(info.key.transport, Transport::Tcp);
    assert_eq!(info.key.client, client.local_addr().unwrap());
    assert_eq!(info.key.server, proxy);
    assert_eq!((info.destination, info.via), (Destination::Named, "regular"));
    assert_eq!(info.process, None);

    let Kind::Tcp(pending) = kind else { panic!("a TCP flow came as {kind:?}") };
    let mut stream = pending.accept().await.unwrap();
    client.write_all(b"hi").await.unwrap();
    let mut hi = [0; 2];
    stream.read_exact(&mut hi).await.unwrap();
    assert_eq!(&hi, b"hi");
}

#[tokio::test]
async fn every_address_is_served() {
    let mut addrs = vec![any_port(), any_port()];
    if sidestream_testkit::has_ipv6_loopback() {
        addrs.push("[::1]:0".parse().unwrap());
    }
    let mut driver = Explicit::bind(&addrs).unwrap();
    for addr in driver.local_addrs() {
        let _client = TcpStream::connect(addr).await.unwrap();
        assert_eq!(next(&mut driver).await.info.key.server, addr);
    }
}

#[tokio::test]
async fn the_same_port_can_be_had_for_both_families() {
    if !sidestream_testkit::has_ipv6_loopback() {
        return sidestream_testkit::skip(
            "the_same_port_can_be_had_for_both_families",
            "no IPv6 on loopback",
        );
    }
    let v4 = Explicit::bind(&["0.0.0.0:0".parse().unwrap()]).unwrap();
    let port = v4.local_addrs()[0].port();
    let v6 = SocketAddr::new("::".parse().unwrap(), port);
    assert_eq!(Explicit::bind(&[v6]).unwrap().local_addrs(), [v6]);
}

#[tokio::test]
async fn a_port_in_use_is_told_with_what_to_do() {
    let taken = Explicit::bind(&[any_port()]).unwrap().local_addrs().remove(0);
    let first = Explicit::bind(&[taken]).unwrap();
    let error = Explicit::bind(&[any_port(), taken]).unwrap_err();
    assert_eq!(error.addr, taken);
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen on {taken}: port {} is in use by another program; end that one, or \
             give another port",
            taken.port()
        )
    );
    drop(first);
}

#[tokio::test]
async fn a_local_client_is_attributed_by_the_callers_lookup() {
    let lookup = |key: &sidestream_flow::FlowKey| {
        let pid = u32::from(key.client.port());
        Some(Arc::new(Process { pid, ..Process::default() }))
    };
    let mut driver = Explicit::bind(&[any_port()]).unwrap().with_lookup(Arc::new(lookup));
    let proxy = driver.local_addrs()[0];
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(TcpStream::connect(proxy).await.unwrap());
    }
    for _ in 0..100 {
        let info = next(&mut driver).await.info;
        assert_eq!(info.process.unwrap().pid, u32::from(info.key.client.port()));
    }
}

#[tokio::test]
async fn a_lookup_that_panics_costs_one_connection() {
    let calls = AtomicU32::new(0);
    let lookup = move |_: &sidestream_flow::FlowKey| {
        assert!(calls.fetch_add(1, Ordering::Relaxed) > 0, "the first look-up fails");
        None
    };
    let mut driver = Explicit::bind(&[any_port()]).unwrap().with_lookup(Arc::new(lookup));
    let proxy = driver.local_addrs()[0];
    let _clients =
        [TcpStream::connect(proxy).await.unwrap(), TcpStream::connect(proxy).await.unwrap()];
    assert_eq!(next(&mut driver).await.info.key.server, proxy);
}

#[tokio::test]
async fn it_tells_what_it_can_do() {
    let driver = Explicit::bind(&[any_port()]).unwrap();
    assert_eq!(
        driver.capabilities().to_string(),
        "TCP, IPv4 and IPv6, processes unknown, a refusing server is seen as a reset"
    );
    assert!(driver.control().is_none());
}
