//! Whether there is a helper, and how it would be started.

use std::path::PathBuf;

/// What is known of the helper on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The helper that would be started.
    pub found: Option<PathBuf>,
    /// Where it was looked for.
    pub looked: Vec<PathBuf>,
    /// Whether its file has the capabilities that it needs.
    pub capabilities: bool,
    /// Whether this user may execute it.
    pub executable: bool,
    /// The group that its file belongs to, if only that group may execute it.
    pub group: Option<String>,
    /// Whether this process is in that group.
    pub in_group: bool,
    /// How it would get its rights.
    pub rights: Rights,
}

/// How the helper would get its rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rights {
    /// In that way: `root`, `file capabilities`, `sudo` or `pkexec`.
    By(&'static str),
    /// Not at all.
    Lacking {
        /// Why.
        reason: &'static str,
        /// What to do about it.
        remedy: &'static str,
    },
}

impl Default for Rights {
    fn default() -> Self {
        Self::Lacking { reason: "there is no helper", remedy: GET_ONE }
    }
}

/// What to do where there is no helper.
pub(crate) const GET_ONE: &str = "build it with `cargo build -p sidestream-helper` or install it with `sidestream helper \
     install`";
