//! Two machines behind each other: from HTTP/1 to HTTP/2 and back, each exchange is the same.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use sidestream_flow::{Peer, Transport};
use sidestream_proto::http1::{
    BodyReader, HeadReader, Limits, Piece, request_framing, response_framing,
};
use sidestream_proto::{Config, HttpChoice, Input};
use sidestream_record::Fields;

use crate::play::{Ca, Play, config};

const S0: Peer = Peer::Server(0);

/// A client of HTTP/1, HTTP/2 between the machines, and a server of HTTP/1, all without TLS.
struct Chain {
    first: Play,
    second: Play,
}

impl Chain {
    fn new() -> Self {
        let machine = |server| {
            let mut config: Config = config(&Ca::new());
            config.http.server = server;
            let mut play = Play::with(config, Transport::Tcp, 80, false);
            play.open();
            play
        };
        Self { first: machine(HttpChoice::Http2), second: machine(HttpChoice::Http1) }
    }

    fn settle(&mut self) {
        loop {
            let up = self.first.take_sent(S0);
            let down = self.second.take_sent(Peer::Client);
            if up.is_empty() && down.is_empty() {
                return;
            }
            if !up.is_empty() {
                self.second.quiet_input(Input::Data(Peer::Client, up.into()));
            }
            if !down.is_empty() {
                self.first.quiet_input(Input::Data(S0, down.into()));
            }
        }
    }

    /// Lets the client say something, and returns what its server hears.
    fn ask(&mut self, wire: &[u8]) -> Vec<u8> {
        self.first.quiet_input(Input::Data(Peer::Client, Bytes::copy_from_slice(wire)));
        self.settle();
        self.second.take_sent(S0)
    }

    /// Lets the server say something, and returns what its client hears.
    fn answer(&mut self, wire: &[u8]) -> Vec<u8> {
        self.second.quiet_input(Input::Data(S0, Bytes::copy_from_slice(wire)));
        self.settle();
        self.first.take_sent(Peer::Client)
    }
}

/// A message without what belongs to a connection.
#[derive(Debug, PartialEq, Eq)]
struct Message {
    start: String,
    fields: Vec<(String, Bytes)>,
    content: Bytes,
    trailers: Vec<(String, Bytes)>,
}

fn regular(fields: &Fields) -> Vec<(String, Bytes)> {
    let name = |name: &Bytes| String::from_utf8_lossy(name).to_lowercase();
    let fields = fields.iter().map(|field| (name(&field.name), field.value.clone()));
    // Whether the length was known beforehand is the version's own matter.
    let own = ["connection", "transfer-encoding", "content-length"];
    let mut fields: Vec<_> = fields.filter(|(name, _)| !own.contains(&&**name)).collect();
    // A host comes first.
    fields.sort_by_key(|(name, _)| name != "host");
    fields
}

fn content(mut reader: BodyReader, buf: &mut BytesMut) -> (Bytes, Vec<(String, Bytes)>) {
    let (mut content, mut trailers) = (BytesMut::new(), Vec::new());
    loop {
        match reader.poll(buf).unwrap().expect("it is whole") {
            Piece::Data { data, .. } => content.extend_from_slice(&data),
            Piece::Trailers { fields, .. } => trailers = regular(&fields),
            Piece::End => return (content.freeze(), trailers),
        }
    }
}

fn request(wire: &[u8]) -> Message {
    let (limits, mut buf) = (Limits::default(), BytesMut::from(wire));
    let head = HeadReader::new(limits).poll_request(&mut buf).unwrap().expect("a whole head").head;
    let start = [&head.method[..], b" ", &head.target].concat();
    let reader = BodyReader::new(request_framing(&head).unwrap(), &limits);
    let (content, trailers) = content(reader, &mut buf);
    assert!(buf.is_empty(), "{buf:?} is left");
    let start = String::from_utf8(start).unwrap();
    Message { start, fields: regular(&head.fields), content, trailers }
}

fn responses(wire: &[u8], method: &str) -> Vec<Message> {
    let (limits, mut buf) = (Limits::default(), BytesMut::from(wire));
    let mut messages = Vec::new();
    while !buf.is_empty() {
        let head = HeadReader::new(limits).poll_response(&mut buf).unwrap();
        let head = head.expect("a whole head").head;
        let framing = response_framing(&head, method.as_bytes()).unwrap();
        let (content, trailers) = content(BodyReader::new(framing, &limits), &mut buf);
        let (start, fields) = (head.status.to_string(), regular(&head.fields));
        messages.push(Message { start, fields, content, trailers });
    }
    messages
}

/// The body of a message: its fields, and what follows the head.
fn body() -> impl Strategy<Value = (String, Vec<u8>)> {
    let bytes = || vec(any::<u8>(), 1..300);
    let known = bytes().prop_map(|body| (format!("Content-Length: {}\r\n", body.len()), body));
    let chunked = (vec(bytes(), 0..4), fields(0..3)).prop_map(|(chunks, trailers)| {
        let mut wire = Vec::new();
        for chunk in chunks {
            wire.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            wire.extend([&chunk[..], b"\r\n"].concat());
        }
        wire.extend(format!("0\r\n{trailers}\r\n").into_bytes());
        ("Transfer-Encoding: chunked\r\n".to_owned(), wire)
    });
    prop_oneof![known, chunked]
}

/// Lines of fields that mean nothing to anybody.
fn fields(count: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    let line = ("[Xx]-[A-Za-z0-9]{1,8}", "([!-~]([ -~]{0,20}[!-~])?)?");
    vec(line.prop_map(|(name, value)| format!("{name}: {value}\r\n")), count)
        .prop_map(|lines| lines.concat())
}

fn asked() -> impl Strategy<Value = (String, Vec<u8>)> {
    let bodiless =
        "(GET|HEAD|OPTIONS|DELETE)".prop_map(|method| (method, (String::new(), Vec::new())));
    let bodied = ("(POST|PUT|PATCH|DELETE)", body());
    let path = "/[a-z0-9/?&=%.]{0,20}";
    (prop_oneof![bodiless, bodied], path, fields(0..6)).prop_map(
        |((method, body), path, fields)| {
            let (framing, body) = body;
            let head = format!("{method} {path} HTTP/1.1\r\nHost: a.test\r\n{fields}{framing}\r\n");
            (method, [head.into_bytes(), body].concat())
        },
    )
}

fn answered() -> impl Strategy<Value = Vec<u8>> {
    let interim = vec((prop_oneof![Just(100), Just(102), Just(103)], fields(0..3)), 0..3);
    let last = prop_oneof![
        (prop_oneof![Just(200), Just(404), Just(500)], body()),
        (prop_oneof![Just(204), Just(304)], Just((String::new(), Vec::new()))),
    ];
    (interim, last, fields(0..6)).prop_map(|(interim, (status, (framing, body)), fields)| {
        let mut wire = String::new();
        for (status, fields) in interim {
            wire += &format!("HTTP/1.1 {status} Early\r\n{fields}\r\n");
        }
        wire += &format!("HTTP/1.1 {status} Final\r\n{fields}{framing}\r\n");
        [wire.into_bytes(), body].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn an_exchange_that_is_translated_there_and_back_is_the_same(
        exchanges in vec((asked(), answered()), 1..4),
    ) {
        let mut chain = Chain::new();
        for ((method, asked), mut answered) in exchanges {
            if method == "HEAD" {
                // Its head is all that it gets.
                let end = memchr::memmem::rfind(&answered, b"Final").unwrap();
                let end = end + memchr::memmem::find(&answered[end..], b"\r\n\r\n").unwrap() + 4;
                answered.truncate(end);
            }
            let heard = chain.ask(&asked);
            prop_assert_eq!(request(&heard), request(&asked));
            let heard = chain.answer(&answered);
            prop_assert_eq!(responses(&heard, &method), responses(&answered, &method));
        }
    }
}

#[test]
fn a_client_that_waits_for_a_100_gets_its_servers_through_both() {
    let mut chain = Chain::new();
    let head =
        b"PUT /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    let heard = chain.ask(head);
    assert!(memchr::memmem::find(&heard, b"\r\nexpect: 100-continue\r\n").is_some(), "{heard:?}");
    assert!(heard.ends_with(b"\r\n\r\n"));
    assert_eq!(chain.answer(b"HTTP/1.1 100 Continue\r\n\r\n"), b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(chain.ask(b"hello"), b"hello");
    let heard = chain.answer(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(heard, b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n");
}

#[test]
fn a_websocket_goes_through_both_as_it_was_sent() {
    let mut chain = Chain::new();
    let asks =
        b"GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let request = String::from_utf8(chain.ask(asks)).unwrap();
    assert!(request.starts_with("GET /chat HTTP/1.1\r\n"), "{request}");
    let heard = String::from_utf8(chain.answer(super::sockets::accepting(&request).as_bytes()));
    let heard = heard.unwrap();
    assert!(
        heard.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
        "{heard}"
    );
    let wire: Vec<u8> = (0..=255).cycle().take(40_000).collect();
    assert_eq!(chain.ask(&wire), wire);
    assert_eq!(chain.answer(&wire), wire);
    chain.first.quiet_input(Input::Eof(Peer::Client));
    chain.settle();
    chain.second.quiet_input(Input::Eof(S0));
    chain.settle();
    assert!(chain.first.done);
}
