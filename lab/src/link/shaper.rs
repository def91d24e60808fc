//! The link as a machine: packets in, packets out when it is their time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::packet::{Kind, Packet};
use crate::model::Quality;

/// Of every so many bytes of a stream one decides on what carries it: as many as a full segment
/// has on a link with an MTU of 1,500 bytes.
const STRIDE: u64 = 1448;

/// How long a packet waits to be overtaken.
const OVERTAKING: Duration = Duration::from_millis(20);

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// From the first end to the second.
    There,
    /// From the second to the first.
    Back,
}

/// A link without devices and clock.
#[derive(Debug)]
pub struct Shaper {
    quality: Quality,
    flows: HashMap<(u8, SocketAddr, SocketAddr), Flow>,
    /// How many flows there were so far to each protocol's port.
    counts: HashMap<(u8, u16), u64>,
    queue: BinaryHeap<Reverse<Due>>,
    order: u64,
    ways: [Lane; 2],
    lost: Vec<String>,
}

/// One flow: its number among those to the same port, and what passed, each way.
#[derive(Debug)]
struct Flow {
    number: u64,
    /// The port of whoever was asked first.
    port: u16,
    sides: [Side; 2],
}

#[derive(Debug, Default)]
struct Side {
    /// How many datagrams passed.
    datagrams: u64,
    /// The number that the stream begins with.
    first: Option<u32>,
    /// How often a byte that decides has been carried.
    tries: HashMap<u64, u64>,
}

/// What goes on in one direction.
#[derive(Debug, Default)]
struct Lane {
    /// When the last packet has left, at the given rate.
    free_at: Option<Instant>,
    /// What waits to be overtaken, and until when at most.
    held: Option<(Instant, Vec<u8>)>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Instant,
    order: u64,
    way: Way,
    packet: Vec<u8>,
}

/// What is drawn.
#[derive(Clone, Copy, Debug)]
enum Draw {
    Loss = 1,
    Reorder = 2,
    Duplicate = 3,
}

/// What befalls a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Fate {
    lost: bool,
    overtaken: bool,
    doubled: bool,
}

impl Shaper {
    /// Begins with nothing under way.
    #[must_use]
    pub fn new(quality: &Quality) -> Self {
        Self {
            quality: quality.clone(),
            flows: HashMap::new(),
            counts: HashMap::new(),
            queue: BinaryHeap::new(),
            order: 0,
            ways: [Lane::default(), Lane::default()],
            lost: Vec::new(),
        }
    }

    /// Takes a packet in.
    pub fn handle_packet(&mut self, way: Way, bytes: &[u8], now: Instant) {
        let fate = self.fate(way, bytes);
        if fate.lost {
            return;
        }
        if fate.overtaken && self.ways[way as usize].held.is_none() {
            self.ways[way as usize].held = Some((now + OVERTAKING, bytes.to_vec()));
            return;
        }
        self.send(way, bytes.to_vec(), now);
        if fate.doubled {
            self.send(way, bytes.to_vec(), now);
        }
        if let Some((_, overtaken)) = self.ways[way as usize].held.take() {
            self.send(way, overtaken, now);
        }
    }

    /// Takes a packet out whose time has come.
    pub fn poll_packet(&mut self, now: Instant) -> Option<(Way, Vec<u8>)> {
        for way in [Way::There, Way::Back] {
            let held = self.ways[way as usize].held.take_if(|(until, _)| *until <= now);
            if let Some((_, packet)) = held {
                self.send(way, packet, now);
            }
        }
        self.queue.peek().filter(|Reverse(due)| due.at <= now)?;
        self.queue.pop().map(|Reverse(due)| (due.way, due.packet))
    }

    /// Returns when the next packet's time comes.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        let queued = self.queue.peek().map(|Reverse(due)| due.at);
        let held = self.ways.iter().filter_map(|lane| lane.held.as_ref()).map(|(until, _)| *until);
        held.chain(queued).min()
    }

    /// Lists what was lost, in the order in which it came: the flow, and which datagram or byte of
    /// it.
    #[must_use]
    pub fn lost(&self) -> &[String] {
        &self.lost
    }

    fn send(&mut self, way: Way, packet: Vec<u8>, now: Instant) {
        let lane = &mut self.ways[way as usize];
        let begins = lane.free_at.map_or(now, |free_at| free_at.max(now));
        let takes = self.quality.rate.map_or(Duration::ZERO, |rate| {
            let nanos = packet.len() as u128 * 1_000_000_000 / u128::from(rate.max(1));
            Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
        });
        lane.free_at = Some(begins + takes);
        let at = begins + takes + self.quality.delay;
        self.queue.push(Reverse(Due { at, order: self.order, way, packet }));
        self.order += 1;
    }

    fn fate(&mut self, way: Way, bytes: &[u8]) -> Fate {
        let Some(packet) = Packet::read(bytes) else { return Fate::default() };
        let seed = self.quality.seed;
        let (flow, side) = self.find(&packet);
        let name = [u64::from(packet.protocol), u64::from(flow.port), flow.number, way as u64];
        let places = flow.sides[side].places(packet.kind);
        let mut fate = Fate::default();
        let Quality { loss, reorder, duplicate, .. } = self.quality;
        for (place, attempt) in places {
            let draws = |draw: Draw, thousandths: u16| {
                let words = [&[seed, draw as u64, place, attempt], &name[..]].concat();
                mix(&words) % 1000 < u64::from(thousandths)
            };
            fate.lost |= draws(Draw::Loss, loss);
            fate.overtaken |= draws(Draw::Reorder, reorder);
            fate.doubled |= draws(Draw::Duplicate, duplicate);
            if fate.lost {
                let [protocol, port, number, _] = name;
                let words = format!("{protocol}/{port} {number} {way:?} {place} {attempt}");
                self.lost.push(words);
                break;
            }
        }
        fate
    }

    /// Finds the flow of a packet, and on which side of it the packet was sent.
    fn find(&mut self, packet: &Packet) -> (&mut Flow, usize) {
        let Packet { protocol, from, to, .. } = *packet;
        let back = (protocol, to, from);
        if self.flows.contains_key(&back) {
            return (self.flows.entry(back).or_insert_with(|| Flow::new(0, 0)), 1);
        }
        let counts = &mut self.counts;
        let flow = self.flows.entry((protocol, from, to)).or_insert_with(|| {
            let count = counts.entry((protocol, to.port())).or_default();
            *count += 1;
            Flow::new(*count, to.port())
        });
        (flow, 0)
    }
}

impl Flow {
    fn new(number: u64, port: u16) -> Self {
        Self { number, port, sides: [Side::default(), Side::default()] }
    }
}

impl Side {
    /// Finds what of a packet decides on its fate, and how often that was carried before.
    fn places(&mut self, kind: Kind) -> Vec<(u64, u64)> {
        let (seq, len, is_first) = match kind {
            Kind::Bare => return Vec::new(),
            Kind::Datagram => {
                self.datagrams += 1;
                return vec![(self.datagrams, 0)];
            }
            Kind::Segment { seq, len, is_first } => (seq, len, is_first),
        };
        if is_first && self.first.is_some_and(|first| first != seq) {
            // The ports are used again.
            self.tries.clear();
            self.first = None;
        }
        let first = *self.first.get_or_insert(seq);
        // Streams of the lab are shorter than their numbers.
        let begins = u64::from(seq.wrapping_sub(first));
        let ends = begins + u64::from(len);
        let strides = begins.div_ceil(STRIDE)..ends.div_ceil(STRIDE);
        let mut count = |place| {
            let tries = self.tries.entry(place).or_default();
            *tries += 1;
            (place, *tries - 1)
        };
        strides.map(|stride| count(stride * STRIDE)).collect()
    }
}

/// Mixes words into one, each bit of which depends on all of them (the finalizer of SplitMix64).
fn mix(words: &[u64]) -> u64 {
    words.iter().fold(0x9e37_79b9_7f4a_7c15, |state: u64, word| {
        let state = (state ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^ (state >> 31)
    })
}
