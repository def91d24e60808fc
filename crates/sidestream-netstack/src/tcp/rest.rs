//! Silent connections: they need no buffers, and nothing but a few numbers.

use sidestream_packet::TcpFlags;

use super::Tcp;
use super::accept::largest;
use super::active::{Active, Room};
use super::flow::{Flow, Segment, State};
use crate::core::Core;
use crate::id::Slot;
use crate::timers::Owner;

impl Tcp {
    /// Takes a deadline that has passed.
    pub(crate) fn handle_deadline(&mut self, core: &mut Core, slot: Slot) {
        let Some(flow) = self.flows.get_mut(slot) else { return };
        if !flow.deadline.is_due(core.now, Owner::Stream(slot), &mut core.timers) {
            return;
        }
        match flow.state {
            State::Waiting => {}
            State::Active(_) => {
                self.rest(core, slot);
                self.enqueue(slot);
            }
            State::Resting => self.keep_alive(core, slot),
            State::Ended(_) => self.stop_lingering(core, slot),
        }
    }

    /// Gives back the buffers of a connection that was silent for long enough.
    fn rest(&mut self, core: &mut Core, slot: Slot) {
        let Some(Flow { track, state, deadline, .. }) = self.flows.get_mut(slot) else { return };
        let State::Active(active) = &*state else { return };
        let silent = core.now.saturating_duration_since(track.moved_at) >= core.config.rest_after;
        if !silent || !active.is_quiet(track) || active.socket().can_recv() {
            return;
        }
        active.note_ends(track);
        *state = State::Resting;
        core.counters.rested += 1;
        let at = track.heard_at + core.config.keep_alive;
        deadline.set(Some(at.max(core.now)), Owner::Stream(slot), &mut core.timers);
    }

    /// Gives a silent connection buffers again.
    pub(super) fn revive(&mut self, core: &mut Core, slot: Slot) {
        let Some(flow) = self.flows.get_mut(slot) else { return };
        let Flow { pair, offer, track, state, .. } = flow;
        if !matches!(state, State::Resting) {
            return;
        }
        // What the client was told that it may send has to find room.
        let promised = track.open_window() as usize;
        let limit = largest(core, offer);
        let from_client = promised.max(core.config.initial_buffer).next_power_of_two();
        let room = Room {
            from_client: from_client.min(limit.max(promised)),
            to_client: core.config.initial_buffer,
        };
        let active = Active::graft(core, *pair, offer, track, room, &[]);
        track.moved_at = core.now;
        *state = State::Active(Box::new(active));
        self.enqueue(slot);
    }

    pub(super) fn handle_resting(
        &mut self,
        core: &mut Core,
        slot: Slot,
        segment: &Segment,
        bytes: &mut [u8],
    ) {
        let Some(Flow { pair, track, .. }) = self.flows.get_mut(slot) else { return };
        let expected = track.expected();
        let in_window = segment.sequence - expected <= track.open_window();
        if segment.is(TcpFlags::RST) {
            if segment.sequence == expected {
                return self.break_off(core, slot);
            }
            core.counters.out_of_place += 1;
            if in_window {
                // RFC 5961 §3: ask whether it is meant.
                core.send_acknowledgment(*pair, track);
            }
            return;
        }
        if segment.is(TcpFlags::SYN) || !segment.is(TcpFlags::ACK) {
            core.counters.out_of_place += 1;
            return core.send_acknowledgment(*pair, track);
        }
        track.heard_at = core.now;
        let news = segment.len > 0 && segment.end().is_after(expected);
        if news {
            self.revive(core, slot);
            return self.handle_active(core, slot, segment, bytes);
        }
        if segment.sequence == expected && segment.acknowledgment == track.sent {
            track.window = segment.window;
        } else if segment.len > 0 || segment.sequence == expected - 1 {
            // A question whether the stack is still there, or a repetition.
            core.send_acknowledgment(*pair, track);
        } else {
            core.counters.out_of_place += 1;
        }
    }

    /// Asks a silent client whether it is still there, or gives it up.
    fn keep_alive(&mut self, core: &mut Core, slot: Slot) {
        let Some(Flow { pair, track, deadline, .. }) = self.flows.get_mut(slot) else { return };
        let silent = core.now.saturating_duration_since(track.heard_at);
        if silent >= core.config.timeout {
            core.counters.timeouts += 1;
            core.send_reset(*pair, track);
            return self.break_off(core, slot);
        }
        let mut at = track.heard_at + core.config.keep_alive;
        if at <= core.now {
            let mut probe = *track;
            probe.sent = track.sent - 1;
            core.send_acknowledgment(*pair, &probe);
            at = core.now + core.config.keep_alive;
        }
        deadline.set(Some(at), Owner::Stream(slot), &mut core.timers);
    }
}
