//! What host and guest say to each other: a job inwards, lines outwards.

use serde::{Deserialize, Serialize};

/// Where the job is, in the guest.
pub(super) const JOB: &str = "lab/job.json";

/// What a guest does, in a file of its initramfs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Job {
    /// The command.
    pub(super) argv: Vec<String>,
    /// How often it says that it lives, in seconds.
    pub(super) beat_seconds: u64,
}

/// A line that a guest writes, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Line {
    /// It lives, for so many seconds.
    Beat(u64),
    /// The command has ended with this status; 128 and the number for a signal.
    Ended(i32),
    /// The command wrote this to its standard error.
    Err(String),
    /// The command wrote this to its standard output.
    Out(String),
}
