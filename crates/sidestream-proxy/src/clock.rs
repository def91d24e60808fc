//! The one clock of the engine.

use std::time::Instant;

/// Returns the time by the clock that the timers go by, which a simulation may pause and advance.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
