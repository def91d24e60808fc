//! What the engine does with a connection.

use super::Tcp;
use super::egress::is_opening;
use super::flow::{Flow, State};
use crate::core::Core;
use crate::id::Slot;

impl Tcp {
    /// Lets `take` have what is unread, piece by piece, until it takes less than it gets.
    pub(crate) fn read(
        &mut self,
        core: &mut Core,
        slot: Slot,
        mut take: impl FnMut(&[u8]) -> usize,
    ) -> usize {
        let Some(Flow { state, track, .. }) = self.flows.get_mut(slot) else { return 0 };
        match state {
            State::Active(active) => {
                let mut total = 0;
                loop {
                    let taken = active.socket_mut().recv(|bytes| {
                        let taken = take(bytes).min(bytes.len());
                        (taken, (taken, taken == bytes.len()))
                    });
                    let Ok((taken, all)) = taken else { break };
                    total += taken;
                    if !all || taken == 0 {
                        break;
                    }
                }
                track.unread = track.unread + u32::try_from(total).unwrap_or(0);
                track.told.readable &= active.socket().can_recv();
                active.moved.from_client += total;
                if total > 0 {
                    track.moved_at = core.now;
                    self.enqueue(slot);
                }
                total
            }
            State::Ended(ended) => {
                let rest = &ended.unread[ended.read..];
                let taken = if rest.is_empty() { 0 } else { take(rest).min(rest.len()) };
                ended.read += taken;
                self.tell_end(core, slot);
                taken
            }
            State::Waiting | State::Resting => 0,
        }
    }

    /// Takes as many bytes for the client as there is room for.
    pub(crate) fn write(&mut self, core: &mut Core, slot: Slot, bytes: &[u8]) -> usize {
        if bytes.is_empty() {
            return 0;
        }
        self.revive_if_open(core, slot);
        let Some(Flow { state: State::Active(active), track, .. }) = self.flows.get_mut(slot)
        else {
            return 0;
        };
        let taken = match active.held {
            true => 0,
            false => active.socket_mut().send_slice(bytes).unwrap_or(0),
        };
        active.moved.to_client += taken;
        let room = active.room.to_client;
        active.held = active.moved.to_client >= 2 * room && room < core.config.max_buffer;
        track.told.wants_room |= taken < bytes.len();
        track.moved_at = core.now;
        self.enqueue(slot);
        taken
    }

    /// Ends our half once all that was written has left.
    pub(crate) fn shutdown(&mut self, core: &mut Core, slot: Slot) {
        self.revive_if_open(core, slot);
        let Some(Flow { state: State::Active(active), track, .. }) = self.flows.get_mut(slot)
        else {
            return;
        };
        // smoltcp forgets its SYN when it closes during the handshake.
        if is_opening(active.phase()) {
            active.closes = true;
        } else {
            active.socket_mut().close();
        }
        active.held = false;
        track.moved_at = core.now;
        self.enqueue(slot);
    }

    /// Ends a connection; nothing more is said of it. What was written leaves before, as far as the
    /// client takes it now: a server's last words arrive before its reset, too.
    pub(crate) fn reset(&mut self, core: &mut Core, slot: Slot) {
        let Some(flow) = self.flows.get_mut(slot) else { return };
        if let State::Ended(ended) = &mut flow.state {
            ended.read = ended.unread.len();
            flow.track.told.ended = true;
            return self.tell_end(core, slot);
        }
        self.flush(core, slot);
        let Some(flow) = self.flows.get(slot) else { return };
        core.send_reset(flow.pair, &flow.stands());
        self.forget(core, slot);
    }

    fn revive_if_open(&mut self, core: &mut Core, slot: Slot) {
        let ours_is_open = self.flows.get(slot).is_some_and(|flow| !flow.track.server_ended);
        if ours_is_open {
            self.revive(core, slot);
        }
    }
}
