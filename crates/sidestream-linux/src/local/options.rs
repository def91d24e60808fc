//! How whole-machine capture is started.

use std::time::Duration;

use sidestream_spec::Spec;

/// What is captured, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalOptions {
    /// Which processes are captured.
    pub spec: Spec,
    /// Ends the connections that chosen processes have already, so that they make them anew; not
    /// by default.
    pub reset_existing: bool,
    /// After how long without a datagram either way a UDP flow ends; 60 s by default. One whose
    /// socket is closed ends at once.
    pub idle_timeout: Duration,
}

impl LocalOptions {
    /// Captures the processes that the spec chooses.
    pub const fn new(spec: Spec) -> Self {
        Self { spec, reset_existing: false, idle_timeout: Duration::from_secs(60) }
    }

    /// Returns these options with existing connections ended or left.
    #[must_use]
    pub fn with_reset_existing(self, reset_existing: bool) -> Self {
        Self { reset_existing, ..self }
    }
}
