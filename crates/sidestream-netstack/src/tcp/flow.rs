//! What is known of one connection.

use std::net::SocketAddr;

use sidestream_flow::{FlowKey, Transport};
use sidestream_packet::{TcpFlags, TcpOption, TcpSegment};

use super::active::{Active, End};
use super::sequence::Number;
use super::track::Track;
use crate::timers::Deadline;

/// Between whom a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pair {
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
}

impl From<FlowKey> for Pair {
    fn from(key: FlowKey) -> Self {
        Self { client: key.client, server: key.server }
    }
}

impl Pair {
    pub(crate) const fn key(self, transport: Transport) -> FlowKey {
        FlowKey { transport, client: self.client, server: self.server }
    }
}

pub(crate) struct Flow {
    pub(crate) pair: Pair,
    pub(crate) offer: Offer,
    pub(crate) track: Track,
    pub(crate) deadline: Deadline,
    pub(crate) state: State,
    /// Whether it stands in the queue of those that may have something to send.
    pub(crate) queued: bool,
}

impl Flow {
    /// Returns where it stands for the client, whatever is unread.
    pub(crate) fn stands(&self) -> Track {
        match &self.state {
            State::Active(active) => self.track.at(active.expected(&self.track)),
            State::Ended(ended) => self.track.at(ended.expected),
            State::Waiting | State::Resting => self.track,
        }
    }
}

pub(crate) enum State {
    /// The client waits for its first answer.
    Waiting,
    /// smoltcp runs the connection.
    Active(Box<Active>),
    /// It is open and silent: what there is to know stands in the track.
    Resting,
    /// It has ended, and answers repetitions only.
    Ended(Ended),
}

/// What remains of a connection that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) end: End,
    /// What the engine has not read.
    pub(crate) unread: Vec<u8>,
    /// How much of that it has read since.
    pub(crate) read: usize,
    /// The next number that would have been expected of the client.
    pub(crate) expected: Number,
    /// Whether a client that missed the last acknowledgment may still ask for it.
    pub(crate) lingers: bool,
}

impl Ended {
    /// Whether the client uses the port again: any handshake but that of this very connection,
    /// come late (RFC 9293 §3.6.1 is stricter, and makes clients with random numbers wait).
    pub(crate) fn gives_way_to(&self, track: &Track, syn: &Segment) -> bool {
        !self.lingers || syn.sequence != track.first
    }

    pub(crate) fn is_read(&self) -> bool {
        self.read == self.unread.len()
    }
}

/// What a client takes that does not say what it takes (RFC 9293 §3.7.1).
const DEFAULT_SEGMENT: u16 = 536;
/// The length of a header without options.
const HEADER_LEN: u16 = 20;

/// What the client's SYN offers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offer {
    pub(crate) max_segment: Option<u16>,
    pub(crate) window_shift: Option<u8>,
    pub(crate) sack: bool,
}

impl Offer {
    /// Reads the offer of a client to which segments of at most `largest` bytes can be sent.
    pub(crate) fn read(syn: &TcpSegment<'_>, largest: u16) -> Self {
        let mut offer = Self::default();
        for option in syn.options() {
            match option {
                TcpOption::MaximumSegmentSize(size) => offer.max_segment = Some(size),
                // RFC 7323 §2.3: more than 14 means 14.
                TcpOption::WindowScale(shift) => offer.window_shift = Some(shift.min(14)),
                TcpOption::SackPermitted => offer.sack = true,
                TcpOption::Other { .. } | TcpOption::Sack(_) | TcpOption::Timestamps { .. } | _ => {
                }
            }
        }
        offer.max_segment = Some(offer.max_segment.unwrap_or(DEFAULT_SEGMENT).min(largest));
        offer
    }

    /// Returns how long a segment for this client may be.
    pub(crate) fn segment(&self) -> u32 {
        u32::from(self.max_segment.unwrap_or(DEFAULT_SEGMENT)).max(1)
    }

    /// Returns the same with segments whose length is a multiple of what windows shifted so can
    /// say: no small rests are left over then.
    pub(crate) fn rounded(self, shift: u8) -> Self {
        let size = self.max_segment.map(|size| (size >> shift << shift).max(size.min(1 << shift)));
        Self { max_segment: size, ..self }
    }

    /// Returns how long the parts are into which the device has to cut a segment for this client,
    /// if it has to.
    pub(crate) fn segment_size(&self, segment: &[u8]) -> Option<u16> {
        let header_len = usize::from(segment[12] >> 4) * 4;
        let options_len = u16::try_from(header_len).unwrap_or(0).saturating_sub(HEADER_LEN);
        let size = self.max_segment?.saturating_sub(options_len).max(1);
        (segment.len() - header_len > usize::from(size)).then_some(size)
    }

    /// Writes it as options of a SYN whose sender shifts its windows by `shift`, if at all.
    pub(crate) fn options(&self, shift: u8) -> Vec<u8> {
        let mut options = Vec::with_capacity(12);
        if let Some(size) = self.max_segment {
            let [high, low] = size.to_be_bytes();
            options.extend([2, 4, high, low]);
        }
        if self.window_shift.is_some() {
            options.extend([1, 3, 3, shift]);
        }
        if self.sack {
            options.extend([1, 1, 4, 2]);
        }
        options
    }
}

/// What the header of a segment says, apart from its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub(crate) sequence: Number,
    pub(crate) acknowledgment: Number,
    pub(crate) flags: TcpFlags,
    pub(crate) window: u16,
    pub(crate) payload_len: u32,
    /// How much of the sequence space it takes.
    pub(crate) len: u32,
    /// Where it begins in its packet.
    pub(crate) start: usize,
    /// What its sender has got out of order.
    pub(crate) sacks: Sacks,
}

impl Segment {
    pub(crate) fn read(segment: &TcpSegment<'_>, start: usize) -> Self {
        let payload_len = u32::try_from(segment.payload().len()).expect("a packet is short");
        Self {
            sequence: Number(segment.sequence()),
            acknowledgment: Number(segment.acknowledgment()),
            flags: segment.flags(),
            window: segment.window(),
            payload_len,
            len: segment.sequence_len(),
            start,
            sacks: Sacks::read(segment),
        }
    }

    pub(crate) const fn is(&self, flag: TcpFlags) -> bool {
        self.flags.contains(flag)
    }

    /// Whether it asks for a connection.
    pub(crate) const fn is_syn(&self) -> bool {
        self.is(TcpFlags::SYN) && !self.is(TcpFlags::ACK)
    }

    pub(crate) fn end(&self) -> Number {
        self.sequence + self.len
    }
}

/// Ranges that have arrived out of order (RFC 2018 §3): as many as fit an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sacks {
    blocks: [(Number, Number); MAX_BLOCKS],
    len: usize,
}

const MAX_BLOCKS: usize = 4;

impl Sacks {
    pub(crate) const NONE: Self = Self { blocks: [(Number(0), Number(0)); MAX_BLOCKS], len: 0 };

    fn read(segment: &TcpSegment<'_>) -> Self {
        let mut sacks = Self::NONE;
        for option in segment.options() {
            let TcpOption::Sack(data) = option else { continue };
            let (blocks, _) = data.as_chunks::<8>();
            for [a, b, c, d, e, f, g, h] in blocks {
                let from = u32::from_be_bytes([*a, *b, *c, *d]);
                sacks.push((Number(from), Number(u32::from_be_bytes([*e, *f, *g, *h]))));
            }
        }
        sacks
    }

    /// Adds a range where there is room for it.
    pub(crate) const fn push(&mut self, block: (Number, Number)) {
        if self.len < MAX_BLOCKS {
            self.blocks[self.len] = block;
            self.len += 1;
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Number, Number)> {
        self.blocks.iter().take(self.len).copied()
    }

    /// Returns the same in the order of their numbers, from `start` on.
    pub(crate) fn sorted(mut self, start: Number) -> Self {
        self.blocks[..self.len].sort_unstable_by_key(|(from, _)| *from - start);
        self
    }

    /// Writes them as an option, aligned.
    pub(crate) fn options(&self) -> Vec<u8> {
        let mut options = Vec::with_capacity(4 + 8 * self.len);
        let len = u8::try_from(2 + 8 * self.len).expect("four blocks are short");
        options.extend([1, 1, 5, len]);
        for (from, to) in self.iter() {
            options.extend(from.0.to_be_bytes());
            options.extend(to.0.to_be_bytes());
        }
        options
    }
}
