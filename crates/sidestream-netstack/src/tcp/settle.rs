//! What the engine is told of a connection after each step.

use smoltcp::socket::tcp::State as Phase;

use super::Tcp;
use super::active::{Active, End};
use super::egress::is_opening;
use super::flow::{Flow, State};
use super::track::Told;
use crate::StreamId;
use crate::core::Core;
use crate::id::Slot;
use crate::output::Event;
use crate::timers::Owner;

impl Tcp {
    /// Says what has become of a connection, and ends it if it has ended.
    pub(super) fn settle(&mut self, core: &mut Core, slot: Slot) {
        let Some(flow) = self.flows.get_mut(slot) else { return };
        let State::Active(active) = &mut flow.state else { return };
        if active.end.is_none() && active.phase() == Phase::Closed {
            // It closed by itself: the client answered nothing for too long.
            core.counters.timeouts += 1;
            active.end = Some(End::Broken);
        }
        tell(core, slot, active, &mut flow.track.told);
        match active.end {
            Some(end) => self.end(core, slot, end),
            None => self.grow(core, slot),
        }
    }

    /// Sets the deadline of a connection that has nothing to send now.
    pub(super) fn schedule(&mut self, core: &mut Core, slot: Slot) {
        let Some(Flow { state: State::Active(active), pair, track, deadline, .. }) =
            self.flows.get_mut(slot)
        else {
            return;
        };
        let rests_at = track.moved_at + core.config.rest_after;
        let can_rest = rests_at > core.now && active.is_open();
        let mut wakes_at = core.wakes_at(&active.sockets);
        if active.socket().send_queue() > 0 && wakes_at.is_none_or(|at| at > core.now + LATEST) {
            // smoltcp forgets to ask for a window that was closed when it last repeated.
            active.acknowledge(core, *pair, track);
            wakes_at = core.wakes_at(&active.sockets);
        }
        let at = match wakes_at {
            Some(at) if can_rest => Some(at.min(rests_at)),
            None if can_rest => Some(rests_at),
            wakes_at => wakes_at,
        };
        // A socket that says "now" and then sends nothing would turn the engine in circles.
        let at = at.map(|at| at.max(core.now + SOONEST));
        let repairs_at = active.repair.next().filter(|_| active.is_running());
        let at = [at, repairs_at].into_iter().flatten().min();
        deadline.set(at, Owner::Stream(slot), &mut core.timers);
    }
}

/// smoltcp waits no longer than a minute before it repeats or asks.
const LATEST: std::time::Duration = std::time::Duration::from_secs(61);
const SOONEST: std::time::Duration = std::time::Duration::from_millis(1);

fn tell(core: &mut Core, slot: Slot, active: &Active, told: &mut Told) {
    let (socket, phase, id) = (active.socket(), active.phase(), StreamId(slot));
    if is_opening(phase) {
        return;
    }
    if phase != Phase::Closed && !std::mem::replace(&mut told.open, true) {
        core.events.push_back(Event::Writable(id));
        told.wants_room = false;
    }
    if socket.can_recv() && !std::mem::replace(&mut told.readable, true) {
        core.events.push_back(Event::Readable(id));
    }
    let room = socket.send_capacity() - socket.send_queue();
    if told.wants_room && socket.may_send() && !active.held && room >= socket.send_capacity() / 4 {
        told.wants_room = false;
        core.events.push_back(Event::Writable(id));
    }
    if active.client_ended() && !socket.can_recv() && !told.half_closed {
        told.half_closed = true;
        core.events.push_back(Event::HalfClosed(id));
    }
}
