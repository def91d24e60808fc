//! From the standard library's time to a certificate's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// 9000-01-01, far enough from the year 9999 that no sum overflows what a certificate can carry.
const LATEST: Duration = Duration::from_secs(221_845_392_000);

/// How long a day lasts.
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// Whole seconds since 1970, or nothing outside what certificates carry.
pub(crate) fn since_epoch(at: SystemTime) -> Option<Duration> {
    at.duration_since(UNIX_EPOCH).ok().filter(|since| *since < LATEST)
}

/// The same instant for the encoder, whole seconds.
pub(crate) fn encode(since_epoch: Duration) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::from_secs(since_epoch.as_secs())
}
