//! Which pieces are lost: those sent well before one that has arrived (RFC 8985).

use std::time::{Duration, Instant};

use super::clock::Clock;
use super::flight::{Fate, Flight, Piece};
use crate::tcp::sequence::Number;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rack {
    /// When the piece was sent that was sent last of all that arrived, where it ends, and how long
    /// it took.
    newest: Option<(Instant, Number, Duration)>,
    /// The highest number that has arrived.
    highest: Option<Number>,
    /// Whether pieces have overtaken each other.
    reorders: bool,
    /// How many quarters of a round trip pieces may be late, beyond the first.
    patience: u8,
    /// Up to where the patience stays as it is.
    patient_until: Option<Number>,
}

impl Rack {
    /// Keeps what is known of the way.
    pub(crate) fn of_same_way(&self) -> Self {
        Self { reorders: self.reorders, patience: self.patience, ..Self::default() }
    }

    /// Notes that a piece has arrived; returns how long it took, if that is sure.
    pub(crate) fn note_arrived(
        &mut self,
        piece: &Piece,
        clock: &Clock,
        now: Instant,
    ) -> Option<Duration> {
        let taken = now.saturating_duration_since(piece.sent_at);
        if piece.again {
            // It may be the first sending that has arrived.
            if taken < clock.shortest() {
                return None;
            }
        } else if self.highest.is_some_and(|highest| highest.is_after(piece.end)) {
            self.reorders = true;
        }
        self.highest = Some(self.highest.map_or(piece.end, |highest| highest.max(piece.end)));
        if self.newest.is_none_or(|(at, end, _)| is_later(piece, at, end)) {
            self.newest = Some((piece.sent_at, piece.end, taken));
        }
        (!piece.again).then_some(taken)
    }

    /// Notes that something was sent again without need (RFC 8985 §6.2, step 4).
    pub(crate) fn note_needless(&mut self, flight: &Flight) {
        if self.patient_until.is_none_or(|until| !until.is_after(flight.start())) {
            self.reorders = true;
            self.patience = self.patience.saturating_add(1).min(15);
            self.patient_until = Some(flight.end());
        }
    }

    /// Takes for lost what is; returns whether anything is, and when more may be.
    pub(crate) fn detect(
        &self,
        flight: &mut Flight,
        clock: &Clock,
        is_sure: bool,
        now: Instant,
    ) -> (bool, Option<Instant>) {
        let Some((newest_at, newest_end, taken)) = self.newest else { return (false, None) };
        let late = taken + self.window(clock, is_sure);
        let mut next: Option<Instant> = None;
        let any = flight.lose(|piece| {
            if !is_overtaken(piece, newest_at, newest_end) {
                return false;
            }
            let at = piece.sent_at + late;
            if at <= now {
                return true;
            }
            next = Some(next.map_or(at, |next| next.max(at)));
            false
        });
        (any, next)
    }

    /// Returns how late a piece may be that is only overtaken.
    fn window(&self, clock: &Clock, is_sure: bool) -> Duration {
        if is_sure && !self.reorders {
            return Duration::ZERO;
        }
        let window = clock.shortest() / 4 * (u32::from(self.patience) + 1);
        window.min(clock.smoothed().unwrap_or_default())
    }
}

fn is_later(piece: &Piece, at: Instant, end: Number) -> bool {
    piece.sent_at > at || (piece.sent_at == at && piece.end.is_after(end))
}

fn is_overtaken(piece: &Piece, at: Instant, end: Number) -> bool {
    piece.fate == Fate::Flying
        && (piece.sent_at < at || (piece.sent_at == at && end.is_after(piece.end)))
}
