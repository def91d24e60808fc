//! What the engine and the flows share: the stack, and who waits for what of it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sidestream_flow::FlowKey;
use sidestream_netstack::{AssociationId, Netstack, StreamId};

use crate::outputs::Device;

/// How long a client may keep its half of a connection open that nobody here reads any more.
const ORPHAN_TIMEOUT: Duration = Duration::from_secs(60);

/// How many flows may have ended before anybody took them until that is looked at.
const SPARE: usize = 64;

/// One stack behind one lock: a flow's bytes are copied once, from the stack's buffer to its own.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<State>>);

/// What is behind the lock.
pub(crate) struct State {
    pub(crate) stack: Netstack,
    /// The device, until it has gone or nobody wants its flows any more.
    pub(crate) device: Option<Device>,
    pub(crate) streams: HashMap<StreamId, Side>,
    pub(crate) associations: HashMap<AssociationId, Queue>,
    /// Flows that nobody has taken yet.
    pub(crate) arrived: VecDeque<Arrived>,
    /// Streams that were dropped while their clients were not done, and until when they may.
    pub(crate) orphans: VecDeque<(Instant, StreamId)>,
    /// Datagrams that were dropped because too many waited.
    pub(crate) datagrams_dropped: u64,
    /// Why there will be nothing more.
    pub(crate) over: Option<Over>,
    engine: Option<Waker>,
    taker: Option<Waker>,
}

/// A flow that has just arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arrived {
    Association(AssociationId, FlowKey),
    Stream(StreamId, FlowKey),
}

/// Why a tunnel is over.
#[derive(Clone, Debug)]
pub(crate) enum Over {
    /// The device has gone, or the tunnel was dropped.
    Gone,
    /// The device broke.
    Broken(std::io::ErrorKind, String),
}

/// What is known of a stream, and who waits for it.
#[derive(Debug, Default)]
pub(crate) struct Side {
    pub(crate) half_closed: bool,
    pub(crate) ended: Option<End>,
    /// Somebody has it, and is told of its end.
    pub(crate) is_taken: bool,
    /// Nobody reads or writes it any more.
    pub(crate) is_orphan: bool,
    pub(crate) reader: Option<Waker>,
    pub(crate) writer: Option<Waker>,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// On both sides, in good order.
    Closed,
    /// By a reset.
    Reset,
}

/// The datagrams of an association that wait to be taken.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) datagrams: VecDeque<Bytes>,
    pub(crate) len_bytes: usize,
    /// Somebody has it, and is told of its end.
    pub(crate) is_taken: bool,
    /// The client answered that nobody takes what it was sent.
    pub(crate) is_refused: bool,
    pub(crate) is_over: bool,
    pub(crate) reader: Option<Waker>,
}

impl Shared {
    pub(crate) fn new(stack: Netstack, device: Device) -> Self {
        Self(Arc::new(Mutex::new(State {
            stack,
            device: Some(device),
            streams: HashMap::new(),
            associations: HashMap::new(),
            arrived: VecDeque::new(),
            orphans: VecDeque::new(),
            datagrams_dropped: 0,
            over: None,
            engine: None,
            taker: None,
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Has the engine look at the stack again.
    pub(crate) fn kick(&mut self) {
        if let Some(engine) = self.engine.take() {
            engine.wake();
        }
    }

    pub(crate) fn await_as_engine(&mut self, cx: &Context<'_>) {
        keep(&mut self.engine, cx);
    }

    pub(crate) fn await_flows(&mut self, cx: &Context<'_>) {
        keep(&mut self.taker, cx);
    }

    pub(crate) fn arrive(&mut self, arrived: Arrived) {
        // Those that end before anybody takes them must not pile up, however slow that is.
        if self.arrived.len() > 2 * (self.streams.len() + self.associations.len()) + SPARE {
            let Self { arrived, streams, associations, .. } = self;
            arrived.retain(|arrived| match arrived {
                Arrived::Stream(id, _) => streams.contains_key(id),
                Arrived::Association(id, _) => associations.contains_key(id),
            });
        }
        self.arrived.push_back(arrived);
        if let Some(taker) = self.taker.take() {
            taker.wake();
        }
    }

    /// Hands a flow out; returns whether it is still there.
    pub(crate) fn take(&mut self, arrived: Arrived) -> bool {
        let is_taken = match arrived {
            Arrived::Stream(id, _) => self.streams.get_mut(&id).map(|side| &mut side.is_taken),
            Arrived::Association(id, _) => {
                self.associations.get_mut(&id).map(|queue| &mut queue.is_taken)
            }
        };
        is_taken.is_some_and(|is_taken| {
            *is_taken = true;
            true
        })
    }

    /// Lets go of a stream that its owner dropped: what the client sends from now on is refused,
    /// as a kernel does with a closed socket.
    pub(crate) fn abandon(&mut self, id: StreamId, now: Instant) {
        let Some(side) = self.streams.get_mut(&id) else { return };
        if side.ended.is_some() {
            self.streams.remove(&id);
            return;
        }
        side.is_orphan = true;
        let is_read_to_its_end = side.half_closed;
        if self.has_unread(id) {
            self.stack.reset(id);
            self.streams.remove(&id);
        } else {
            self.stack.shutdown(id, now);
            if !is_read_to_its_end {
                self.orphans.push_back((now + ORPHAN_TIMEOUT, id));
            }
        }
        self.kick();
    }

    /// Whether the client has sent something that nobody has read.
    fn has_unread(&mut self, id: StreamId) -> bool {
        let mut is_there = false;
        self.stack.read(id, |bytes| {
            is_there = !bytes.is_empty();
            0
        });
        is_there
    }

    /// Resets orphans whose time is over; returns when the next one's is.
    pub(crate) fn end_orphans(&mut self, now: Instant) -> Option<Instant> {
        while let Some((until, id)) = self.orphans.front().copied() {
            if !self.streams.get(&id).is_some_and(|side| side.is_orphan) {
                self.orphans.pop_front();
            } else if until <= now {
                self.orphans.pop_front();
                self.streams.remove(&id);
                self.stack.reset(id);
            } else {
                return Some(until);
            }
        }
        None
    }

    /// Ends everything, because the device has gone or nobody wants the flows any more.
    pub(crate) fn end(&mut self, over: Over) {
        if self.over.is_some() {
            return;
        }
        self.over = Some(over);
        for (id, side) in &mut self.streams {
            if side.ended.is_none() {
                self.stack.reset(*id);
            }
            side.end(End::Reset);
        }
        for queue in self.associations.values_mut() {
            queue.end();
        }
        self.arrived.clear();
        if let Some(taker) = self.taker.take() {
            taker.wake();
        }
        self.kick();
    }
}

impl Side {
    pub(crate) fn end(&mut self, end: End) {
        self.ended.get_or_insert(end);
        self.wake_reader();
        self.wake_writer();
    }

    pub(crate) fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    pub(crate) fn wake_writer(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }
}

impl Queue {
    pub(crate) fn end(&mut self) {
        self.is_over = true;
        self.wake();
    }

    pub(crate) fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// Keeps a waker for later, where it is not the one that is kept already.
pub(crate) fn keep(kept: &mut Option<Waker>, cx: &Context<'_>) {
    if !kept.as_ref().is_some_and(|kept| kept.will_wake(cx.waker())) {
        *kept = Some(cx.waker().clone());
    }
}
