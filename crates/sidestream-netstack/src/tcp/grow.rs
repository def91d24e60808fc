//! Buffers grow with use.
//!
//! A stream begins with small ones. Once twice their size went through, larger ones are made to
//! measure at the next moment at which nothing is under way; so that there is one, writes wait
//! until what was written is acknowledged: once or twice in the life of a stream that moves much.

use super::Tcp;
use super::accept::largest;
use super::active::{Active, Room};
use super::flow::{Flow, State};
use super::track::Track;
use crate::core::Core;
use crate::id::Slot;

/// How much larger the next buffer is.
const FACTOR: usize = 8;

impl Tcp {
    /// Gives a connection larger buffers if it has use for them and nothing is under way.
    pub(super) fn grow(&mut self, core: &mut Core, slot: Slot) {
        let Some(flow) = self.flows.get_mut(slot) else { return };
        let Flow { pair, offer, track, state: State::Active(active), .. } = flow else { return };
        let limit = Room { from_client: largest(core, offer), to_client: core.config.max_buffer };
        let room = active.wanted(limit);
        if room == active.room {
            return;
        }
        if !active.is_quiet(track) {
            if active.socket().send_queue() == 0 {
                // Something is missing from the client: writes need not wait for that.
                active.held = false;
                active.moved.to_client = 0;
            }
            return;
        }
        active.note_ends(track);
        let unread = active.take_unread();
        let mut grown = Active::graft(core, *pair, offer, track, room, &unread);
        grown.repair.take_over(&active.repair);
        **active = grown;
        core.counters.grown += 1;
        // It tells the client of the larger window.
        self.send_frame_as_reply(core, slot);
        self.enqueue(slot);
    }
}

impl Active {
    /// Returns the sizes that the use of the buffers asks for.
    pub(super) fn wanted(&self, limit: Room) -> Room {
        let wanted = |room: usize, moved: usize, limit: usize| {
            if moved >= 2 * room { (room * FACTOR).min(limit).max(room) } else { room }
        };
        Room {
            from_client: wanted(self.room.from_client, self.moved.from_client, limit.from_client),
            to_client: wanted(self.room.to_client, self.moved.to_client, limit.to_client),
        }
    }

    /// Whether nothing is under way in either direction.
    pub(super) fn is_quiet(&self, track: &Track) -> bool {
        let queued = u32::try_from(self.socket().recv_queue()).unwrap_or(0);
        let whole = !track.heard.is_after(track.unread + queued);
        self.is_open() && self.socket().send_queue() == 0 && whole
    }

    /// Notes which halves have ended, of a connection under whose socket nothing is under way.
    pub(super) fn note_ends(&self, track: &mut Track) {
        use smoltcp::socket::tcp::State as Phase;
        track.client_ended = self.client_ended();
        track.server_ended = self.phase() == Phase::FinWait2;
    }
}
