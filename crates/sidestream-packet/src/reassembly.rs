//! Packets made whole again from their fragments (RFC 791 §3.2, RFC 8200 §4.5).

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::bytes::put16;
use crate::ip::{v4, v6};
use crate::{Defect, Defects, Fragment, Packet, Transport, protocol};

/// What a piece costs beyond its bytes.
const PIECE_COST: usize = 64;
/// "Congestion experienced" among the bits of ECN.
const CONGESTED: u8 = 3;

/// How much may wait for the rest of its fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReassemblyLimits {
    /// How long a packet may wait, from its first fragment to arrive (default: 30 s).
    pub max_age: Duration,
    /// How many bytes may wait, of all packets, with what it costs to hold them (default: 4 MiB).
    pub max_bytes: usize,
    /// How many fragments a packet may have (default: 128).
    pub max_fragments: usize,
    /// How many packets may wait (default: 256).
    pub max_packets: usize,
}

impl Default for ReassemblyLimits {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(30),
            max_bytes: 4 << 20,
            max_fragments: 128,
            max_packets: 256,
        }
    }
}

/// What became of fragments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReassemblyCounts {
    /// Packets that became whole.
    pub completed: u64,
    /// Fragments that came twice, and were ignored.
    pub duplicates: u64,
    /// Packets given up, the oldest first, because a limit was reached.
    pub evicted: u64,
    /// Packets given up because the rest did not come in time.
    pub expired: u64,
    /// Fragments of packets that had been refused before.
    pub late: u64,
    /// Packets refused, by the reason.
    pub refused: Defects,
}

/// Gathers fragments until their packets are whole.
///
/// Fragments that overlap or contradict each other refuse their whole packet, also the part that
/// is still to come (RFC 5722 §4); the same fragment twice does not.
#[derive(Debug, Default)]
pub struct Reassembly {
    limits: ReassemblyLimits,
    /// The oldest first.
    waiting: VecDeque<Waiting>,
    bytes: usize,
    counts: ReassemblyCounts,
}

/// What all fragments of a packet have in common (RFC 791 §3.2, RFC 8200 §4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    id: u32,
    /// Of IPv4 alone.
    protocol: u8,
}

/// A packet that is not yet whole.
#[derive(Debug)]
struct Waiting {
    key: Key,
    since: Instant,
    /// What stands in front of the first fragment's payload.
    head: Vec<u8>,
    /// Which byte of it names what follows.
    protocol_at: usize,
    /// In order; none overlaps another.
    pieces: Vec<(usize, Vec<u8>)>,
    end: Option<usize>,
    congested: bool,
    refused: bool,
}

impl Reassembly {
    /// Makes one that holds to `limits`.
    pub fn new(limits: ReassemblyLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes a fragment, and returns its packet where that is whole now.
    ///
    /// The packet is still to be [parsed](Packet::parse), its checksum being complete. A packet
    /// that is no fragment comes back as it is.
    ///
    /// # Errors
    ///
    /// Why the packet of this fragment is refused; it is counted.
    pub fn insert(&mut self, packet: &Packet<'_>, now: Instant) -> Result<Option<Vec<u8>>, Defect> {
        let Transport::Fragment(fragment) = packet.transport() else {
            return Ok(Some(packet.bytes().to_vec()));
        };
        self.expire(now);
        let v4 = packet.source().is_ipv4();
        let key = Key {
            source: packet.source(),
            destination: packet.destination(),
            id: fragment.id(),
            protocol: if v4 { fragment.protocol() } else { 0 },
        };
        let place = self.waiting.iter().position(|it| it.key == key).unwrap_or_else(|| {
            self.waiting.push_back(Waiting::new(key, now));
            self.waiting.len() - 1
        });
        let waiting = &mut self.waiting[place];
        if waiting.refused {
            self.counts.late += 1;
            return Ok(None);
        }
        match waiting.add(packet, &fragment, self.limits.max_fragments) {
            Ok(Added::Duplicate) => self.counts.duplicates += 1,
            Ok(Added::New) => {
                self.bytes += fragment.payload().len() + PIECE_COST;
                if waiting.is_whole() {
                    return self.complete(place);
                }
                self.evict();
            }
            Err(defect) => {
                self.bytes -= waiting.refuse();
                self.counts.refused.count(defect);
                self.evict();
                return Err(defect);
            }
        }
        Ok(None)
    }

    /// Gives up packets that waited too long.
    pub fn expire(&mut self, now: Instant) {
        while self.next_expiry().is_some_and(|at| at <= now) {
            let Some(old) = self.waiting.pop_front() else { return };
            self.bytes -= old.cost();
            self.counts.expired += u64::from(!old.refused);
        }
    }

    /// Returns when [`expire`](Self::expire) has something to do.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.waiting.front().map(|oldest| oldest.since + self.limits.max_age)
    }

    /// Returns what became of the fragments so far.
    pub const fn counts(&self) -> &ReassemblyCounts {
        &self.counts
    }

    /// Returns how many bytes wait, with what it costs to hold them.
    pub const fn len_bytes(&self) -> usize {
        self.bytes
    }

    fn complete(&mut self, place: usize) -> Result<Option<Vec<u8>>, Defect> {
        let Some(waiting) = self.waiting.remove(place) else { return Ok(None) };
        self.bytes -= waiting.cost();
        let whole = waiting.join();
        match whole {
            Ok(_) => self.counts.completed += 1,
            Err(defect) => self.counts.refused.count(defect),
        }
        whole.map(Some)
    }

    /// Gives up the oldest until the rest is within the limits.
    fn evict(&mut self) {
        while self.waiting.len() > self.limits.max_packets || self.bytes > self.limits.max_bytes {
            let Some(oldest) = self.waiting.pop_front() else { return };
            self.bytes -= oldest.cost();
            self.counts.evicted += u64::from(!oldest.refused);
        }
    }
}

/// What a fragment was to its packet.
enum Added {
    Duplicate,
    New,
}

impl Waiting {
    const fn new(key: Key, since: Instant) -> Self {
        Self {
            key,
            since,
            head: Vec::new(),
            protocol_at: 0,
            pieces: Vec::new(),
            end: None,
            congested: false,
            refused: false,
        }
    }

    fn add(
        &mut self,
        packet: &Packet<'_>,
        fragment: &Fragment<'_>,
        max_fragments: usize,
    ) -> Result<Added, Defect> {
        let start = usize::from(fragment.offset());
        let end = start + fragment.payload().len();
        let place = self.pieces.partition_point(|(offset, _)| *offset < start);
        let before = place.checked_sub(1).and_then(|place| self.pieces.get(place));
        let after = self.pieces.get(place);
        if let Some((offset, bytes)) = after
            && (*offset, &bytes[..]) == (start, fragment.payload())
            && (fragment.more() || self.end == Some(end))
        {
            return Ok(Added::Duplicate);
        }
        if before.is_some_and(|(offset, bytes)| offset + bytes.len() > start)
            || after.is_some_and(|(offset, _)| *offset < end)
        {
            return Err(Defect::FragmentOverlap);
        }
        // The last fragment says where the packet ends: none may say otherwise, or lie beyond.
        let beyond = self.end.is_some_and(|known| end > known || !fragment.more());
        if beyond || (!fragment.more() && after.is_some()) {
            return Err(Defect::FragmentMismatch);
        }
        if self.pieces.len() == max_fragments {
            return Err(Defect::FragmentsTooMany);
        }
        if !fragment.more() {
            self.end = Some(end);
        }
        if start == 0 {
            self.head = packet.bytes()[..packet.header_len()].to_vec();
            self.protocol_at = packet.protocol_at();
        }
        self.congested |= packet.ecn() == CONGESTED;
        self.pieces.insert(place, (start, fragment.payload().to_vec()));
        Ok(Added::New)
    }

    fn is_whole(&self) -> bool {
        // No piece overlaps another, so together they are the packet when they are as long.
        self.end.is_some_and(|end| end == self.pieces.iter().map(|(_, it)| it.len()).sum::<usize>())
    }

    /// Forgets all pieces, and returns what they cost.
    fn refuse(&mut self) -> usize {
        let cost = self.cost();
        self.pieces = Vec::new();
        self.head = Vec::new();
        self.refused = true;
        cost
    }

    fn cost(&self) -> usize {
        self.pieces.iter().map(|(_, bytes)| bytes.len() + PIECE_COST).sum()
    }

    /// Makes the packet out of its pieces.
    fn join(self) -> Result<Vec<u8>, Defect> {
        let mut bytes = self.head;
        let v4 = self.key.source.is_ipv4();
        let head_len = if v4 { bytes.len() } else { bytes.len() - v6::FRAGMENT_LEN };
        let total = head_len + self.end.unwrap_or_default();
        let stated = if v4 { total } else { total - v6::LEN };
        let stated = u16::try_from(stated).map_err(|_too_long| Defect::FragmentBeyondEnd)?;
        if !v4 {
            unlink_fragment_header(&mut bytes, self.protocol_at);
        }
        bytes.reserve_exact(total - head_len);
        for (_, piece) in &self.pieces {
            bytes.extend_from_slice(piece);
        }
        if v4 {
            put16(&mut bytes, 2, stated);
            put16(&mut bytes, 6, 0);
        } else {
            put16(&mut bytes, 4, stated);
        }
        if self.congested {
            mark_congestion(&mut bytes, v4);
        }
        if v4 {
            v4::write_checksum(&mut bytes[..head_len]);
        }
        Ok(bytes)
    }
}

/// Takes the fragment header, the last of `head`, out of the chain.
fn unlink_fragment_header(head: &mut Vec<u8>, protocol_at: usize) {
    debug_assert_eq!(protocol_at + v6::FRAGMENT_LEN, head.len(), "it is the last header");
    let next = head[protocol_at];
    head.truncate(protocol_at);
    let mut at = 6;
    let mut len = v6::LEN;
    while len < head.len() {
        let step = match head[at] {
            protocol::AUTHENTICATION => (usize::from(head[len + 1]) + 2) * 4,
            _ => (usize::from(head[len + 1]) + 1) * 8,
        };
        at = len;
        len += step;
    }
    head[at] = next;
}

/// Sets "congestion experienced", which one of the fragments had (RFC 3168 §5.3), where the first
/// is of a sender that understands it.
fn mark_congestion(bytes: &mut [u8], v4: bool) {
    let (at, shift) = if v4 { (1, 0) } else { (1, 4) };
    if bytes[at] >> shift & CONGESTED != 0 {
        bytes[at] |= CONGESTED << shift;
    }
}
