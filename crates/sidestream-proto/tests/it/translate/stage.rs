//! A client, the machine, and as many servers as it opens, all with TLS, joined in memory.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Connection, ServerConfig, ServerConnection};
use sidestream_flow::{Peer, Transport};
use sidestream_proto::hooks::{Interest, Limits};
use sidestream_proto::{Config, Event, HttpChoice, HttpVersions, Input, Output};

use crate::play::{Ca, Play, config};

pub(crate) struct Stage {
    pub(crate) play: Play,
    ours: Ca,
    client: Connection,
    pub(crate) servers: Vec<Connection>,
    /// What each end heard and nobody took yet.
    heard: BTreeMap<Peer, Vec<u8>>,
    server_config: Arc<ServerConfig>,
    /// Which of the connections that the machine asks for are made.
    pub(crate) reachable: usize,
    /// The ends that the machine aborted.
    pub(crate) aborted: Vec<Peer>,
    /// The events that were looked at.
    events: Vec<Event>,
}

/// A client of HTTP/2 and a server of HTTP/1.
pub(crate) fn down() -> Stage {
    let http = HttpVersions { server: HttpChoice::Http1, ..HttpVersions::default() };
    Stage::new(&["h2", "http/1.1"], &["http/1.1"], |config| config.http = http_client2(http))
}

/// A client of HTTP/1 and a server of HTTP/2.
pub(crate) fn up() -> Stage {
    let http = HttpVersions { client: HttpChoice::Http1, server: HttpChoice::Http2 };
    Stage::new(&["h2", "http/1.1"], &["h2"], |config| config.http = http)
}

/// The same two, of which those hooks want something.
pub(crate) fn hooked(hooks: Arc<dyn Interest>) -> [Stage; 2] {
    let stages = [
        (&["http/1.1"][..], HttpVersions { client: HttpChoice::Http2, server: HttpChoice::Http1 }),
        (
            &["h2", "http/1.1"],
            HttpVersions { client: HttpChoice::Http1, server: HttpChoice::Http2 },
        ),
    ];
    stages.map(|(speaks, http)| {
        Stage::new(&["h2", "http/1.1"], speaks, |config| {
            config.http = http;
            config.hooks = Some(Arc::clone(&hooks));
            config.hook_limits = Limits { body_bytes: 100_000, connection_bytes: 400_000 };
        })
    })
}

pub(crate) const fn http_client2(versions: HttpVersions) -> HttpVersions {
    HttpVersions { client: HttpChoice::Http2, ..versions }
}

impl Stage {
    pub(crate) fn new(offers: &[&str], speaks: &[&str], edit: impl FnOnce(&mut Config)) -> Self {
        let (upstream, ours) = (Ca::new(), Ca::new());
        let names = |list: &[&str]| list.iter().map(|name| name.as_bytes().to_vec()).collect();
        let mut client = ours.client_config();
        client.alpn_protocols = names(offers);
        let mut server = upstream.server_config("a.test");
        server.alpn_protocols = names(speaks);
        let mut config = config(&upstream);
        edit(&mut config);
        let mut play = Play::with(config, Transport::Tcp, 443, false);
        let name = ServerName::try_from("a.test").unwrap();
        let mut client: Connection = ClientConnection::new(Arc::new(client), name).unwrap().into();
        client.set_buffer_limit(None);
        // The transcript begins with what is translated.
        play.skip();
        let mut stage = Self {
            play,
            ours,
            client,
            servers: Vec::new(),
            heard: BTreeMap::new(),
            server_config: Arc::new(server),
            reachable: usize::MAX,
            aborted: Vec::new(),
            events: Vec::new(),
        };
        stage.settle();
        stage
    }

    /// Moves bytes until nobody has anything more to say.
    pub(crate) fn settle(&mut self) {
        loop {
            let mut moved = self.obey();
            for peer in self.peers() {
                let wire = take(self.end(peer));
                if !wire.is_empty() && !self.aborted.contains(&peer) {
                    self.play.quiet_input(Input::Data(peer, wire.into()));
                    moved = true;
                }
            }
            for peer in self.peers() {
                let sent = self.play.take_sent(peer);
                moved |= !sent.is_empty();
                let heard = give(self.end(peer), &sent);
                self.heard.entry(peer).or_default().extend(heard);
            }
            if !moved {
                return;
            }
        }
    }

    /// Does what the machine asks for beside sending.
    fn obey(&mut self) -> bool {
        let mut moved = false;
        let outputs = std::mem::take(&mut self.play.outputs);
        let mut inputs = Vec::new();
        for output in outputs {
            match output {
                Output::Open { server, .. } if self.servers.len() < self.reachable => {
                    let end = ServerConnection::new(Arc::clone(&self.server_config)).unwrap();
                    self.servers.push(end.into());
                    self.servers.last_mut().unwrap().set_buffer_limit(None);
                    let addr = ([192, 0, 2, 1], 443).into();
                    inputs.push(Input::Opened { server, addr });
                }
                Output::Open { server, .. } => inputs.push(crate::play::refused(server)),
                Output::NeedLeaf(request) => {
                    inputs.push(Input::Leaf(Ok(self.ours.certified(&request.host))));
                }
                Output::Abort(peer) => self.aborted.push(peer),
                Output::Event(event) => self.events.push(event),
                output => self.play.outputs.push(output),
            }
        }
        for input in inputs {
            self.play.quiet_input(input);
            moved = true;
        }
        moved
    }

    pub(crate) fn peers(&self) -> Vec<Peer> {
        let servers = (0..).map(Peer::Server).take(self.servers.len());
        [Peer::Client].into_iter().chain(servers).collect()
    }

    pub(crate) fn end(&mut self, peer: Peer) -> &mut Connection {
        match peer {
            Peer::Client => &mut self.client,
            Peer::Server(server) => &mut self.servers[server as usize],
        }
    }

    /// Lets a peer say something.
    pub(crate) fn say(&mut self, peer: Peer, bytes: impl AsRef<[u8]>) {
        self.end(peer).writer().write_all(bytes.as_ref()).unwrap();
        self.settle();
    }

    /// Lets a peer close its connection well.
    pub(crate) fn close(&mut self, peer: Peer) {
        self.end(peer).send_close_notify();
        self.settle();
    }

    /// Takes what a peer heard.
    pub(crate) fn heard(&mut self, peer: Peer) -> Bytes {
        std::mem::take(self.heard.entry(peer).or_default()).into()
    }

    pub(crate) fn text(&mut self, peer: Peer) -> String {
        String::from_utf8(self.heard(peer).to_vec()).unwrap()
    }

    /// Returns the events so far.
    pub(crate) fn events(&mut self) -> &[Event] {
        self.obey();
        &self.events
    }

    /// The transcript without what is ciphertext and without handshakes.
    pub(crate) fn transcript(&self) -> String {
        let lines = self.play.to_string();
        let of_no_interest = |line: &&str| {
            ![
                "<< send",
                ">> data",
                "secured",
                "altered: the server saw",
                "need leaf",
                "recognized TLS",
            ]
            .iter()
            .any(|what| line.contains(what))
        };
        let closed = |line: &str| match line.split_once("closed, ") {
            Some((start, rest)) => {
                let why = rest.split_once(" sent").map_or("", |(_, why)| why);
                format!("{start}closed{why}")
            }
            None => line.to_owned(),
        };
        lines.lines().filter(of_no_interest).map(closed).collect::<Vec<_>>().join("\n")
    }
}

fn take(end: &mut Connection) -> Vec<u8> {
    let mut wire = Vec::new();
    while end.wants_write() {
        end.write_tls(&mut wire).unwrap();
    }
    wire
}

fn give(end: &mut Connection, mut wire: &[u8]) -> Vec<u8> {
    let mut heard = Vec::new();
    while !wire.is_empty() {
        end.read_tls(&mut wire).unwrap();
        end.process_new_packets().unwrap();
        // That the peer has not ended yet is no error here.
        _ = end.reader().read_to_end(&mut heard);
    }
    heard
}
