//! Lets two peers say anything over HTTP/2, cut anyhow; each must hear what the other said.
//!
//! The input is four sizes to cut at, then what the peers say in turn: two bytes with the length,
//! of which the highest bit tells the server from the client, and that many bytes. The client's
//! preface goes before it all.
#![no_main]

#[path = "../shared/machine.rs"]
mod machine;

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sidestream_flow::{FlowKey, Ids, Peer, Transport};
use sidestream_proto::{Config, Conn, Event, Input, Output, PassRules, Start, hpack, http2};
use sidestream_record::Protocol;

const SERVER: Peer = Peer::Server(0);

fuzz_target!(|input: ([u8; 4], &[u8])| {
    let (sizes, talk) = input;
    let (mut whole, mut cut) = (Flow::new(), Flow::new());
    let mut sizes = sizes.iter().cycle();
    for (from, mut said) in utterances(talk) {
        whole.say(from, said);
        while !said.is_empty() {
            let size = usize::from(*sizes.next().unwrap_or(&1)).clamp(1, said.len());
            let (segment, later) = said.split_at(size);
            cut.say(from, segment);
            said = later;
        }
    }
    for flow in [&mut whole, &mut cut] {
        flow.input(Input::Eof(SERVER));
        flow.input(Input::Eof(Peer::Client));
        assert!(flow.done, "both have ended, and the flow has not");
    }
    assert_eq!(whole.told, cut.told, "what is told depends on the cuts");
});

fn utterances(mut talk: &[u8]) -> impl Iterator<Item = (Peer, &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = talk.split_first_chunk::<2>()?;
        let head = u16::from_be_bytes(*head);
        let (said, rest) = rest.split_at(usize::from(head & 0x7fff).min(rest.len()));
        talk = rest;
        Some((if head & 0x8000 == 0 { Peer::Client } else { SERVER }, said))
    })
}

/// A flow in which HTTP/2 has begun.
struct Flow {
    conn: Conn,
    now: Instant,
    /// What was said, without bodies, whose stretches depend on the cuts.
    told: Vec<String>,
    /// How much of each body, in the order of their exchanges and parts.
    bodies: std::collections::BTreeMap<String, Vec<u8>>,
    raw: bool,
    done: bool,
}

impl Flow {
    fn new() -> Self {
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
        let mut flow = Self {
            conn: Conn::new(Arc::clone(&CONFIG), start, now),
            now,
            told: Vec::new(),
            bodies: std::collections::BTreeMap::new(),
            raw: false,
            done: false,
        };
        flow.input(Input::Opened { server: 0, addr: key.server });
        flow.say(Peer::Client, http2::PREFACE);
        flow
    }

    fn say(&mut self, from: Peer, said: &[u8]) {
        let heard = self.input(Input::Data(from, Bytes::copy_from_slice(said)));
        assert_eq!(heard, said, "the other one hears what was not said by the {from}");
    }

    fn input(&mut self, input: Input) -> Vec<u8> {
        self.conn.handle_input(input, self.now);
        let mut sent = Vec::new();
        loop {
            match self.conn.poll_output() {
                Output::Send(_, bytes) => sent.extend_from_slice(&bytes),
                Output::Event(event) => self.tell(event),
                Output::Wait(_) => return sent,
                Output::Done => {
                    self.done = true;
                    return sent;
                }
                _ => {}
            }
        }
    }

    fn tell(&mut self, event: Event) {
        self.raw |= matches!(event, Event::Recognized(Protocol::Raw));
        match event {
            Event::Body { exchange, part, data } => {
                let body = self.bodies.entry(format!("{exchange} {part:?}")).or_default();
                body.extend_from_slice(&data);
            }
            // How much follows what cannot be read depends on how much came with it.
            Event::Data { .. } if self.raw => {}
            Event::PartEnded { exchange, part } => {
                let body = self.bodies.remove(&format!("{exchange} {part:?}"));
                self.told.push(format!("{exchange} {part:?} {body:?}"));
            }
            event => self.told.push(format!("{event:?}")),
        }
    }
}

static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let http2 = http2::Limits {
        max_block_bytes: 2048,
        max_streams: 8,
        hpack: hpack::Limits { max_fields: 16, max_bytes: 4096, max_table_bytes: 4096 },
    };
    Arc::new(Config { http2, ..machine::config() })
});
