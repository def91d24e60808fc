//! Why a store cannot be changed.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use sidestream_journal::JournalError;

/// Why a store cannot be changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// Nothing is known of stores on this system.
    #[error("stores of trusted roots are not known on this system")]
    Elsewhere,
    /// The store cannot be taken for what it should be.
    #[error("{} is left as it is: {reason}", path.display())]
    Foreign {
        /// The store.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A step could not be noted or taken. What was done before is undone.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The store's own tool is not installed.
    #[error("{tool} is not installed, it is in the package {package}")]
    NoTool {
        /// The tool.
        tool: &'static str,
        /// Where it is to be had.
        package: &'static str,
    },
    /// All went well, and the store does not have it.
    #[error("{} does not hold what was put into it", path.display())]
    NotTaken {
        /// The store.
        path: PathBuf,
    },
    /// What was done could not be undone either.
    #[error("it failed halfway ({cause}) and cannot be undone, try: sidestream repair")]
    Stuck {
        /// Why it failed.
        cause: String,
        /// Why it cannot be undone.
        source: JournalError,
    },
}

impl TrustError {
    /// Says what to do, where something is known to help.
    pub fn remedy(&self) -> Option<&'static str> {
        let Self::Journal(JournalError::System { source, .. }) = self else { return None };
        remedy(source)
    }
}

fn remedy(error: &io::Error) -> Option<&'static str> {
    Some(match error.kind() {
        ErrorKind::PermissionDenied => {
            "it takes the rights of the owner; where those are there, SELinux or AppArmor forbids \
             it: ausearch -m avc, or journalctl -k, names the rule"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "the file system is mounted read-only: mount it writable, or trust the root where the \
             image is built"
        }
        ErrorKind::StorageFull => "make room on the disk",
        _ => return None,
    })
}
