//! UDP associations: all datagrams between two endpoints until they fall silent.

use std::collections::VecDeque;
use std::time::Instant;

use sidestream_flow::Transport;
use sidestream_packet::{Checksum, Offload, Packet, Unreachable, build};

use crate::core::Core;
use crate::hash::{Seed, SeededMap};
use crate::id::Slot;
use crate::output::Event;
use crate::slab::Slab;
use crate::tcp::Pair;
use crate::timers::{Deadline, Owner};
use crate::{AssociationId, Usage};

pub(crate) struct Udp {
    associations: Slab<Association>,
    slots: SeededMap<Pair, Slot>,
    /// Those that may have to make room, roughly in the order of their silence.
    order: VecDeque<Slot>,
}

struct Association {
    pair: Pair,
    deadline: Deadline,
    moved_at: Instant,
    /// Whether it moved since it was last asked to make room.
    moved: bool,
    /// How many of its datagrams wait to be taken.
    waiting: usize,
    /// The beginning of the client's last datagram, which an ICMP message quotes.
    last: Vec<u8>,
}

/// How much of a datagram an ICMP message quotes.
const QUOTED: usize = 64;

impl Udp {
    pub(crate) fn new(seed: Seed) -> Self {
        Self {
            associations: Slab::default(),
            slots: SeededMap::with_hasher(seed),
            order: VecDeque::new(),
        }
    }

    /// Takes what a client sent; `segment_size` cuts it into several datagrams.
    pub(crate) fn handle(
        &mut self,
        core: &mut Core,
        pair: Pair,
        payload: &[u8],
        segment_size: Option<u16>,
    ) {
        let slot = match self.slots.get(&pair) {
            Some(slot) => *slot,
            None => self.open(core, pair),
        };
        let size = segment_size.map_or(payload.len(), usize::from).max(1);
        if payload.is_empty() {
            self.take(core, slot, payload);
        }
        for datagram in payload.chunks(size) {
            self.take(core, slot, datagram);
        }
    }

    fn open(&mut self, core: &mut Core, pair: Pair) -> Slot {
        while self.associations.len() >= core.config.max_associations {
            let Some(slot) = self.order.pop_front() else { break };
            let Some(association) = self.associations.get_mut(slot) else { continue };
            if std::mem::take(&mut association.moved) {
                self.order.push_back(slot);
            } else {
                core.counters.associations_dropped += 1;
                self.expire(core, slot);
            }
        }
        let slot = self.associations.insert(Association {
            pair,
            deadline: Deadline::default(),
            moved_at: core.now,
            moved: false,
            waiting: 0,
            last: Vec::new(),
        });
        self.slots.insert(pair, slot);
        if self.order.len() > 2 * core.config.max_associations {
            self.order.retain(|slot| self.associations.get(*slot).is_some());
        }
        self.order.push_back(slot);
        let key = pair.key(Transport::Udp);
        core.events.push_back(Event::Association(AssociationId(slot), key));
        slot
    }

    fn take(&mut self, core: &mut Core, slot: Slot, payload: &[u8]) {
        let Some(association) = self.associations.get_mut(slot) else { return };
        association.touch(core, slot);
        association.last.clear();
        association.last.extend_from_slice(&payload[..payload.len().min(QUOTED)]);
        if association.waiting >= core.config.max_datagrams {
            core.counters.datagrams_dropped += 1;
            return;
        }
        association.waiting += 1;
        core.events.push_back(Event::Datagram(AssociationId(slot), payload.to_vec()));
    }

    /// Notes that a waiting datagram was taken.
    pub(crate) fn note_taken(&mut self, id: AssociationId) {
        if let Some(association) = self.associations.get_mut(id.0) {
            association.waiting -= 1;
        }
    }

    /// Sends a datagram to the client.
    pub(crate) fn send(&mut self, core: &mut Core, slot: Slot, payload: &[u8]) {
        let Some(association) = self.associations.get_mut(slot) else { return };
        association.touch(core, slot);
        let Pair { client, server } = association.pair;
        let mut bytes = Vec::new();
        if build::udp(&mut bytes, server, client, payload).is_err() {
            core.counters.datagrams_too_long += 1;
        } else if bytes.len() > core.config.mtu {
            core.send_fragments(&bytes);
        } else {
            core.reply(bytes, Offload::default());
        }
    }

    /// Tells the client that its last datagram was not delivered.
    pub(crate) fn refuse(&mut self, core: &mut Core, slot: Slot, reason: Unreachable) {
        let Some(association) = self.associations.get(slot) else { return };
        let Pair { client, server } = association.pair;
        let (mut refused, mut bytes) = (Vec::new(), Vec::new());
        let built = build::udp(&mut refused, client, server, &association.last);
        let refused = Packet::parse(&refused, Checksum::Verified);
        if let (Ok(()), Ok(refused)) = (built, refused)
            && build::unreachable(&mut bytes, &refused, reason, server.ip()).is_ok()
        {
            core.reply(bytes, Offload::default());
        }
    }

    /// Takes the client's word that nobody takes the datagrams.
    pub(crate) fn handle_unreachable(&mut self, core: &mut Core, pair: Pair) -> bool {
        let Some(slot) = self.slots.get(&pair) else { return false };
        core.events.push_back(Event::Unreachable(AssociationId(*slot)));
        true
    }

    pub(crate) fn handle_deadline(&mut self, core: &mut Core, slot: Slot) {
        let Some(association) = self.associations.get_mut(slot) else { return };
        if association.deadline.is_due(core.now, Owner::Association(slot), &mut core.timers) {
            self.expire(core, slot);
        }
    }

    fn expire(&mut self, core: &mut Core, slot: Slot) {
        if self.close(core, slot) {
            core.events.push_back(Event::Expired(AssociationId(slot)));
        }
    }

    /// Forgets an association; answers whether there was one.
    pub(crate) fn close(&mut self, core: &mut Core, slot: Slot) -> bool {
        let Some(mut association) = self.associations.remove(slot) else { return false };
        association.deadline.leave(Owner::Association(slot), &mut core.timers);
        self.slots.remove(&association.pair);
        if self.associations.len() == 0 {
            self.slots.shrink_to_fit();
            self.order = VecDeque::new();
        }
        true
    }

    pub(crate) const fn usage(&self, usage: &mut Usage) {
        usage.associations = self.associations.len();
    }
}

impl Association {
    fn touch(&mut self, core: &mut Core, slot: Slot) {
        self.moved_at = core.now;
        self.moved = true;
        let at = self.moved_at + core.config.udp_timeout;
        self.deadline.set(Some(at), Owner::Association(slot), &mut core.timers);
    }
}
