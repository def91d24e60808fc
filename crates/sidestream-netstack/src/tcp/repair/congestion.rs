//! How much may be under way at once (RFC 9438, RFC 5681).

use std::time::{Duration, Instant};

/// The congestion window: CUBIC's, or one that only a timeout closes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Congestion {
    window: u32,
    /// Where slow start ends.
    threshold: u32,
    segment: u32,
    cubic: Option<Cubic>,
}

/// The curve along which the window grows.
#[derive(Clone, Copy, Debug, Default)]
struct Cubic {
    /// The window at the last loss.
    highest: f64,
    /// When the window began to grow after it, and how many seconds later it is the highest again.
    epoch: Option<(Instant, f64)>,
    /// The window that a Reno sender would have.
    reno: f64,
}

/// RFC 6928 §2.
const FIRST_WINDOW: u32 = 10;
/// RFC 9438 §4.6 and §5.
const SHRINKS_TO: f64 = 0.7;
const STEEPNESS: f64 = 0.4;
/// RFC 9438 §4.3.
const RENO_GROWTH: f64 = 3.0 * (1.0 - SHRINKS_TO) / (1.0 + SHRINKS_TO);
const UNLIMITED: u32 = u32::MAX / 4;

impl Congestion {
    pub(crate) fn new(segment: u32, is_controlled: bool) -> Self {
        let cubic = is_controlled.then(Cubic::default);
        let window = if is_controlled { FIRST_WINDOW * segment } else { UNLIMITED };
        Self { window, threshold: UNLIMITED, segment, cubic }
    }

    pub(crate) const fn window(&self) -> u32 {
        self.window
    }

    /// Whether a loss slows sending down.
    pub(crate) const fn is_controlled(&self) -> bool {
        self.cubic.is_some()
    }

    /// Begins anew after a silence in which the way may have changed (RFC 5681 §4.1).
    pub(crate) fn restart(&mut self) {
        if let Some(cubic) = &mut self.cubic {
            self.window = self.window.min(FIRST_WINDOW * self.segment);
            cubic.epoch = None;
        }
    }

    /// Takes a loss; several of one flight are one.
    pub(crate) fn shrink(&mut self) {
        let Some(cubic) = &mut self.cubic else { return };
        let window = f64::from(self.window);
        // RFC 9438 §4.7: who has less than before leaves room to others.
        let gives_way = window < cubic.highest;
        cubic.highest = if gives_way { window * (1.0 + SHRINKS_TO) / 2.0 } else { window };
        cubic.epoch = None;
        self.threshold = whole(window * SHRINKS_TO).max(2 * self.segment);
        self.window = self.threshold;
    }

    /// Takes the loss of all that was under way (RFC 5681 §3.1).
    pub(crate) fn collapse(&mut self, is_first: bool) {
        if is_first {
            self.shrink();
        }
        self.window = self.segment;
    }

    /// Takes what has arrived of a flight that had filled the window.
    pub(crate) fn grow(&mut self, arrived: u32, round_trip: Duration, now: Instant) {
        if self.window < self.threshold {
            self.window = self.window.saturating_add(arrived).min(UNLIMITED);
            return;
        }
        let Some(cubic) = &mut self.cubic else { return };
        let (window, segment) = (f64::from(self.window), f64::from(self.segment));
        let (began, peak) = *cubic.epoch.get_or_insert_with(|| {
            cubic.reno = window;
            cubic.highest = cubic.highest.max(window);
            (now, ((cubic.highest - window) / (STEEPNESS * segment)).cbrt())
        });
        let since = (now.saturating_duration_since(began) + round_trip).as_secs_f64() - peak;
        let target = STEEPNESS * segment * since.powi(3) + cubic.highest;
        let target = target.clamp(window, window * 1.5);
        let share = f64::from(arrived) / window;
        let growth = if cubic.reno < cubic.highest { RENO_GROWTH } else { 1.0 };
        cubic.reno += growth * segment * share;
        self.window = whole((window + (target - window) * share).max(cubic.reno)).min(UNLIMITED);
    }
}

/// Rounds down what is never negative.
fn whole(value: f64) -> u32 {
    value as u32
}
