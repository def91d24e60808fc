//! Connections that wait for an answer.

use std::hash::Hash;

use sidestream_packet::TcpFlags;

use super::Tcp;
use super::active::{Active, Room, first_number};
use super::flow::{Flow, Offer, Pair, Segment, State};
use super::sequence::Number;
use super::track::Track;
use crate::core::Core;
use crate::id::Slot;
use crate::output::Event;
use crate::timers::Deadline;
use crate::{Refusal, StreamId};

/// The most that a window can say where the client does not scale.
const UNSCALED: usize = u16::MAX as usize;

impl Tcp {
    /// Takes a new connection's first segment.
    pub(super) fn open(&mut self, core: &mut Core, pair: Pair, segment: &Segment, offer: &Offer) {
        self.make_room_for_waiting(core);
        if self.flows.len() >= core.config.max_streams {
            core.counters.streams_full += 1;
            return;
        }
        let flow = Flow {
            pair,
            offer: *offer,
            track: Track::new(segment, core.now),
            deadline: Deadline::default(),
            state: State::Waiting,
            queued: false,
        };
        let slot = self.flows.insert(flow);
        self.slots.insert(pair, slot);
        self.waiting.push_back(slot);
        self.waiting_count += 1;
        core.events.push_back(Event::Syn(StreamId(slot), pair.tcp_key()));
    }

    /// Drops the oldest of too many that wait: a flood costs no more than that.
    fn make_room_for_waiting(&mut self, core: &mut Core) {
        while self.waiting_count >= core.config.max_waiting {
            let Some(slot) = self.waiting.pop_front() else { return };
            if self.flows.get(slot).is_some_and(|flow| matches!(flow.state, State::Waiting)) {
                core.counters.syn_dropped += 1;
                self.break_off(core, slot);
            }
        }
        // Names of those that were answered go when they are many.
        if self.waiting.len() > 2 * core.config.max_waiting {
            let flows = &self.flows;
            self.waiting.retain(|slot| {
                flows.get(*slot).is_some_and(|flow| matches!(flow.state, State::Waiting))
            });
        }
    }

    pub(super) fn handle_waiting(&mut self, core: &mut Core, slot: Slot, segment: &Segment) {
        let Some(flow) = self.flows.get_mut(slot) else { return };
        if segment.is(TcpFlags::RST) && segment.sequence == flow.track.unread {
            self.break_off(core, slot);
        } else {
            core.counters.out_of_place += 1;
        }
    }

    pub(crate) fn accept(&mut self, core: &mut Core, slot: Slot) {
        let Some(flow) = self.flows.get_mut(slot) else { return };
        if !matches!(flow.state, State::Waiting) {
            return;
        }
        self.waiting_count -= 1;
        let room = first_room(core, &flow.offer);
        let (pair, track) = (flow.pair, &mut flow.track);
        let first = first_of(core, pair);
        let mut active = Active::open(core, pair, &flow.offer, track, first + 1, room);
        let Some((number, shift)) = first_number(core.frame.bytes(), pair) else {
            // smoltcp does not speak with such a client.
            core.counters.out_of_place += 1;
            flow.state = State::Active(Box::new(active));
            return self.break_off(core, slot);
        };
        active.shift = shift;
        active.delta = first - number;
        track.shift = flow.offer.window_shift.map_or(0, |_| shift_for(core.config.max_buffer));
        track.sent = first;
        track.acknowledged = first;
        track.moved_at = core.now;
        flow.state = State::Active(Box::new(active));
        self.send_frame_as_reply(core, slot);
        self.enqueue(slot);
    }

    /// Answers whether there was somebody to refuse.
    pub(crate) fn refuse(&mut self, core: &mut Core, slot: Slot, refusal: Refusal) -> bool {
        if !self.flows.get(slot).is_some_and(|flow| matches!(flow.state, State::Waiting)) {
            return false;
        }
        let Some(flow) = self.forget(core, slot) else { return false };
        match refusal {
            Refusal::Reset => core.send_reset(flow.pair, &flow.track),
            Refusal::Unreachable(reason) => {
                core.send_unreachable(flow.pair, (flow.track.unread - 1).0, reason);
            }
        }
        true
    }
}

/// Chooses the first number of a connection: hard to guess, and later than those of the
/// connection that had the port before (RFC 6528 §3).
fn first_of(core: &Core, pair: Pair) -> Number {
    #[derive(Hash)]
    struct Purpose(&'static str);
    let hash = core.seed.of((Purpose("first number"), pair));
    let ticks = core.age().as_micros() / 4;
    // Both are meant to wrap.
    Number((hash as u32).wrapping_add(ticks as u32))
}

fn first_room(core: &Core, offer: &Offer) -> Room {
    let size = core.config.initial_buffer;
    let from_client = if offer.window_shift.is_none() { size.min(UNSCALED) } else { size };
    Room { from_client, to_client: size }
}

/// Returns by how much windows are shifted so that they can say `size`.
pub(super) fn shift_for(size: usize) -> u8 {
    let bits = usize::BITS - size.leading_zeros();
    u8::try_from(bits.saturating_sub(16)).unwrap_or(14).min(14)
}

/// Returns how large a buffer may be for a client with that offer.
pub(super) fn largest(core: &Core, offer: &Offer) -> usize {
    let size = core.config.max_buffer;
    if offer.window_shift.is_none() { size.min(UNSCALED) } else { size }
}
