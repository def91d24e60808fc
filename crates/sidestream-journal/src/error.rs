//! Why a journal cannot be kept, or a change not made.

use std::io;
use std::path::PathBuf;

/// Why there is no folder for the journal.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// The user has no home.
    #[error("no folder is known to note changes in, set HOME or XDG_STATE_HOME")]
    NoHome,
}

/// Why a journal cannot be kept, or a change not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Somebody else is changing the same.
    #[error("{program} (pid {pid}) is changing {subject}, wait until it has ended")]
    Busy {
        /// What is being changed.
        subject: String,
        /// Whose process it is.
        pid: u32,
        /// Its program.
        program: String,
    },
    /// A log was not written by this program, or is damaged.
    #[error("the journal {} is damaged or of a newer version, move it away once you know what it holds", path.display())]
    Foreign {
        /// The change's folder.
        path: PathBuf,
    },
    /// There is no such change.
    #[error("there is no change {id}")]
    Missing {
        /// Its number.
        id: u64,
    },
    /// The system refused.
    #[error("cannot {verb} {}", path.display())]
    System {
        /// What was tried.
        verb: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Nothing here knows how to give back a setting of this kind.
    #[error("it is not known how to restore a setting of {kind}, use the version that changed it")]
    Unknown {
        /// The kind.
        kind: String,
    },
    /// What is to be remembered passes a bound.
    #[error("{} is too large to be remembered, it is left as it is", path.display())]
    TooLarge {
        /// What is.
        path: PathBuf,
    },
    /// A tool ended badly.
    #[error("{program} failed: {said}")]
    Tool {
        /// The tool.
        program: String,
        /// What it said.
        said: String,
    },
}

impl JournalError {
    /// Returns whether a right is lacking.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::System { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }

    /// Makes what [`Result::map_err`] takes.
    pub(crate) fn of(
        verb: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::System { verb, path, source }
    }
}
