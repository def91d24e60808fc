//! All connections: each has a socket of its own, and a packet touches its connection alone.

mod accept;
mod active;
mod answer;
mod egress;
mod emission;
mod ended;
mod flow;
mod grow;
mod heard;
mod ingress;
mod mend;
mod path;
mod repair;
mod rest;
mod sequence;
mod settle;
mod stream;
mod track;

pub(crate) use flow::{Offer, Pair, Segment};

use std::collections::VecDeque;

use sidestream_flow::Transport;

use crate::core::Core;
use crate::hash::{Seed, SeededMap};
use crate::id::Slot;
use crate::output::Event;
use crate::slab::Slab;
use crate::timers::Owner;
use crate::{StreamId, Usage};
use egress::is_opening;
use flow::{Flow, State};
use track::Track;

pub(crate) struct Tcp {
    flows: Slab<Flow>,
    slots: SeededMap<Pair, Slot>,
    /// Those that wait for an answer, and some that did, in the order of their coming.
    waiting: VecDeque<Slot>,
    waiting_count: usize,
    /// Those that may have something to send.
    queue: VecDeque<Slot>,
}

impl Tcp {
    pub(crate) fn new(seed: Seed) -> Self {
        Self {
            flows: Slab::default(),
            slots: SeededMap::with_hasher(seed),
            waiting: VecDeque::new(),
            waiting_count: 0,
            queue: VecDeque::new(),
        }
    }

    /// Takes a segment that asks for no connection; it is somewhere in `bytes`.
    pub(crate) fn handle(
        &mut self,
        core: &mut Core,
        (pair, segment): (Pair, Segment),
        bytes: &mut [u8],
    ) {
        let Some((slot, flow)) = self.find(pair) else {
            return core.answer_stray(pair, &segment);
        };
        match flow.state {
            State::Waiting => self.handle_waiting(core, slot, &segment),
            State::Active(_) => self.handle_active(core, slot, &segment, bytes),
            State::Resting => self.handle_resting(core, slot, &segment, bytes),
            State::Ended(_) => self.handle_ended(core, slot, &segment),
        }
    }

    /// Takes a segment that asks for a connection.
    pub(crate) fn handle_syn(
        &mut self,
        core: &mut Core,
        (pair, segment): (Pair, Segment),
        offer: &Offer,
    ) {
        let Some((slot, flow)) = self.find(pair) else {
            return self.open(core, pair, &segment, offer);
        };
        match &flow.state {
            State::Waiting => {
                // It may be a new attempt from the same port.
                flow.track = Track::new(&segment, core.now);
                flow.offer = *offer;
                core.counters.syn_repeated += 1;
            }
            State::Active(active) if is_opening(active.phase()) => {
                // The answer may be lost: smoltcp sends it again in its own time.
                core.counters.syn_repeated += 1;
            }
            State::Active(_) | State::Resting => {
                // RFC 5961 §4: ask whether it is meant.
                core.counters.out_of_place += 1;
                core.send_acknowledgment(flow.pair, &flow.stands());
            }
            State::Ended(ended) if ended.gives_way_to(&flow.track, &segment) => {
                self.give_way(core, slot);
                self.open(core, pair, &segment, offer);
            }
            State::Ended(_) => self.handle_ended(core, slot, &segment),
        }
    }

    fn find(&mut self, pair: Pair) -> Option<(Slot, &mut Flow)> {
        let slot = self.slots.get(&pair).copied()?;
        self.flows.get_mut(slot).map(|flow| (slot, flow))
    }

    /// Forgets a connection and all that hangs on it.
    fn forget(&mut self, core: &mut Core, slot: Slot) -> Option<Flow> {
        let mut flow = self.flows.remove(slot)?;
        // The port may belong to another connection by now.
        if self.slots.get(&flow.pair) == Some(&slot) {
            self.slots.remove(&flow.pair);
        }
        flow.deadline.leave(Owner::Stream(slot), &mut core.timers);
        if matches!(flow.state, State::Waiting) {
            self.waiting_count -= 1;
        }
        if self.flows.len() == 0 {
            self.slots.shrink_to_fit();
            self.queue.shrink_to_fit();
        }
        Some(flow)
    }

    /// Forgets a connection that broke, and says so.
    fn break_off(&mut self, core: &mut Core, slot: Slot) {
        if self.forget(core, slot).is_some() {
            core.events.push_back(Event::Reset(StreamId(slot)));
        }
    }

    /// Notes that a connection may have something to send.
    fn enqueue(&mut self, slot: Slot) {
        if let Some(flow) = self.flows.get_mut(slot)
            && !std::mem::replace(&mut flow.queued, true)
        {
            self.queue.push_back(slot);
        }
    }

    pub(crate) fn usage(&self, usage: &mut Usage) {
        for flow in self.flows.iter() {
            match &flow.state {
                State::Waiting => usage.waiting += 1,
                State::Active(active) => {
                    usage.active += 1;
                    usage.buffered += active.buffered();
                }
                State::Resting => usage.resting += 1,
                State::Ended(ended) => {
                    usage.lingering += 1;
                    usage.buffered += ended.unread.len();
                }
            }
        }
    }
}

impl Pair {
    fn tcp_key(self) -> sidestream_flow::FlowKey {
        self.key(Transport::Tcp)
    }
}
