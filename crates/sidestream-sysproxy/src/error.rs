//! Why a proxy cannot be set.

use std::path::PathBuf;

use sidestream_journal::JournalError;

use crate::Place;

/// Why a proxy cannot be set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SysproxyError {
    /// There is no such place here.
    #[error("{place} has no proxy settings here, {remedy}")]
    Absent {
        /// The place.
        place: Place,
        /// What it takes.
        remedy: &'static str,
    },
    /// Nothing is known of such settings on this system.
    #[error("the system's proxy settings are not known on this system, tell programs by hand")]
    Elsewhere,
    /// A file cannot be taken for what it should be.
    #[error("{} is left as it is: {reason}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A step could not be noted or taken. What was done before is undone.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The administrator does not allow it.
    #[error("{what} is locked by the machine's administrator, who alone can change it")]
    Locked {
        /// Which setting.
        what: String,
    },
    /// The desktop's settings cannot be changed from here.
    #[error(
        "{place} cannot be reached without a session bus, start it from within the desktop's session \
         or install dbus"
    )]
    NoBus {
        /// The place.
        place: Place,
    },
    /// All went well, and the setting is not what it was set to.
    #[error("{what} did not take what it was set to, the desktop's settings service may be broken")]
    NotTaken {
        /// Which setting.
        what: String,
    },
    /// What was done could not be undone either.
    #[error("it failed halfway ({cause}) and cannot be undone, try: sidestream repair")]
    Stuck {
        /// Why it failed.
        cause: String,
        /// Why it cannot be undone.
        source: JournalError,
    },
    /// A tool of the desktop failed.
    #[error("{program} failed: {said}")]
    Tool {
        /// The tool.
        program: String,
        /// What it said.
        said: String,
    },
}
