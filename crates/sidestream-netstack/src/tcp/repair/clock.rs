//! How long the way there and back takes, and how long to wait before all is taken for lost
//! (RFC 6298).

use std::time::Duration;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    /// The smoothed time, and how far it varies.
    smoothed: Option<(Duration, Duration)>,
    shortest: Option<Duration>,
    /// How often in a row all was taken for lost.
    pub(crate) timeouts: u8,
}

/// RFC 6298 §2.1.
const FIRST_TIMEOUT: Duration = Duration::from_secs(1);
/// With less to spare, clients that hold acknowledgments back would be taken for gone; RFC 6298
/// §2.4 has a second in all, systems have this.
const MIN_PATIENCE: Duration = Duration::from_millis(200);
const MAX_TIMEOUT: Duration = Duration::from_secs(60);

impl Clock {
    /// Takes a measurement.
    pub(crate) fn measure(&mut self, taken: Duration) {
        self.smoothed = Some(match self.smoothed {
            None => (taken, taken / 2),
            Some((smoothed, varies)) => {
                (smoothed * 7 / 8 + taken / 8, varies * 3 / 4 + smoothed.abs_diff(taken) / 4)
            }
        });
        self.shortest = Some(self.shortest.map_or(taken, |shortest| shortest.min(taken)));
    }

    pub(crate) fn smoothed(&self) -> Option<Duration> {
        self.smoothed.map(|(smoothed, _)| smoothed)
    }

    pub(crate) fn shortest(&self) -> Duration {
        self.shortest.unwrap_or_default()
    }

    /// Returns how long an acknowledgment may stay away.
    pub(crate) fn timeout(&self) -> Duration {
        let timeout = self
            .smoothed
            .map_or(FIRST_TIMEOUT, |(smoothed, varies)| smoothed + (varies * 4).max(MIN_PATIENCE));
        (timeout * (1 << self.timeouts.min(9))).min(MAX_TIMEOUT)
    }
}
