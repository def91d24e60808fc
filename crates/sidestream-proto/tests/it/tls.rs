//! TLS between a real client and a real server, with the machine between them.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use insta::assert_snapshot;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use sidestream_flow::{Peer, Transport};
use sidestream_proto::{Config, Event, Input, Output, PassRules};
use sidestream_record::Protocol;

use crate::play::{Ca, Play, config};

/// A client, the machine, and a server, joined in memory.
pub(crate) struct Stage {
    pub(crate) play: Play,
    pub(crate) ours: Ca,
    pub(crate) client: Connection,
    pub(crate) server: Connection,
    /// How many bytes of the wire are moved at once.
    pub(crate) step: usize,
    pub(crate) client_error: Option<rustls::Error>,
    pub(crate) server_error: Option<rustls::Error>,
}

/// What the two ends are made of.
pub(crate) struct Cast {
    pub(crate) upstream: Ca,
    pub(crate) ours: Ca,
    pub(crate) client: ClientConfig,
    pub(crate) server: ServerConfig,
    pub(crate) config: Config,
    pub(crate) sni: &'static str,
    /// The name under which the client looked the server up.
    pub(crate) host: Option<String>,
    pub(crate) pass: PassRules,
}

impl Cast {
    pub(crate) fn new() -> Self {
        let (upstream, ours) = (Ca::new(), Ca::new());
        Self {
            client: ours.client_config(),
            server: upstream.server_config("a.test"),
            config: config(&upstream),
            sni: "a.test",
            host: None,
            pass: PassRules::default(),
            upstream,
            ours,
        }
    }

    pub(crate) fn meet(self) -> Stage {
        let mut play = Play::ruled(self.config, Transport::Tcp, 443, self.host, self.pass);
        play.open();
        let name = ServerName::try_from(self.sni).unwrap();
        Stage {
            play,
            ours: self.ours,
            client: ClientConnection::new(Arc::new(self.client), name).unwrap().into(),
            server: ServerConnection::new(Arc::new(self.server)).unwrap().into(),
            step: usize::MAX,
            client_error: None,
            server_error: None,
        }
    }
}

impl Stage {
    /// Moves bytes until nobody has anything more to say.
    pub(crate) fn settle(&mut self) {
        loop {
            let mut moved = false;
            for peer in [Peer::Client, Peer::Server(0)] {
                let wire = take(self.end(peer));
                moved |= !wire.is_empty();
                for piece in wire.chunks(self.step) {
                    self.play.quiet_input(Input::Data(peer, Bytes::copy_from_slice(piece)));
                }
            }
            let leaf = self.play.outputs.iter().position(|o| matches!(o, Output::NeedLeaf(_)));
            if let Some(at) = leaf {
                let Output::NeedLeaf(request) = self.play.outputs.remove(at) else { continue };
                let leaf = self.ours.certified(&request.host);
                self.play.quiet_input(Input::Leaf(Ok(leaf)));
                moved = true;
            }
            for peer in [Peer::Client, Peer::Server(0)] {
                let sent = self.play.take_sent(peer);
                moved |= !sent.is_empty();
                if let Some(error) = give(self.end(peer), &sent) {
                    match peer {
                        Peer::Client => self.client_error = Some(error),
                        Peer::Server(_) => self.server_error = Some(error),
                    }
                }
            }
            if !moved {
                return;
            }
        }
    }

    fn end(&mut self, peer: Peer) -> &mut Connection {
        match peer {
            Peer::Client => &mut self.client,
            Peer::Server(_) => &mut self.server,
        }
    }

    pub(crate) fn say(&mut self, peer: Peer, text: &str) {
        self.end(peer).writer().write_all(text.as_bytes()).unwrap();
        self.settle();
    }

    pub(crate) fn heard(&mut self, peer: Peer) -> String {
        let mut heard = Vec::new();
        // That the peer has not ended yet is no error here.
        _ = self.end(peer).reader().read_to_end(&mut heard);
        String::from_utf8(heard).unwrap()
    }

    /// The transcript without what is ciphertext.
    pub(crate) fn transcript(&self) -> String {
        let lines = self.play.to_string();
        let cipher = |line: &&str| !(line.contains("<< send") || line.contains(">> data"));
        let closed = |line: &str| match line.split_once("closed, ") {
            Some((start, rest)) => {
                let why = rest.split_once(" sent").map_or("", |(_, why)| why);
                format!("{start}closed{why}")
            }
            None => line.to_owned(),
        };
        lines.lines().filter(cipher).map(closed).collect::<Vec<_>>().join("\n")
    }
}

pub(crate) fn take(end: &mut Connection) -> Vec<u8> {
    let mut wire = Vec::new();
    while end.wants_write() {
        end.write_tls(&mut wire).unwrap();
    }
    wire
}

pub(crate) fn give(end: &mut Connection, mut wire: &[u8]) -> Option<rustls::Error> {
    while !wire.is_empty() {
        end.read_tls(&mut wire).unwrap();
        if let Err(error) = end.process_new_packets() {
            return Some(error);
        }
    }
    None
}

const REQUEST: &str = "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n";
const RESPONSE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn both_legs_are_secured_and_what_is_inside_is_read() {
    let mut cast = Cast::new();
    cast.client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    cast.server.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut stage = cast.meet();
    stage.settle();
    stage.say(Peer::Client, REQUEST);
    stage.say(Peer::Server(0), RESPONSE);
    assert_eq!(stage.heard(Peer::Server(0)), REQUEST);
    assert_eq!(stage.heard(Peer::Client), RESPONSE);
    assert_eq!(stage.client.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_snapshot!(stage.transcript());
}

#[test]
fn every_byte_may_come_alone() {
    let mut stage = Stage { step: 1, ..Cast::new().meet() };
    stage.settle();
    stage.say(Peer::Client, REQUEST);
    stage.say(Peer::Server(0), RESPONSE);
    assert_eq!(stage.heard(Peer::Server(0)), REQUEST);
    assert_eq!(stage.heard(Peer::Client), RESPONSE);
}

#[test]
fn a_client_without_alpn_meets_a_server_that_was_offered_none() {
    let mut cast = Cast::new();
    cast.server.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut stage = cast.meet();
    stage.settle();
    assert_eq!(stage.server.alpn_protocol(), None);
    assert_eq!(stage.client.alpn_protocol(), None);
    assert!(!stage.client.is_handshaking());
}

#[test]
fn a_client_that_speaks_only_what_we_do_not_is_passed_undecrypted() {
    let mut cast = Cast::new();
    cast.client = cast.upstream.client_config();
    cast.client.alpn_protocols = vec![b"spdy/3.1".to_vec()];
    cast.server.alpn_protocols = vec![b"spdy/3.1".to_vec()];
    let mut stage = cast.meet();
    stage.settle();
    stage.say(Peer::Client, "PRI");
    assert_eq!(stage.heard(Peer::Server(0)), "PRI");
    assert_eq!(stage.client.alpn_protocol(), Some(&b"spdy/3.1"[..]));
}

#[test]
fn a_client_that_speaks_only_http2_is_read() {
    let mut cast = Cast::new();
    cast.client.alpn_protocols = vec![b"h2".to_vec()];
    cast.server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut stage = cast.meet();
    stage.settle();
    assert_eq!(stage.client.alpn_protocol(), Some(&b"h2"[..]));
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    stage.say(Peer::Client, preface);
    assert_eq!(stage.heard(Peer::Server(0)), preface);
    assert!(stage.play.events().any(|event| *event == Event::Recognized(Protocol::Http2)));
}

#[test]
fn a_server_may_speak_first_inside() {
    let mut stage = Cast::new().meet();
    stage.settle();
    stage.say(Peer::Server(0), "* OK IMAP4rev1\r\n");
    assert_eq!(stage.heard(Peer::Client), "* OK IMAP4rev1\r\n");
    stage.say(Peer::Client, "a LOGIN\r\n");
    assert_eq!(stage.heard(Peer::Server(0)), "a LOGIN\r\n");
}

#[test]
fn a_server_from_an_unknown_issuer_is_no_server_for_the_client() {
    let mut cast = Cast::new();
    cast.server = Ca::named("Other").server_config("a.test");
    let mut stage = cast.meet();
    stage.settle();
    assert_snapshot!(stage.client_error.take().unwrap(), @"received fatal alert: UnknownCA");
    assert_snapshot!(stage.server_error.take().unwrap(), @"received fatal alert: UnknownCA");
    assert_snapshot!(stage.transcript());
}

#[test]
fn a_server_with_anothers_certificate_is_no_server_for_the_client() {
    let mut cast = Cast::new();
    cast.server = cast.upstream.server_config("b.test");
    let mut stage = cast.meet();
    stage.settle();
    assert!(stage.client_error.is_some());
    assert!(stage.transcript().contains("its certificate is for another name"));
}

#[test]
fn an_alert_of_the_server_reaches_the_client() {
    let mut cast = Cast::new();
    cast.client.alpn_protocols = vec![b"http/1.1".to_vec()];
    cast.server.alpn_protocols = vec![b"imap".to_vec()];
    let mut stage = cast.meet();
    stage.settle();
    assert_snapshot!(stage.client_error.take().unwrap());
}

#[test]
fn a_client_that_does_not_trust_us_is_recognized() {
    let mut cast = Cast::new();
    cast.client = Ca::named("Other").client_config();
    let mut stage = cast.meet();
    stage.settle();
    assert_snapshot!(stage.transcript());
}

#[test]
fn tls_1_2_is_spoken_where_the_server_speaks_no_other() {
    let mut cast = Cast::new();
    let (certificate, key) = cast.upstream.leaf("a.test");
    cast.server = ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_protocol_versions(&[&rustls::version::TLS12])
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![certificate], key)
    .unwrap();
    let mut stage = cast.meet();
    stage.settle();
    stage.say(Peer::Client, REQUEST);
    assert_eq!(stage.heard(Peer::Server(0)), REQUEST);
    assert!(stage.transcript().contains("secured server TLS 1.2"));
}

#[test]
fn a_clean_end_is_passed_on_as_one_and_a_cut_is_not() {
    for clean in [true, false] {
        let mut stage = Cast::new().meet();
        stage.settle();
        stage.say(Peer::Server(0), "hello");
        if clean {
            stage.server.send_close_notify();
        }
        stage.settle();
        stage.play.input(Input::Eof(Peer::Server(0)));
        stage.settle();
        let mut heard = Vec::new();
        stage.client.read_tls(&mut &b""[..]).unwrap();
        let ended = stage.client.reader().read_to_end(&mut heard);
        assert_eq!(heard, b"hello");
        assert_eq!(ended.is_ok(), clean);
    }
}

#[test]
fn a_hello_that_never_ends_is_passed_raw_after_a_while() {
    let mut play = Play::opened();
    play.client(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc");
    play.expire();
    assert_snapshot!(play);
}

#[test]
fn a_server_that_never_answers_fails_the_flow() {
    let mut stage = Cast::new().meet();
    let hello = take(&mut stage.client);
    stage.play.quiet_input(Input::Data(Peer::Client, hello.into()));
    stage.play.expire();
    assert_snapshot!(stage.transcript());
}

#[test]
fn a_proxy_may_be_spoken_to_over_tls_and_tls_be_inside() {
    let cast = Cast::new();
    let mut play = Play::with(cast.config, Transport::Tcp, 8080, true);
    let outer = ServerName::try_from("proxy.test").unwrap();
    let outer = ClientConnection::new(Arc::new(cast.ours.client_config()), outer).unwrap();
    let inner = ServerName::try_from("a.test").unwrap();
    let mut inner = ClientConnection::new(Arc::new(cast.client), inner).unwrap();
    let mut server = Connection::from(ServerConnection::new(Arc::new(cast.server)).unwrap());
    let mut outer = Connection::from(outer);
    let mut answer = Vec::new();
    outer.writer().write_all(b"CONNECT a.test:443 HTTP/1.1\r\n\r\n").unwrap();
    inner.writer().write_all(REQUEST.as_bytes()).unwrap();
    for _ in 0..20 {
        if answer.ends_with(b"\r\n\r\n") {
            let mut wire = Vec::new();
            while inner.wants_write() {
                inner.write_tls(&mut wire).unwrap();
            }
            outer.writer().write_all(&wire).unwrap();
        }
        play.quiet_input(Input::Data(Peer::Client, take(&mut outer).into()));
        play.quiet_input(Input::Data(Peer::Server(0), take(&mut server).into()));
        let asked = play
            .outputs
            .iter()
            .position(|output| matches!(output, Output::NeedLeaf(_) | Output::Open { .. }));
        match asked.map(|at| play.outputs.remove(at)) {
            Some(Output::NeedLeaf(request)) => {
                play.quiet_input(Input::Leaf(Ok(cast.ours.certified(&request.host))));
            }
            Some(_) => play.open(),
            None => {}
        }
        assert_eq!(give(&mut outer, &play.take_sent(Peer::Client)), None);
        assert_eq!(give(&mut server, &play.take_sent(Peer::Server(0))), None);
        let mut plain = Vec::new();
        _ = outer.reader().read_to_end(&mut plain);
        if !answer.ends_with(b"\r\n\r\n") {
            answer.extend(plain);
        } else {
            let mut plain = &plain[..];
            while !plain.is_empty() {
                inner.read_tls(&mut plain).unwrap();
                inner.process_new_packets().unwrap();
            }
        }
    }
    let mut heard = Vec::new();
    _ = server.reader().read_to_end(&mut heard);
    assert_eq!(String::from_utf8(heard).unwrap(), REQUEST);
    assert!(play.events().any(|event| matches!(
        event,
        Event::Request { url, .. } if url == "https://a.test/x"
    )));
}
