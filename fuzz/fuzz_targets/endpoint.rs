//! Lets two peers say anything where each leg is an end point of its own: HTTP/2 whose exchanges
//! are held, and HTTP/2 for a server that gets HTTP/1.
//!
//! The input is a byte that chooses between the two, then what happens in turn: a byte that says
//! what, one with a length or a number, and that many bytes. The client's preface goes before it
//! all. Whatever is said, each exchange that begins ends once, and the flow ends when it is told
//! to.
#![no_main]

#[path = "../shared/machine.rs"]
mod machine;

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sidestream_flow::{ExchangeId, FlowKey, Ids, Peer, Transport};
use sidestream_proto::{
    Config, Conn, Event, HttpChoice, HttpVersions, Input, Output, PassRules, Start, http2,
};
use sidestream_record::{DialFailure, Failure, Point};

fuzz_target!(|input: &[u8]| {
    let Some((mode, mut rest)) = input.split_first() else { return };
    let mut flow = Flow::new(if mode & 1 == 0 { &HOLDING } else { &TRANSLATING });
    while let [what, number, talk @ ..] = rest {
        let (said, later) = talk.split_at(usize::from(*number).min(talk.len()));
        rest = later;
        let server = u32::from(what >> 4);
        match what & 0xf {
            0..=4 => flow.say(Peer::Client, said),
            5..=8 => flow.say(Peer::Server(server), said),
            9 | 10 => flow.resume(u64::from(*number)),
            11 => flow.input(Input::Eof(Peer::Server(server))),
            12 => flow.input(Input::Reset(Peer::Server(server))),
            13 => flow.refuse = !flow.refuse,
            14 => flow.input(Input::Stop),
            _ => flow.input(Input::Eof(Peer::Client)),
        }
    }
    flow.conn.abandon(Failure::Stopped);
    flow.obey();
    assert!(flow.done, "the flow goes on after its end");
    assert!(flow.open.is_empty(), "exchanges that never ended: {:?}", flow.open);
});

struct Flow {
    conn: Conn,
    now: Instant,
    /// The exchanges that have begun and not ended.
    open: HashSet<ExchangeId>,
    /// How many servers were asked for.
    servers: u32,
    /// Further servers cannot be reached.
    refuse: bool,
    done: bool,
}

impl Flow {
    fn new(config: &Arc<Config>) -> Self {
        let key = FlowKey {
            transport: Transport::Tcp,
            client: ([10, 0, 0, 2], 40000).into(),
            server: ([192, 0, 2, 1], 80).into(),
        };
        let start = Start {
            key,
            named: false,
            host: None,
            ids: Ids::default(),
            fate: Default::default(),
            pass: PassRules::default(),
        };
        let now = Instant::now();
        let conn = Conn::new(Arc::clone(config), start, now);
        let mut flow =
            Self { conn, now, open: HashSet::new(), servers: 0, refuse: false, done: false };
        flow.obey();
        flow.say(Peer::Client, http2::PREFACE);
        flow
    }

    fn say(&mut self, from: Peer, said: &[u8]) {
        if from == Peer::Client || matches!(from, Peer::Server(server) if server < self.servers) {
            self.input(Input::Data(from, Bytes::copy_from_slice(said)));
        }
    }

    fn resume(&mut self, exchange: u64) {
        self.conn.resume(ExchangeId(exchange), self.now);
        self.obey();
    }

    fn input(&mut self, input: Input) {
        self.conn.handle_input(input, self.now);
        self.obey();
    }

    fn obey(&mut self) {
        loop {
            match self.conn.poll_output() {
                Output::Event(Event::Request { exchange, .. }) => {
                    assert!(self.open.insert(exchange), "{exchange} begins twice");
                }
                Output::Event(Event::ExchangeEnded { exchange, .. }) => {
                    assert!(self.open.remove(&exchange), "{exchange} ends and was not open");
                }
                Output::Open { server, .. } => {
                    self.servers = server + 1;
                    let answer = if self.refuse && server > 0 {
                        Input::OpenFailed { server, failure: DialFailure::Refused }
                    } else {
                        Input::Opened { server, addr: ([192, 0, 2, 1], 80).into() }
                    };
                    self.conn.handle_input(answer, self.now);
                }
                Output::Wait(_) => return,
                Output::Done => {
                    self.done = true;
                    return;
                }
                _ => {}
            }
        }
    }
}

static HOLDING: LazyLock<Arc<Config>> = LazyLock::new(|| {
    Arc::new(Config { hold: vec![Point::Request, Point::Response], ..machine::config() })
});

static TRANSLATING: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let http = HttpVersions { server: HttpChoice::Http1, ..HttpVersions::default() };
    Arc::new(Config { http, ..machine::config() })
});
