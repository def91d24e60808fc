//! Origins over plain TCP.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use sidestream_testkit::{Origin, Service, has_ipv6_loopback, skip};

fn exchange(origin: &Origin, bytes: &[u8]) -> String {
    let mut client = TcpStream::connect(origin.addr()).unwrap();
    client.write_all(bytes).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn keeps_requests_as_they_stood_on_the_wire() {
    let origin = Origin::http(|_, wire| wire.write_all(b"HTTP/1.1 204 No\r\n\r\n"));
    let chunked = "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3;x=y\r\nabc\r\n0\r\nTrailer: t\r\n\r\n";
    let sized = "PUT /b HTTP/1.1\ncontent-LENGTH: 2\n\nhi";
    let answer = exchange(&origin, format!("{chunked}{sized}").as_bytes());

    assert_eq!(answer, "HTTP/1.1 204 No\r\n\r\n".repeat(2));
    let requests = origin.requests();
    assert_eq!((requests[0].method(), requests[0].target()), ("POST", "/a"));
    assert_eq!(requests[0].body(), b"3;x=y\r\nabc\r\n0\r\nTrailer: t\r\n\r\n");
    assert_eq!(requests[1].head(), b"PUT /b HTTP/1.1\ncontent-LENGTH: 2\n\n");
    assert_eq!(requests[1].header("Content-Length"), Some("2"));
    assert_eq!(requests[1].body(), b"hi");
    assert_eq!(origin.received(), [format!("{chunked}{sized}").into_bytes()]);
}

#[test]
fn leaves_what_follows_an_upgrade_to_the_handler() {
    let origin = Origin::http(|_, wire| {
        let mut rest = String::new();
        wire.read_to_string(&mut rest)?;
        wire.write_all(rest.to_uppercase().as_bytes())?;
        wire.close()
    });
    assert_eq!(exchange(&origin, b"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\nraw bytes"), "RAW BYTES");
}

#[test]
fn closes_without_losing_the_answer_when_bytes_were_not_read() {
    let origin = Origin::tcp(|wire| {
        wire.read_exact(&mut [0])?;
        wire.write_all(b"enough")
    });
    assert_eq!(exchange(&origin, &[b'x'; 4096]), "enough");
}

#[test]
fn resets_when_asked_to() {
    let origin = Origin::tcp(|wire| {
        wire.read_exact(&mut [0])?;
        wire.reset()
    });
    let mut client = TcpStream::connect(origin.addr()).unwrap();
    client.write_all(b"x").unwrap();
    let error = client.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn ends_its_connections_when_dropped() {
    let origin = Origin::echo();
    let mut client = TcpStream::connect(origin.addr()).unwrap();
    client.write_all(b"ping").unwrap();
    client.read_exact(&mut [0; 4]).unwrap();
    let addr = origin.addr();
    drop(origin);
    assert_eq!(client.read(&mut [0; 4]).unwrap_or(0), 0);
    assert!(TcpStream::connect(addr).is_err());
}

#[test]
fn listens_on_ipv6_too() {
    if !has_ipv6_loopback() {
        return skip("listens_on_ipv6_too", "no ::1 here");
    }
    let origin = Origin::listen("[::1]:0".parse().unwrap(), Service::echo()).unwrap();
    assert_eq!(exchange(&origin, b"six"), "six");
}
