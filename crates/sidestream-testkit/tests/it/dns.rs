//! The DNS server.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};

use sidestream_testkit::{DnsOrigin, Query};

const A: u16 = 1;
const AAAA: u16 = 28;

/// Writes a question for `name` with id 0x1234 and recursion desired.
fn question(name: &str, kind: u16) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(kind.to_be_bytes());
    message.extend([0, 1]);
    message
}

fn ask(dns: &DnsOrigin, name: &str, kind: u16) -> Vec<u8> {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(&question(name, kind), dns.addr()).unwrap();
    let mut buffer = vec![0; 512];
    let len = client.recv(&mut buffer).unwrap();
    buffer.truncate(len);
    buffer
}

#[test]
fn answers_from_its_table() {
    let dns = DnsOrigin::serve(&[
        ("origin.test", "192.0.2.1".parse().unwrap()),
        ("origin.test", "2001:db8::1".parse().unwrap()),
        ("four.test", "192.0.2.4".parse().unwrap()),
    ]);
    let check = |name: &str, kind: u16, code: u8, records: u8, tail: &[u8]| {
        let answer = ask(&dns, name, kind);
        assert_eq!(answer[..4], [0x12, 0x34, 0x81, 0x80 | code], "{name}");
        assert_eq!(answer[7], records, "{name}");
        assert!(answer.ends_with(tail), "{name}: {answer:?}");
    };
    check("Origin.TEST", A, 0, 1, &[0, 4, 192, 0, 2, 1]);
    check(
        "origin.test",
        AAAA,
        0,
        1,
        &[0, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    );
    check("four.test", AAAA, 0, 0, &[0, 28, 0, 1]);
    check("absent.test", A, 3, 0, &[0, 1, 0, 1]);
    let first = Query { name: "origin.test".into(), kind: A, over_tcp: false };
    assert_eq!(dns.queries()[0], first);
    assert_eq!(dns.queries().len(), 4);
}

#[test]
fn answers_over_tcp_on_the_same_port() {
    let dns = DnsOrigin::serve(&[("origin.test", "192.0.2.1".parse().unwrap())]);
    let mut client = TcpStream::connect(dns.addr()).unwrap();
    let question = question("origin.test", A);
    let length = u16::try_from(question.len()).unwrap();
    client.write_all(&[&length.to_be_bytes()[..], &question].concat()).unwrap();
    let mut length = [0; 2];
    client.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    client.read_exact(&mut answer).unwrap();
    assert!(answer.ends_with(&[192, 0, 2, 1]));
    assert!(dns.queries()[0].over_tcp);
}
