//! What undoing did.

use std::fmt;
use std::path::PathBuf;

use crate::{JournalError, Subject};

/// What became of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Somebody else has changed it since; it stays.
    Left,
    /// Nothing was there to undo.
    Nothing,
    /// Ours was taken out of what somebody else has changed since.
    PartRemoved,
    /// A tool was run.
    Ran,
    /// What we had made is gone.
    Removed,
    /// The former bytes are back.
    Restored,
}

/// One step that was looked at, backwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// The file or directory, the setting, or the tool.
    pub what: PathBuf,
    /// What became of it.
    pub outcome: Outcome,
}

/// A change that could not be undone.
#[derive(Debug)]
pub struct Failed {
    /// What it is about, where that can be read.
    pub subject: Option<Subject>,
    /// Why.
    pub error: JournalError,
}

/// What a repair did.
#[derive(Debug, Default)]
pub struct Repaired {
    /// Left-overs that were undone.
    pub undone: Vec<(Subject, Vec<Undone>)>,
    /// Those that could not be.
    pub failed: Vec<Failed>,
}

impl fmt::Display for Undone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.what.display();
        match self.outcome {
            Outcome::Left => write!(f, "left {what}: somebody else changed it since"),
            Outcome::Nothing => write!(f, "{what} is as it was"),
            Outcome::PartRemoved => {
                write!(f, "took ours out of {what}, which somebody else changed since")
            }
            Outcome::Ran => write!(f, "ran {what}"),
            Outcome::Removed => write!(f, "removed {what}"),
            Outcome::Restored => write!(f, "restored {what}"),
        }
    }
}
