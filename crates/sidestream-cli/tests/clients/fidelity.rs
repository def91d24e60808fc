//! What nobody changed arrives byte for byte, both ways, through all of it.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use insta::assert_snapshot;
use sidestream_testkit::{Origin, Service};

use crate::harness::{Bench, program};

/// What a client says and what its server answers, each in one connection that the server closes.
const TALKS: &[(&str, &str, &str)] = &[
    (
        "names, order, spaces, duplicates, a reason of its own",
        "GET /a?b=%2f#c HTTP/1.1\r\nhOsT:a.test\r\nb: 1\r\nA:   2\t \r\nb: 3\r\nX-Empty:\r\nB:\t4\r\n\r\n",
        "HTTP/1.1 200 Fine,  thanks\r\nsErVeR:x\r\nSet-Cookie: a=1\r\nSET-cookie:  b=2 \r\nContent-LENGTH: 3\r\nX:\r\n\r\nabc",
    ),
    (
        "chunks, extensions, trailers",
        "POST /chunks HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: Chunked\r\nTrailer: sum\r\n\r\n003;a=\"b;c\"\r\nabc\r\n1\r\nd\r\n00;last\r\nsUm: 1\r\nSUM:  2\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0A ; x\r\n0123456789\r\n0\r\nTrAiLeR: v\r\n\r\n",
    ),
    (
        "interim responses before the final one",
        "PUT /hints HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: y\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\nlink: </t.js>\r\n\r\nHTTP/1.1 201 Created\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "HTTP/1.0, kept alive",
        "GET /1 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET /2 HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n1HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n2",
    ),
    (
        "until the connection closes",
        "GET /close HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 500 this is content\r\n\r\n",
    ),
    (
        "responses without content",
        "HEAD /head HTTP/1.1\r\nHost: a.test\r\n\r\nGET /204 HTTP/1.1\r\nHost: a.test\r\n\r\nGET /304 HTTP/1.1\r\nHost: a.test\r\nIf-None-Match: \"x\"\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 204 \r\nX: y\r\n\r\nHTTP/1.1 304\r\nContent-Length: 5\r\nETag: \"x\"\r\n\r\n",
    ),
    (
        "an upgrade that is refused",
        "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nno",
    ),
    (
        "defects that change nothing",
        "\r\nGET  /odd  HTTP/1.1 \r\nX-A : b\r\nno colon\r\nHost: a.test\r\nHost: a.test\r\nfold: a\r\n\tb\r\n\r\n",
        "HTTP/1.1 200\r\nX(A): b\r\nfold: a\r\n b\nbare: x\r\nContent-Length: 1, 1\r\nContent-Length: 1\r\n\r\nx",
    ),
];

/// Says everything in turn, a few bytes at a time, and prints what comes back in hexadecimal
/// digits.
const CLIENT: &str = "
import socket, ssl, sys
port, how, *talks = sys.argv[1:]
for talk in talks:
    peer = socket.create_connection(('127.0.0.1', int(port)), 20)
    if how == 'tls':
        peer = ssl.create_default_context().wrap_socket(peer, server_hostname='localhost')
    said = bytes.fromhex(talk)
    for at in range(0, len(said), 7):
        peer.sendall(said[at:at + 7])
    heard = b''
    while got := peer.recv(4096):
        heard += got
    print(heard.hex())
    peer.close()
";

/// Serves the talks, one a connection.
fn service() -> Service {
    let next = AtomicUsize::new(0);
    Service::tcp(move |wire| {
        let (_, asks, answers) = TALKS[next.fetch_add(1, Ordering::SeqCst)];
        wire.read_exact(&mut vec![0; asks.len()])?;
        wire.write_all(answers.as_bytes())?;
        wire.close()
    })
}

/// Prints what arrived, line by line.
fn lines(text: &mut String, to: &str, bytes: &[u8]) {
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        writeln!(text, "    {to} {}", line.escape_ascii()).unwrap();
    }
}

/// Has all the talks, and returns what arrived on either side.
fn had(python: &str, bench: &Bench, origin: &Origin, how: &str) -> String {
    let port = origin.port().to_string();
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let talks: Vec<_> = TALKS.iter().map(|(_, asks, _)| hex(asks)).collect();
    let words = [python, "-c", CLIENT, &port, how].into_iter().map(str::to_owned);
    let ran = bench.run(words.chain(talks));
    let heard: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(heard.len(), TALKS.len(), "{}", ran.stderr);
    let mut text = String::new();
    for (((what, asks, answers), got), heard) in TALKS.iter().zip(origin.received()).zip(heard) {
        assert_eq!(got.escape_ascii().to_string(), asks.as_bytes().escape_ascii().to_string());
        assert_eq!(heard, hex(answers), "{what}");
        writeln!(text, "{what}").unwrap();
        lines(&mut text, ">", &got);
        lines(&mut text, "<", answers.as_bytes());
    }
    let read: Vec<_> = ran.lines.iter().filter(|line| line["kind"] == "http").collect();
    for line in &read {
        let (request, response) = (&line["request"], &line["response"]);
        let path = request["url"].as_str().unwrap().split_once(".test").map_or("/", |it| it.1);
        let method = request["method"].as_str().unwrap();
        writeln!(text, "{method} {path}: {} {}", response["status"], line["defects"]).unwrap();
        assert!(line["error"].is_null() && line["alterations"].is_null(), "{line:#}");
    }
    text
}

#[test]
fn what_nobody_changed_arrives_as_it_was_sent() {
    let test = "what_nobody_changed_arrives_as_it_was_sent";
    let Some(python) = program(test, "python3") else { return };
    let bench = Bench::new();
    let origin = Origin::listen(([127, 0, 0, 1], 0).into(), service()).unwrap();
    assert_snapshot!(had(python.to_str().unwrap(), &bench, &origin, "clear"));
}

#[test]
fn what_nobody_changed_arrives_as_it_was_sent_inside_tls() {
    let test = "what_nobody_changed_arrives_as_it_was_sent_inside_tls";
    let Some(python) = program(test, "python3") else { return };
    let bench = Bench::new();
    let tls = service().over_tls(bench.ca.server_config(&["localhost"]));
    let origin = Origin::listen(([127, 0, 0, 1], 0).into(), tls).unwrap();
    let inside = had(python.to_str().unwrap(), &bench, &origin, "tls");
    let plain = Origin::listen(([127, 0, 0, 1], 0).into(), service()).unwrap();
    assert_eq!(inside, had(python.to_str().unwrap(), &bench, &plain, "clear"));
}

#[test]
fn curl_hears_and_says_the_same_through_us() {
    let Some(curl) = program("curl_hears_and_says_the_same_through_us", "curl") else { return };
    let bench = Bench::new();
    const ANSWER: &str = "HTTP/1.1 103 Early Hints\r\nlInK: </s>\r\n\r\nHTTP/1.1 200 Sure\r\nX-odd:  a \r\nx-ODD:b\r\nTransfer-Encoding: chunked\r\n\r\n003;a=\"b\"\r\nabc\r\n0\r\nSum:  1\r\n\r\n";
    let origin = Origin::tcp(|wire| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            wire.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        wire.write_all(ANSWER.as_bytes())?;
        wire.close()
    });
    let url = format!("http://127.0.0.1:{}/a/../b?c=%20", origin.port());
    let words = ["-sSi", "--raw", "--path-as-is", "-H", "x-ODD:  a", "-H", "X-odd: b", &url];
    let direct = Command::new(&curl).args(words).output().unwrap();
    let ran = bench.run([&[curl.to_str().unwrap()], &words[..]].concat());
    assert_eq!(ran.stdout, ANSWER);
    assert_eq!(ran.output.stdout, direct.stdout);
    let said = origin.received();
    assert_eq!(said[0].escape_ascii().to_string(), said[1].escape_ascii().to_string());
    assert!(said[1].starts_with(b"GET /a/../b?c=%20 HTTP/1.1\r\n"));
}
