//! How much is sent while losses are repaired: in proportion to what arrives (RFC 6937).

/// A repair that slows sending down from what was under way to what the window is then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proportion {
    /// What was under way when the loss was found.
    flight: u32,
    arrived: u32,
    sent: u32,
    room: u32,
}

impl Proportion {
    pub(crate) const fn new(flight: u32) -> Self {
        Self { flight, arrived: 0, sent: 0, room: 0 }
    }

    /// Returns how much may be sent now.
    pub(crate) const fn room(&self) -> u32 {
        self.room
    }

    pub(crate) const fn note_sent(&mut self, len: u32) {
        self.sent = self.sent.saturating_add(len);
        self.room = self.room.saturating_sub(len);
    }

    /// Notes that some has arrived, while as much is `flying` still as the `window` ought to be.
    pub(crate) fn note_arrived(&mut self, arrived: u32, flying: u32, window: u32, segment: u32) {
        self.arrived = self.arrived.saturating_add(arrived);
        self.room = if flying > window {
            let share = u64::from(self.arrived) * u64::from(window);
            let share = share.div_ceil(u64::from(self.flight.max(1)));
            u32::try_from(share).unwrap_or(u32::MAX).saturating_sub(self.sent)
        } else {
            // More was lost than the window shrinks by: it is filled as in slow start.
            let limit = self.arrived.saturating_sub(self.sent).max(arrived) + segment;
            limit.min(window - flying)
        };
    }
}
