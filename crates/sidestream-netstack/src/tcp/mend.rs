//! What is lost, sent again.
//!
//! Only smoltcp has the bytes, and gives them out in one way: when it takes all that is under way
//! for lost, it begins again at the front. So it is made to believe that its time has come, all
//! comes out in long pieces, and of that the client gets what it misses. That copies a flight once
//! for all that is missing of it, and costs nothing where nothing is lost.

use std::time::Duration;

use super::active::Active;
use super::egress::{send_range, start_of};
use super::emission::renumber;
use super::flow::{Flow, Pair, State};
use super::track::Track;
use crate::core::Core;

/// Puts what is to be sent again among the replies.
pub(super) fn mend(core: &mut Core, flow: &mut Flow) {
    let Flow { pair, offer, track, state: State::Active(active), .. } = flow else { return };
    if !active.is_running() {
        return;
    }
    active.repair.handle_timeout(&mut core.counters, core.now);
    let ranges = active.repair.take_lost(core.now);
    if ranges.is_empty() || !active.rewind(core, *pair, track) {
        return;
    }
    let frontier = active.repair.flight().end();
    while !core.frame.is_empty() {
        let emission = renumber(core, start_of(*pair), active, track);
        let (begin, end) = (emission.sequence, emission.end());
        for (from, to) in &ranges {
            let from = from.max(begin);
            let to = if to.is_after(end) { end } else { *to };
            if to.is_after(from) {
                core.counters.repeated_out += u64::from((to - from).div_ceil(offer.segment()));
                send_range(core, (*pair, offer), &emission, (from, to));
            }
        }
        if end.is_after(frontier) {
            // It went on with what comes next.
            active.repair.note_sent(end, core.now);
            send_range(core, (*pair, offer), &emission, (frontier, end));
        }
        if emission.len == 0 || !frontier.is_after(end) {
            return;
        }
        core.drain_long(&mut active.sockets, core.now);
    }
}

impl Active {
    /// Makes the socket begin again with the first number that is not acknowledged: the frame has
    /// the first piece then.
    fn rewind(&mut self, core: &mut Core, pair: Pair, track: &Track) -> bool {
        if self.told != Some(self.window(track)) {
            self.acknowledge(core, pair, track);
        }
        self.go_ahead(core);
        if self.begins_again(core, pair, track) {
            return true;
        }
        // It waits for nothing, since its window was closed for a while. Three equal
        // acknowledgments make it repeat its first segment, and wait for the answer.
        let (sound, other) = (self.window(track), self.window(track) ^ 1);
        for window in [other, sound, sound, sound, sound] {
            self.tell_window(core, pair, track, window);
        }
        core.drain(&mut self.sockets);
        self.go_ahead(core);
        self.begins_again(core, pair, track)
    }

    /// Lets the socket believe that more time has passed than it waits for any answer.
    fn go_ahead(&mut self, core: &mut Core) {
        self.ahead = self.ahead.max(core.now) + LONGEST_WAIT;
        self.socket_mut().set_timeout(None);
        core.drain_long(&mut self.sockets, self.ahead);
        self.socket_mut().set_timeout(Some(core.config.timeout.into()));
    }

    fn begins_again(&self, core: &Core, pair: Pair, track: &Track) -> bool {
        let start = start_of(pair);
        let field: Option<&[u8; 4]> =
            core.frame.bytes().get(start + 4..).and_then(|bytes| bytes.first_chunk());
        let wanted = (track.acknowledged - self.delta).0;
        field.is_some_and(|field| u32::from_be_bytes(*field) == wanted)
    }
}

/// smoltcp waits no longer than a minute for an answer.
const LONGEST_WAIT: Duration = Duration::from_secs(61);
