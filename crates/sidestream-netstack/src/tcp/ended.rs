//! Connections that have ended.

use sidestream_packet::TcpFlags;
use smoltcp::socket::tcp::State as Phase;

use super::Tcp;
use super::active::{Active, End};
use super::flow::{Ended, Flow, Segment, State};
use crate::StreamId;
use crate::core::Core;
use crate::id::Slot;
use crate::output::Event;
use crate::timers::Owner;

impl Tcp {
    /// Lets go of a connection's socket; what is unread stays.
    pub(super) fn end(&mut self, core: &mut Core, slot: Slot, end: End) {
        let Some(flow) = self.flows.get_mut(slot) else { return };
        let State::Active(active) = &mut flow.state else { return };
        let expected = active.expected(&flow.track);
        let lingers = active.phase() == Phase::TimeWait;
        let unread = active.take_unread();
        if lingers {
            core.send_acknowledgment(flow.pair, &flow.track.at(expected));
        }
        flow.state = State::Ended(Ended { end, unread, read: 0, expected, lingers });
        let at = if lingers { Some(core.now + core.config.time_wait) } else { None };
        flow.deadline.set(at, Owner::Stream(slot), &mut core.timers);
        self.tell_end(core, slot);
    }

    /// Says that a connection has ended once all that came before was read.
    pub(super) fn tell_end(&mut self, core: &mut Core, slot: Slot) {
        let Some(Flow { state: State::Ended(ended), track, .. }) = self.flows.get_mut(slot) else {
            return;
        };
        if !ended.is_read() {
            return;
        }
        ended.unread = Vec::new();
        ended.read = 0;
        let (id, lingers) = (StreamId(slot), ended.lingers);
        if !std::mem::replace(&mut track.told.ended, true) {
            match ended.end {
                End::Broken => core.events.push_back(Event::Reset(id)),
                End::Orderly => {
                    if !track.told.half_closed {
                        core.events.push_back(Event::HalfClosed(id));
                    }
                    core.events.push_back(Event::Closed(id));
                }
            }
        }
        if !lingers {
            self.forget(core, slot);
        }
    }

    /// Makes way for a new connection from the same port; what was not read can be read still.
    pub(super) fn give_way(&mut self, core: &mut Core, slot: Slot) {
        if let Some(flow) = self.flows.get(slot) {
            self.slots.remove(&flow.pair);
        }
        self.stop_lingering(core, slot);
    }

    pub(super) fn handle_ended(&mut self, core: &mut Core, slot: Slot, segment: &Segment) {
        let Some(flow) = self.flows.get(slot) else { return };
        let State::Ended(ended) = &flow.state else { return };
        if segment.is(TcpFlags::RST) {
            self.stop_lingering(core, slot);
        } else if !ended.lingers {
            core.answer_stray(flow.pair, segment);
        } else if segment.len > 0 {
            core.send_acknowledgment(flow.pair, &flow.stands());
        }
    }

    /// Stops answering for a connection.
    pub(super) fn stop_lingering(&mut self, core: &mut Core, slot: Slot) {
        if let Some(Flow { state: State::Ended(ended), .. }) = self.flows.get_mut(slot) {
            ended.lingers = false;
        }
        self.tell_end(core, slot);
    }
}

impl Active {
    /// Takes all that the engine has not read.
    pub(super) fn take_unread(&mut self) -> Vec<u8> {
        let socket = self.socket_mut();
        let mut unread = Vec::with_capacity(socket.recv_queue());
        while socket.can_recv() {
            let taken = socket.recv(|bytes| {
                unread.extend_from_slice(bytes);
                (bytes.len(), bytes.len())
            });
            if !taken.is_ok_and(|len| len > 0) {
                break;
            }
        }
        unread
    }
}
