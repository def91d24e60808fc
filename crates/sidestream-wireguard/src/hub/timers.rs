//! Deadlines: only peers that have keys, or want some, are looked after.

use std::time::{Duration, Instant};

use boringtun::noise::TunnResult;

use super::Hub;
use super::peer::{SLOW_TICK, TICK};

/// How many peers are looked after before others may have a turn.
const BATCH: usize = 1024;

impl Hub {
    /// Returns when [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Looks after the peers whose time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        for _ in 0..BATCH {
            match self.timers.first() {
                Some(&(at, id)) if at <= now => self.tick(id, now),
                _ => return,
            }
        }
    }

    /// Has a peer looked after at a time, or before.
    pub(super) fn schedule(&mut self, id: u32, at: Instant) {
        let due = &mut self.peers[id as usize].due;
        if due.is_some_and(|due| due <= at) {
            return;
        }
        if let Some(old) = due.replace(at) {
            self.timers.remove(&(old, id));
        }
        self.timers.insert((at, id));
    }

    /// Tells a peer what time it is, unless it was told just now.
    pub(super) fn wake(&mut self, id: u32, now: Instant) {
        let peer = &self.peers[id as usize];
        let is_fresh = peer.ticked.is_some_and(|at| now.saturating_duration_since(at) < TICK);
        if peer.tunn.is_some() && !is_fresh {
            self.tick(id, now);
        }
    }

    fn tick(&mut self, id: u32, now: Instant) {
        if let Some(due) = self.peers[id as usize].due.take() {
            self.timers.remove(&(due, id));
        }
        self.tunn(id);
        let Self { peers, scratch, .. } = self;
        let peer = &mut peers[id as usize];
        peer.ticked = Some(now);
        let was_busy = std::mem::take(&mut peer.is_busy);
        let Some(tunn) = &mut peer.tunn else { return };
        let (mut next, mut len) = (if was_busy { TICK } else { SLOW_TICK }, 0);
        match tunn.update_timers(scratch) {
            TunnResult::WriteToNetwork(message) => len = message.len(),
            TunnResult::Err(_expired) => {
                // Its keys are gone, and what waited with them; it sleeps until it is heard or
                // wanted, save where the way to it is to be kept open.
                peer.queued = 0;
                let Some(seconds) = peer.config.persistent_keepalive else { return };
                if let TunnResult::WriteToNetwork(message) =
                    tunn.format_handshake_initiation(scratch, false)
                {
                    len = message.len();
                }
                next = Duration::from_secs(u16::from(seconds).into());
            }
            _ => {}
        }
        if len > 0 {
            self.reply_to_peer(id, len);
        }
        self.schedule(id, now + next);
    }
}
