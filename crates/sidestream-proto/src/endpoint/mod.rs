//! One end of an HTTP/2 connection (RFC 9113): bytes in, events out, and the other way.
//!
//! An [`Endpoint`] is a client or a server. What its peer sent is given to
//! [`feed`](Endpoint::feed), what came of it is taken by [`poll_event`](Endpoint::poll_event), and
//! what is to be sent, after any call, by [`take_wire`](Endpoint::take_wire). It does no I/O and
//! has no clock.
//!
//! Streams do not stop each other. Each has a window of its own, which opens as its content is
//! [`consumed`](Endpoint::consumed) and grows while that goes fast; the window of the connection is
//! larger than those of all streams. What a closed window keeps back waits in a queue of its
//! stream, [`queued`](Endpoint::queued) says how much, and when the window of the connection opens
//! the streams take turns.
//!
//! Every departure of the peer from the standard is an error of its stream or of the connection,
//! as RFC 9113 has it, and [`Limits`] bound what a peer can make us hold and do.

mod budget;
mod event;
mod limits;
mod receive;
mod rules;
mod send;
mod stream;
mod windows;
mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use self::budget::Budget;
use self::receive::{Block, Content};
use self::stream::Stream;
use self::wire::Wire;
use crate::hpack::{self, Decoder, Encoder};
use crate::http2::{ErrorCode, FrameReader, Malformed, PREFACE, ReadError, Setting, Settings, id};

pub use self::event::Event;
pub use self::limits::Limits;
pub(crate) use self::rules::OF_THE_CONNECTION;

/// How many streams that have ended are remembered, to tell what comes late from what is wrong.
const REMEMBERED: usize = 1024;

/// How large a payload we take, which is what every peer may send (RFC 9113 §6.5.2).
const MAX_FRAME_BYTES: u32 = 16_384;

/// How large a window may become.
const MAX_WINDOW: i64 = 0x7fff_ffff;

/// The size of a window before anybody changes it.
const DEFAULT_WINDOW: u32 = 65_535;

/// One end of a connection.
#[derive(Debug)]
pub struct Endpoint {
    role: Role,
    limits: Limits,
    reader: FrameReader,
    decoder: Decoder,
    encoder: Encoder,
    wire: Wire,
    events: VecDeque<Event>,
    streams: BTreeMap<u32, Stream>,
    /// Streams that have ended, the last of them, and whether we reset them.
    ended: VecDeque<(u32, bool)>,
    /// The last stream that the peer began.
    last_of_peer: u32,
    /// The next stream that we begin.
    next_of_ours: u32,
    /// A field block whose end is still to come.
    block: Option<Block>,
    /// A DATA frame whose end is still to come.
    content: Option<Content>,
    peer: Peer,
    /// How many bytes the peer lets us send in all.
    window: i64,
    /// How many bytes the peer may send in all.
    room: i64,
    /// By how many bytes that can be opened.
    freed: u32,
    /// How far windows of streams may still grow.
    growth: u32,
    /// How many bytes of content were given out and not consumed.
    unread: u32,
    /// The streams that have something to send, in turns.
    line: VecDeque<u32>,
    budget: Budget,
    /// We said that extended CONNECT is taken.
    extended_connect: bool,
    /// The first of two farewells was sent.
    winding_down: bool,
    going_away: bool,
    closed: bool,
}

/// Which end it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Client,
    Server,
}

/// What the peer announced.
#[derive(Debug)]
struct Peer {
    /// Its first SETTINGS came.
    settled: bool,
    window: u32,
    max_frame_bytes: usize,
    max_streams: u32,
    /// It takes extended CONNECT.
    extended_connect: bool,
    /// It takes no further streams.
    going_away: bool,
}

impl Endpoint {
    /// Makes the end that asks, and sends what a client sends first.
    pub fn client(limits: Limits) -> Self {
        let mut this = Self::new(Role::Client, FrameReader::server(MAX_FRAME_BYTES), limits);
        this.wire.tail.extend_from_slice(PREFACE);
        this.greet(vec![Setting { id: id::ENABLE_PUSH, value: 0 }]);
        this
    }

    /// Makes the end that answers, and sends what a server sends first.
    pub fn server(limits: Limits) -> Self {
        let mut this = Self::new(Role::Server, FrameReader::client(MAX_FRAME_BYTES), limits);
        this.greet(vec![Setting { id: id::MAX_CONCURRENT_STREAMS, value: limits.max_streams }]);
        this
    }

    /// Makes the same, which also takes extended CONNECT (RFC 8441), and says so.
    pub fn server_with_extended_connect(limits: Limits) -> Self {
        let mut this = Self::new(Role::Server, FrameReader::client(MAX_FRAME_BYTES), limits);
        this.extended_connect = true;
        this.greet(vec![
            Setting { id: id::MAX_CONCURRENT_STREAMS, value: limits.max_streams },
            Setting { id: id::ENABLE_CONNECT_PROTOCOL, value: 1 },
        ]);
        this
    }

    /// Says of the end that answers that from now on it takes extended CONNECT (RFC 8441 §3).
    pub fn enable_extended_connect(&mut self) {
        if self.role == Role::Server && !self.extended_connect && !self.closed {
            self.extended_connect = true;
            let setting = Setting { id: id::ENABLE_CONNECT_PROTOCOL, value: 1 };
            Settings(vec![setting]).encode(&mut self.wire.tail);
        }
    }

    /// Returns whether the peer takes extended CONNECT, `None` while it has not said.
    pub const fn takes_extended_connect(&self) -> Option<bool> {
        if self.peer.settled { Some(self.peer.extended_connect) } else { None }
    }

    fn new(role: Role, reader: FrameReader, limits: Limits) -> Self {
        let hpack = hpack::Limits {
            max_fields: limits.max_fields,
            max_bytes: limits.max_list_bytes,
            ..hpack::Limits::default()
        };
        Self {
            role,
            reader,
            decoder: Decoder::new(hpack),
            encoder: Encoder::new(send::TABLE_BYTES),
            wire: Wire::default(),
            events: VecDeque::new(),
            streams: BTreeMap::new(),
            ended: VecDeque::new(),
            last_of_peer: 0,
            next_of_ours: 1,
            block: None,
            content: None,
            peer: Peer {
                settled: false,
                window: DEFAULT_WINDOW,
                max_frame_bytes: MAX_FRAME_BYTES as usize,
                max_streams: 100,
                extended_connect: false,
                going_away: false,
            },
            window: i64::from(DEFAULT_WINDOW),
            room: i64::from(limits.max_buffered_bytes.max(DEFAULT_WINDOW)),
            freed: 0,
            growth: limits.growth_bytes(),
            unread: 0,
            line: VecDeque::new(),
            budget: Budget::new(&limits),
            extended_connect: false,
            winding_down: false,
            going_away: false,
            closed: false,
            limits,
        }
    }

    fn greet(&mut self, mut settings: Vec<Setting>) {
        let Limits { stream_window_bytes: window, max_list_bytes, .. } = self.limits;
        if window != DEFAULT_WINDOW {
            settings.push(Setting { id: id::INITIAL_WINDOW_SIZE, value: window });
        }
        let list = u32::try_from(max_list_bytes).unwrap_or(u32::MAX);
        settings.push(Setting { id: id::MAX_HEADER_LIST_SIZE, value: list });
        Settings(settings).encode(&mut self.wire.tail);
        if let Some(more @ 1..) = self.limits.max_buffered_bytes.checked_sub(DEFAULT_WINDOW) {
            self.wire.window_update(0, more);
        }
    }

    /// Takes what the peer sent.
    pub fn feed(&mut self, bytes: Bytes, now: Instant) {
        if self.closed {
            return;
        }
        self.budget.tick(now);
        self.reader.feed(bytes);
        while !self.closed {
            match self.reader.poll() {
                Ok(None) => break,
                Ok(Some(piece)) => {
                    if let Err(fault) = self.take(piece) {
                        self.close(fault);
                    }
                }
                Err(ReadError::Preface) => {
                    self.close(Malformed::new(ErrorCode::PROTOCOL_ERROR, "no preface of HTTP/2"));
                }
                Err(ReadError::TooLong { .. }) => {
                    let what = "a frame longer than announced";
                    self.close(Malformed::new(ErrorCode::FRAME_SIZE_ERROR, what));
                }
            }
        }
        self.send_content();
    }

    /// Returns the next thing that came of it.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Takes what is to be sent to the peer.
    pub fn take_wire(&mut self) -> Vec<Bytes> {
        self.wire.take()
    }

    /// Returns how many bytes are held: to be sent, to be taken by windows, and of a field block
    /// that is not whole. Content that was given out is [`unread`](Self::unread).
    pub fn held_bytes(&self) -> usize {
        let queues: usize = self.streams.values().map(|stream| stream.queue.len()).sum();
        self.wire.len() + queues + self.block.as_ref().map_or(0, Block::len)
    }

    /// Returns how many bytes of content were given out and not said to be consumed.
    pub const fn unread(&self) -> u32 {
        self.unread
    }

    /// Returns how many streams are open.
    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }

    /// Returns whether the connection is over, for what the peer sent on it.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes a stream out of those that are open.
    fn forget(&mut self, stream: u32, by_us: bool) -> Option<Stream> {
        let it = self.streams.remove(&stream)?;
        self.growth += it.room.growth(&self.limits);
        self.remember(stream, by_us);
        Some(it)
    }

    fn remember(&mut self, stream: u32, by_us: bool) {
        if self.ended.len() >= REMEMBERED {
            self.ended.pop_front();
        }
        self.ended.push_back((stream, by_us));
    }

    /// Gives the connection up for what the peer sent.
    fn close(&mut self, fault: Malformed) {
        self.closed = true;
        self.streams.clear();
        self.line.clear();
        self.block = None;
        self.content = None;
        self.wire.go_away(self.last_of_peer, fault.code, fault.what);
        self.events.push_back(Event::Closed(fault));
    }
}

/// Copies bytes, so that no more of the input is held than they are.
fn copy(bytes: &Bytes) -> BytesMut {
    BytesMut::from(&bytes[..])
}
