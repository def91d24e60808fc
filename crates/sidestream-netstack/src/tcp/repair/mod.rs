//! The repair of losses on the way to the client: what is lost is sent again once a round trip,
//! however much it is.
//!
//! What is under way, and what of it has arrived, is known from selective acknowledgments
//! (RFC 2018, RFC 6675); what was sent well before something that has arrived is lost (RFC 8985);
//! the end of a flight, after which nothing can arrive, is asked for (RFC 8985 §7); and when all
//! is silent, all is taken for lost (RFC 6298). To clients that acknowledge in order only, one
//! segment is repeated a round trip (RFC 6582).

mod clock;
mod congestion;
mod flight;
mod proportion;
mod rack;

use std::time::{Duration, Instant};

use super::flow::{Sacks, Segment};
use super::sequence::Number;
use crate::Counters;
use clock::Clock;
use congestion::Congestion;
use flight::Flight;
use proportion::Proportion;
use rack::Rack;

#[derive(Clone, Debug)]
pub(crate) struct Repair {
    flight: Flight,
    clock: Clock,
    rack: Rack,
    congestion: Congestion,
    segment: u32,
    /// What had been sent when the last loss was found; it is repaired up to there.
    until: Option<Number>,
    /// How much is sent until then, where that is limited and not all was taken for lost.
    proportion: Option<Proportion>,
    /// How many equal acknowledgments have come that say nothing else.
    equal: u8,
    /// When something was last sent, or arrived.
    moved_at: Instant,
    /// Since when an acknowledgment is waited for.
    waits_since: Instant,
    /// When something that is only overtaken is lost.
    overdue_at: Option<Instant>,
    /// Whether the end of this flight was asked for.
    probed: bool,
    /// Whether something is sent again however full the window is.
    is_urgent: bool,
    /// Whether the client says what has arrived out of order.
    has_sack: bool,
}

/// To what kind of client, over what kind of way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    /// How long segments are.
    pub(crate) segment: u32,
    /// Whether the client says what has arrived out of order.
    pub(crate) has_sack: bool,
    /// Whether others share it, so that sending slows down when something is lost.
    pub(crate) is_controlled: bool,
}

/// How many later segments, or equal acknowledgments, make a loss sure (RFC 5681 §3.2).
const SURE: u8 = 3;
/// How long clients hold acknowledgments back: of one segment, and of several.
const HELD_BACK: (Duration, Duration) = (Duration::from_millis(200), Duration::from_millis(50));

impl Repair {
    /// Begins where nothing is under way.
    pub(crate) fn new(start: Number, way: Way, now: Instant) -> Self {
        let Way { segment, has_sack, is_controlled } = way;
        Self {
            flight: Flight::new(start),
            clock: Clock::default(),
            rack: Rack::default(),
            congestion: Congestion::new(segment, is_controlled),
            segment,
            until: None,
            proportion: None,
            equal: 0,
            moved_at: now,
            waits_since: now,
            overdue_at: None,
            probed: false,
            is_urgent: false,
            has_sack,
        }
    }

    /// Keeps what is known of the way, for another socket.
    pub(crate) fn take_over(&mut self, before: &Self) {
        self.clock = before.clock;
        self.congestion = before.congestion;
        self.rack = before.rack.of_same_way();
        self.segment = before.segment;
    }

    pub(crate) const fn flight(&self) -> &Flight {
        &self.flight
    }

    pub(crate) const fn has_sack(&self) -> bool {
        self.has_sack
    }

    /// Takes a segment for lost that was too long, and makes others shorter.
    pub(crate) fn shorten(&mut self, from: Number, before: u32, segment: u32) {
        self.segment = segment;
        let rest = self.flight.end() - from;
        self.flight.lose_range((from, from + before.min(rest)));
        self.is_urgent = true;
    }

    /// Notes that new bytes were sent up to `end`.
    pub(crate) fn note_sent(&mut self, end: Number, now: Instant) {
        if self.flight.is_empty() {
            if now.saturating_duration_since(self.moved_at) > self.clock.timeout() {
                self.congestion.restart();
            }
            self.waits_since = now;
        }
        if let Some(proportion) = &mut self.proportion {
            proportion.note_sent(end - self.flight.end());
        }
        self.flight.push(end, now);
        self.moved_at = now;
        self.probed = false;
    }

    /// Takes an acknowledgment.
    pub(crate) fn acknowledge(
        &mut self,
        segment: &Segment,
        is_same_window: bool,
        counters: &mut Counters,
        now: Instant,
    ) {
        let number = segment.acknowledgment;
        let before = (self.flight.start(), self.flight.arrived());
        if before.0.is_after(number) || number.is_after(self.flight.end()) {
            // A probe of a closed window was taken, which no flight knows.
            if self.flight.is_empty() && number.is_after(before.0) {
                self.flight = Flight::new(number);
            }
            return;
        }
        if self.flight.is_empty() {
            return;
        }
        let was_full = self.flight.flying() + 2 * self.segment >= self.congestion.window();
        let news = self.note_arrived(number, &segment.sacks, counters, now);
        if number != before.0 {
            (self.equal, self.probed, self.clock.timeouts) = (0, false, 0);
            (self.moved_at, self.waits_since) = (now, now);
        } else if segment.len == 0 && is_same_window && !news && segment.sacks.is_empty() {
            self.equal = self.equal.saturating_add(1);
        }
        let is_repaired = self.until.is_some_and(|until| !until.is_after(number));
        if is_repaired {
            (self.until, self.proportion) = (None, None);
        }
        let arrived = (number - before.0) + self.flight.arrived();
        let arrived = arrived.saturating_sub(before.1);
        self.find_losses(number != before.0, now);
        let (flying, window) = (self.flight.flying(), self.congestion.window());
        if let Some(proportion) = &mut self.proportion {
            proportion.note_arrived(arrived, flying, window, self.segment);
        } else if arrived > 0 && was_full && self.may_grow() {
            self.congestion.grow(arrived, self.clock.smoothed().unwrap_or_default(), now);
        }
    }

    /// Whether the window may grow: one that nothing else limits stays small until all is
    /// repaired that was taken for lost, so that a link that is too narrow is not filled again.
    fn may_grow(&self) -> bool {
        let is_small = self.congestion.window() <= 2 * self.segment;
        self.congestion.is_controlled() || self.until.is_none() || is_small
    }

    /// Notes what has arrived; answers whether any of it arrived out of order.
    fn note_arrived(
        &mut self,
        number: Number,
        sacks: &Sacks,
        counters: &mut Counters,
        now: Instant,
    ) -> bool {
        let Self { flight, rack, clock, .. } = self;
        let mut taken: Option<Duration> = None;
        let mut news = false;
        for (from, to) in sacks.iter() {
            if !from.is_after(number) && !to.is_after(number) {
                counters.needless_out += 1;
                rack.note_needless(flight);
            }
        }
        let known = *clock;
        let mut note = |piece: &flight::Piece| {
            if let Some(one) = rack.note_arrived(piece, &known, now) {
                taken = Some(taken.map_or(one, |taken| taken.min(one)));
            }
        };
        flight.acknowledge(number, &mut note);
        // In any other order they would look as if they had overtaken each other.
        for (from, to) in sacks.sorted(number).iter() {
            let is_sound = !number.is_after(from) && to.is_after(from);
            if is_sound && !to.is_after(flight.end()) {
                flight.arrive((from, to), |piece| {
                    news = true;
                    note(piece);
                });
            }
        }
        if let Some(taken) = taken {
            clock.measure(taken);
        }
        news
    }

    /// Looks for what is lost.
    fn find_losses(&mut self, has_advanced: bool, now: Instant) {
        self.overdue_at = None;
        if self.flight.is_empty() {
            return;
        }
        let mut found = false;
        if self.has_sack && (self.flight.arrived() > 0 || self.until.is_some()) {
            let sure = self.flight.arrived() >= u32::from(SURE) * self.segment;
            let is_sure = sure || self.until.is_some();
            (found, self.overdue_at) =
                self.rack.detect(&mut self.flight, &self.clock, is_sure, now);
        }
        let is_next_missing = has_advanced
            && self.until.is_some()
            && self.flight.pieces().next().is_some_and(|first| !first.again);
        if !self.has_sack && (self.equal == SURE || is_next_missing) {
            self.equal = self.equal.saturating_add(1);
            let start = self.flight.start();
            let len = self.segment.min(self.flight.len());
            self.flight.lose_range((start, start + len));
            found = true;
        }
        if found && self.until.is_none() {
            self.until = Some(self.flight.end());
            self.proportion = self.congestion.is_controlled().then(|| {
                // All that was under way when it was found, what has arrived since included.
                Proportion::new(self.flight.len())
            });
            self.congestion.shrink();
            self.is_urgent = true;
        }
    }

    /// Returns when something is to be done if no acknowledgment comes.
    pub(crate) fn next(&self) -> Option<Instant> {
        if self.flight.is_empty() {
            return None;
        }
        let timeout = self.waits_since + self.clock.timeout();
        [self.overdue_at, self.probe_at(), Some(timeout)].into_iter().flatten().min()
    }

    /// Notes how long the handshake took, whose answer is sent again after a second.
    pub(crate) fn note_handshake(&mut self, now: Instant) {
        let taken = now.saturating_duration_since(self.moved_at);
        if taken < Duration::from_secs(1) {
            self.clock.measure(taken);
        }
    }

    /// Returns when the end of the flight is asked for (RFC 8985 §7.2).
    fn probe_at(&self) -> Option<Instant> {
        let round_trip = self.clock.smoothed()?;
        if self.probed || self.until.is_some() || self.flight.arrived() > 0 {
            return None;
        }
        let several = self.flight.len() > self.segment;
        let held_back = if several { HELD_BACK.1 } else { HELD_BACK.0 };
        Some(self.moved_at + round_trip * 2 + held_back)
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, counters: &mut Counters, now: Instant) {
        if self.flight.is_empty() {
            return;
        }
        if self.overdue_at.is_some_and(|at| at <= now) {
            self.find_losses(false, now);
        }
        let is_silent = self.waits_since + self.clock.timeout() <= now;
        match self.probe_at() {
            Some(at) if is_silent || at <= now => {
                counters.tail_probes += 1;
                let end = self.flight.end();
                let len = self.segment.min(self.flight.len());
                self.flight.lose_range((end - len, end));
                (self.waits_since, self.probed, self.is_urgent) = (now, true, true);
            }
            None if is_silent => {
                counters.silences += 1;
                self.congestion.collapse(self.clock.timeouts == 0);
                self.clock.timeouts = self.clock.timeouts.saturating_add(1);
                self.flight.lose(|_| true);
                (self.until, self.proportion) = (Some(self.flight.end()), None);
                (self.waits_since, self.overdue_at) = (now, None);
            }
            _ => {}
        }
    }

    /// Takes what is to be sent again now, as ranges.
    pub(crate) fn take_lost(&mut self, now: Instant) -> Vec<(Number, Number)> {
        if self.flight.lost() == 0 {
            return Vec::new();
        }
        let room = self.room();
        // A part of a segment is not worth a packet of its own.
        let is_urgent = std::mem::take(&mut self.is_urgent) || self.flight.flying() == 0;
        let room = if is_urgent { room.max(self.segment) } else { room };
        let ranges = self.flight.take_lost(room / self.segment * self.segment, now);
        if let Some(proportion) = &mut self.proportion {
            proportion.note_sent(ranges.iter().map(|(from, to)| *to - *from).sum());
        }
        if let Some((from, _)) = ranges.first() {
            self.moved_at = now;
            if *from == self.flight.start() {
                self.waits_since = now;
            }
        }
        ranges
    }

    /// Returns how much more may be under way.
    fn room(&self) -> u32 {
        let free = self.congestion.window().saturating_sub(self.flight.flying());
        self.proportion.map_or(free, |proportion| proportion.room())
    }

    /// Returns how far beyond the first unacknowledged number may be sent to a client who has
    /// room for `window`.
    pub(crate) fn reach(&self, window: u32) -> u32 {
        let len = self.flight.len();
        // What is lost goes first.
        let room = self.room().saturating_sub(self.flight.lost()) / self.segment * self.segment;
        let reach = window.min(len.saturating_add(room));
        // A client may close its window, but not over what was sent already.
        if window == 0 && len <= 1 { 0 } else { reach.max(len) }
    }
}
