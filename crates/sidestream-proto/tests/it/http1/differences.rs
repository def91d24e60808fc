//! Where another parser of heads takes what this one refuses, and the other way around.

use std::fmt::Write as _;

use insta::assert_snapshot;

use super::cases::cases;
use super::{Refusal, Sender, read};

/// Returns whether httparse, as servers and clients built on it have it, takes the head.
fn httparse_takes(sender: Sender, bytes: &[u8]) -> bool {
    let mut fields = [httparse::EMPTY_HEADER; 16];
    let parsed = match sender {
        Sender::Client => httparse::Request::new(&mut fields).parse(bytes),
        Sender::Server(_) => httparse::Response::new(&mut fields).parse(bytes),
    };
    parsed.is_ok_and(|parsed| parsed.is_complete())
}

/// Returns whether this codec takes the head, and says so of its framing too.
fn we_take(sender: Sender, bytes: &[u8]) -> bool {
    let read = read(sender, bytes);
    read.head.is_some() && !matches!(read.refusal, Some(Refusal::Framing(_)))
}

#[test]
fn takes_and_refuses_other_cases_than_httparse() {
    let (mut they, mut we) = (String::new(), String::new());
    for (name, _, sender, bytes) in cases() {
        match (httparse_takes(sender, &bytes), we_take(sender, &bytes)) {
            (true, false) => writeln!(they, "    {name}").unwrap(),
            (false, true) => writeln!(we, "    {name}").unwrap(),
            _ => {}
        }
    }
    assert_snapshot!(format!("httparse alone takes\n{they}we alone take\n{we}"));
}

#[test]
fn takes_and_refuses_other_bytes_than_httparse() {
    let client = Sender::Client;
    let server = Sender::Server("GET");
    let places = [
        (client, "method", "GE", "T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (client, "target", "GET /", "x HTTP/1.1\r\nHost: a\r\n\r\n"),
        (client, "before the version", "GET / ", "HTTP/1.1\r\nHost: a\r\n\r\n"),
        (client, "behind the version", "GET / HTTP/1.1", "\r\nHost: a\r\n\r\n"),
        (client, "before a name", "GET / HTTP/1.1\r\nHost: a\r\n", "X: y\r\n\r\n"),
        (client, "name", "GET / HTTP/1.1\r\nHost: a\r\nX", "Y: y\r\n\r\n"),
        (client, "before a colon", "GET / HTTP/1.1\r\nHost: a\r\nX", ": y\r\n\r\n"),
        (client, "value", "GET / HTTP/1.1\r\nHost: a\r\nX: y", "z\r\n\r\n"),
        (client, "behind a value", "GET / HTTP/1.1\r\nHost: a\r\nX: y", "\r\n\r\n"),
        (server, "behind the version", "HTTP/1.1", " 200 OK\r\nX: y\r\n\r\n"),
        (server, "status", "HTTP/1.1 2", "0 OK\r\nX: y\r\n\r\n"),
        (server, "behind the status", "HTTP/1.1 200", " OK\r\nX: y\r\n\r\n"),
        (server, "reason", "HTTP/1.1 200 O", "K\r\nX: y\r\n\r\n"),
        (server, "before a name", "HTTP/1.1 200 OK\r\nA: b\r\n", "X: y\r\n\r\n"),
        (server, "name", "HTTP/1.1 200 OK\r\nX", "Y: y\r\n\r\n"),
        (server, "value", "HTTP/1.1 200 OK\r\nX: y", "z\r\n\r\n"),
    ];
    let mut text = String::new();
    for (sender, place, before, behind) in places {
        let (mut they, mut we) = (Vec::new(), Vec::new());
        for byte in 0..=u8::MAX {
            let bytes = [before.as_bytes(), &[byte], behind.as_bytes()].concat();
            match (httparse_takes(sender, &bytes), we_take(sender, &bytes)) {
                (true, false) => they.push(byte),
                (false, true) => we.push(byte),
                _ => {}
            }
        }
        let who = if matches!(sender, Sender::Client) { "request" } else { "response" };
        writeln!(text, "{who}, {place}").unwrap();
        for (who, bytes) in [("httparse alone", they), ("we alone", we)] {
            if !bytes.is_empty() {
                writeln!(text, "    {who:14} {}", ranges(&bytes)).unwrap();
            }
        }
    }
    assert_snapshot!(text);
}

/// Prints bytes in ascending order as ranges.
fn ranges(bytes: &[u8]) -> String {
    let next_to = |a: &u8, b: &u8| a.checked_add(1) == Some(*b);
    let runs = bytes.chunk_by(next_to).map(|run| match run {
        [] => String::new(),
        [byte] => format!("{byte:02x}"),
        [first, .., last] => format!("{first:02x}-{last:02x}"),
    });
    runs.collect::<Vec<_>>().join(" ")
}
