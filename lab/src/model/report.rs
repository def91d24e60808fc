//! What became of a trial.

use serde::{Deserialize, Serialize};

/// What became of one trial; a line of JSON between processes and machines.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The trial's name.
    pub trial: String,
    /// The kernel or system that it ran on.
    pub system: String,
    /// What it came to.
    pub outcome: Outcome,
    /// How long it took.
    pub seconds: f64,
}

/// What a trial came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It ran through; the transcript is still to be compared.
    Ran {
        /// The transcript.
        transcript: String,
        /// Why the transcript differs from the others' and has a snapshot of its own, if it has.
        suffix: Option<String>,
    },
    /// It could not run here.
    Skipped {
        /// Why.
        reason: String,
    },
    /// It failed.
    Failed {
        /// How.
        reason: String,
        /// What was seen until then.
        transcript: String,
    },
}
