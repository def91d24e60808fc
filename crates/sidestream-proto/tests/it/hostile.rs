//! Peers that do harm: what they make the machine hold, and what passes all the same.

mod any;
mod chunks;
mod frames;
mod greetings;
mod heads;
mod pipelines;
mod servers;
mod sockets;
mod streams;
mod tls;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Buf as _, Bytes, BytesMut};
use sidestream_flow::{FlowId, FlowKey, Ids, Peer, Transport};
use sidestream_proto::{Conn, Event, Input, Output, PassRules, Start};
use sidestream_record::{Book, Entry, Exchange, Finished, Flow, Opened};

use crate::play::{Ca, config};

const SERVER: Peer = Peer::Server(0);

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// A machine between two peers, and the book that is kept of it.
///
/// It checks that each peer hears what the other one says, in order and nothing else.
struct Attacked {
    conn: Conn,
    now: Instant,
    deadline: Option<Instant>,
    book: Book,
    /// What was said and not passed on yet, by the client and by the server.
    pending: [BytesMut; 2],
    /// What ended, the last hundred.
    exchanges: Vec<Exchange>,
    flow: Option<Arc<Flow>>,
    ended: u64,
    events: u64,
    done: bool,
}

impl Attacked {
    /// A flow to one server, which is there.
    fn tunnel() -> Self {
        let mut attacked = Self::new(false);
        attacked.input(Input::Opened { server: 0, addr: ([192, 0, 2, 1], 80).into() });
        attacked
    }

    /// A flow of a client that speaks to the proxy.
    fn proxy() -> Self {
        Self::new(true)
    }

    fn new(named: bool) -> Self {
        let key = FlowKey {
            transport: Transport::Tcp,
            client: ([10, 0, 0, 2], 40000).into(),
            server: ([192, 0, 2, 1], 80).into(),
        };
        let now = Instant::now();
        let start = Start {
            key,
            named,
            host: None,
            ids: Ids::default(),
            pass: PassRules::default(),
            fate: Default::default(),
        };
        let mut attacked = Self {
            conn: Conn::new(Arc::new(config(&Ca::new())), start, now),
            now,
            deadline: None,
            book: Book::keeping(1024),
            pending: [BytesMut::new(), BytesMut::new()],
            exchanges: Vec::new(),
            flow: None,
            ended: 0,
            events: 0,
            done: false,
        };
        let opened = Opened { key, process: None, via: "run".into() };
        attacked.record(Event::Opened(opened));
        attacked.drain(|_, _| {});
        attacked
    }

    fn input(&mut self, input: Input) {
        self.conn.handle_input(input, self.now);
        self.drain(|_, _| {});
    }

    /// Lets a peer say something that is to be passed on sooner or later.
    fn say(&mut self, from: Peer, wire: impl Into<Bytes>) {
        let wire = wire.into();
        let side = usize::from(from != Peer::Client);
        self.pending[side].extend_from_slice(&wire);
        self.conn.handle_input(Input::Data(from, wire), self.now);
        self.drain(|pending, (to, bytes)| {
            let heard = &mut pending[usize::from(to == Peer::Client)];
            assert!(heard.starts_with(&bytes), "{to} hears what was not said");
            heard.advance(bytes.len());
        });
    }

    /// Lets a peer say something that is not passed on as it is.
    fn ask(&mut self, wire: impl Into<Bytes>) {
        self.input(Input::Data(Peer::Client, wire.into()));
    }

    /// Lets a peer say something that is to be passed on at once.
    fn pass(&mut self, from: Peer, wire: impl Into<Bytes>) {
        self.say(from, wire);
        assert_eq!(self.held(from), 0, "what the {from} said did not pass");
    }

    /// Returns how much of what a peer said was not passed on yet.
    fn held(&self, from: Peer) -> usize {
        self.pending[usize::from(from != Peer::Client)].len()
    }

    /// Lets time pass, up to the next deadline at most.
    fn wait(&mut self, span: Duration) {
        self.now += span;
        if let Some(at) = self.deadline.filter(|at| *at <= self.now) {
            self.now = at;
            self.conn.handle_input(Input::Timeout, self.now);
            self.drain(|pending, (to, bytes)| {
                let heard = &mut pending[usize::from(to == Peer::Client)];
                assert!(heard.starts_with(&bytes), "{to} hears what was not said");
                heard.advance(bytes.len());
            });
        }
    }

    fn drain(&mut self, mut sent: impl FnMut(&mut [BytesMut; 2], (Peer, Bytes))) {
        loop {
            match self.conn.poll_output() {
                Output::Wait(deadline) => {
                    self.deadline = deadline;
                    return;
                }
                Output::Done => {
                    self.done = true;
                    return;
                }
                Output::Event(event) => self.record(event),
                Output::Send(to, bytes) => sent(&mut self.pending, (to, bytes)),
                _ => {}
            }
        }
    }

    fn record(&mut self, event: Event) {
        self.events += 1;
        let entry = Entry { at: SystemTime::UNIX_EPOCH, flow: FlowId(1), event };
        for finished in self.book.apply(&entry) {
            match finished {
                Finished::Exchange(_, exchange) => {
                    self.ended += 1;
                    if self.exchanges.len() >= 100 {
                        self.exchanges.remove(0);
                    }
                    self.exchanges.push(*exchange);
                }
                Finished::Flow(flow) => self.flow = Some(flow),
                _ => {}
            }
        }
    }

    /// Returns what is wrong with the flow, as far as the book tells.
    fn defects(&self) -> Vec<String> {
        let open = self.book.open_flows().next();
        open.or(self.flow.as_deref()).map(|flow| flow.defects.clone()).unwrap_or_default()
    }

    fn last(&self) -> &Exchange {
        self.exchanges.last().expect("an exchange ended")
    }
}

/// Runs an attack, and checks how much was held at most meanwhile.
#[track_caller]
fn holds_at_most(limit: u64, attack: impl FnOnce()) {
    let held = allocation_counter::measure(attack).bytes_max;
    assert!(held <= limit, "{held} bytes were held at once, {limit} are allowed");
}
