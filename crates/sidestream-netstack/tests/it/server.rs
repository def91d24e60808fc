//! The engine's part: it answers what the stack asks, and plays the real servers.

use std::collections::BTreeMap;
use std::time::Instant;

use sidestream_netstack::{Netstack, Output, Refusal, StreamId};

/// How a server meets a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Accept,
    Refuse(Refusal),
    Silent,
}

pub(crate) struct Server {
    pub(crate) door: Door,
    pub(crate) streams: BTreeMap<StreamId, Stream>,
    /// What the stack said, but for packets, in short words.
    pub(crate) log: Vec<String>,
    /// What each new stream sends.
    pub(crate) script: Vec<u8>,
    /// Whether new streams end their half once all is sent.
    pub(crate) closes: bool,
    /// Whether new streams send back what they get.
    pub(crate) echoes: bool,
}

pub(crate) struct Stream {
    pub(crate) to_send: Vec<u8>,
    pub(crate) sent: usize,
    pub(crate) received: Vec<u8>,
    pub(crate) reads: bool,
    pub(crate) closes: bool,
    pub(crate) closed: bool,
    pub(crate) echoes: bool,
    pub(crate) end: Option<&'static str>,
    pub(crate) half_closed: bool,
}

impl Server {
    pub(crate) fn new(door: Door) -> Self {
        Self {
            door,
            streams: BTreeMap::new(),
            log: Vec::new(),
            script: Vec::new(),
            closes: false,
            echoes: false,
        }
    }

    /// Does what an output asks for; it may ask for answers, which [`run`](Self::run) gives.
    pub(crate) fn take(&mut self, output: &Output<'_>) -> Option<StreamId> {
        match output {
            Output::Syn { id, key } => {
                self.log.push(format!("syn {key}"));
                return Some(*id);
            }
            Output::HalfClosed(id) => self.note(*id, "half closed"),
            Output::Closed(id) => self.note(*id, "closed"),
            Output::Reset(id) => self.note(*id, "reset"),
            Output::Packet { .. } | Output::Readable(_) | Output::Writable(_) | Output::Wait(_) => {
            }
            other => self.log.push(format!("{other:?}")),
        }
        None
    }

    fn note(&mut self, id: StreamId, what: &'static str) {
        self.log.push(what.into());
        let Some(stream) = self.streams.get_mut(&id) else { return };
        assert_eq!(stream.end, None, "an ended stream is spoken of");
        match what {
            "half closed" => {
                assert!(!stream.half_closed);
                stream.half_closed = true;
            }
            end => stream.end = Some(end),
        }
    }

    pub(crate) fn meet(&mut self, stack: &mut Netstack, id: StreamId, now: Instant) {
        match self.door {
            Door::Silent => return,
            Door::Refuse(refusal) => return stack.refuse(id, refusal),
            Door::Accept => stack.accept(id, now),
        }
        let stream = Stream {
            to_send: self.script.clone(),
            sent: 0,
            received: Vec::new(),
            reads: true,
            closes: self.closes,
            closed: false,
            echoes: self.echoes,
            end: None,
            half_closed: false,
        };
        self.streams.insert(id, stream);
    }

    /// Reads and writes what can be; answers whether anything moved.
    pub(crate) fn run(&mut self, stack: &mut Netstack, now: Instant) -> bool {
        let mut moved = false;
        for (id, stream) in &mut self.streams {
            moved |= stream.run(stack, *id, now);
        }
        moved
    }

    pub(crate) fn only(&mut self) -> (StreamId, &mut Stream) {
        assert_eq!(self.streams.len(), 1);
        self.streams.iter_mut().map(|(id, stream)| (*id, stream)).next().unwrap()
    }
}

impl Stream {
    fn run(&mut self, stack: &mut Netstack, id: StreamId, now: Instant) -> bool {
        let mut moved = 0;
        if self.reads {
            let received = &mut self.received;
            let before = received.len();
            moved += stack.read(id, |bytes| {
                received.extend_from_slice(bytes);
                bytes.len()
            });
            if self.echoes {
                self.to_send.extend_from_slice(&received[before..]);
            }
        }
        if self.end.is_some() {
            return moved > 0;
        }
        let sent = stack.write(id, &self.to_send[self.sent..], now);
        self.sent += sent;
        moved += sent;
        let finished = self.sent == self.to_send.len() && (!self.echoes || self.half_closed);
        if self.closes && !self.closed && finished {
            self.closed = true;
            stack.shutdown(id, now);
            return true;
        }
        moved > 0
    }
}
