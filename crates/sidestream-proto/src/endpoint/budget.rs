//! Counts what brings nothing on, so that a peer cannot keep us busy, or our answers piling up.

use std::time::{Duration, Instant};

use super::Limits;

/// How often one more frame is allowed that brings nothing on.
const EVERY: Duration = Duration::from_millis(100);

/// How many bytes of a body allow for one more.
const BYTES: usize = 256;

/// How many a message that is complete allows for.
const MESSAGE: u32 = 16;

/// What a peer may still do that brings nothing on.
#[derive(Debug)]
pub(super) struct Budget {
    left: u32,
    max: u32,
    since: Option<Instant>,
    resets: u32,
    max_resets: u32,
}

impl Budget {
    pub(super) const fn new(limits: &Limits) -> Self {
        let Limits { max_idle_frames: max, max_resets, .. } = *limits;
        Self { left: max, max, since: None, resets: 0, max_resets }
    }

    /// Lets time pass.
    pub(super) fn tick(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_duration_since(since).as_millis() / EVERY.as_millis();
        if let Ok(passed @ 1..) = u32::try_from(passed) {
            self.add(passed);
            self.since = Some(since + EVERY * passed);
        }
    }

    /// Counts a frame that brings nothing on, and returns whether it is one too many.
    pub(super) const fn spend(&mut self) -> bool {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                false
            }
            None => true,
        }
    }

    /// Counts a frame of a body, sent or received.
    pub(super) fn body(&mut self, bytes: usize, sent: bool) {
        // Two, for a peer may open both windows after each frame that it gets.
        let frame = if sent { 2 } else { 0 };
        self.add(frame + u32::try_from(bytes / BYTES).unwrap_or(u32::MAX));
    }

    /// Counts a stream that ended well.
    pub(super) fn finished(&mut self) {
        self.resets = self.resets.saturating_sub(1);
        self.add(MESSAGE);
    }

    /// Counts a stream that the peer reset or made us reset, and returns whether it is one too
    /// many.
    pub(super) const fn reset(&mut self) -> bool {
        self.resets = self.resets.saturating_add(1);
        self.resets > self.max_resets
    }

    fn add(&mut self, frames: u32) {
        self.left = self.left.saturating_add(frames).min(self.max);
    }
}
