//! What installing the helper takes, and what was done.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::{GROUP, INSTALLED};

/// What to install, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstallOptions {
    /// The executable that is copied.
    pub source: PathBuf,
    /// Where it is put; [`INSTALLED`] by default.
    pub to: PathBuf,
    /// The group whose members may run it, made if there is none; [`GROUP`] by default.
    pub group: String,
    /// Makes the user who called `sudo` a member of the group; not by default.
    pub add_caller: bool,
}

impl InstallOptions {
    /// Installs that executable at the usual place.
    pub fn new(source: impl Into<PathBuf>) -> Self {
        let (to, group) = (INSTALLED.into(), GROUP.into());
        Self { source: source.into(), to, group, add_caller: false }
    }
}

/// What was done, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The steps.
    pub steps: Vec<Step>,
}

/// Something that was done, or that is so already.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The user was added to the group.
    AddedUser {
        /// The user.
        user: String,
        /// The group.
        group: String,
    },
    /// The group was made.
    CreatedGroup(String),
    /// The group is left.
    GroupStays(String),
    /// The helper was put there, with its capabilities.
    Installed(PathBuf),
    /// No helper is there.
    NotThere(PathBuf),
    /// The helper was removed.
    Removed(PathBuf),
    /// The very same helper is there already.
    Unchanged(PathBuf),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddedUser { user, group } => {
                write!(f, "added {user} to the group {group}, which counts from the next login")
            }
            Self::CreatedGroup(group) => write!(f, "created the group {group}"),
            Self::GroupStays(group) => {
                write!(f, "the group {group} stays; remove it with `groupdel {group}`")
            }
            Self::Installed(path) => write!(f, "installed {}", path.display()),
            Self::NotThere(path) => write!(f, "nothing is installed at {}", path.display()),
            Self::Removed(path) => write!(f, "removed {}", path.display()),
            Self::Unchanged(path) => write!(f, "{} is up to date", path.display()),
        }
    }
}

/// Why the helper was not installed or not removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The user who called `sudo` is not known.
    #[error("nobody to add to the group {group}: call it by sudo as the user who shall be added")]
    NoCaller {
        /// The group.
        group: String,
    },
    /// The caller is not root.
    #[error("only root may do this; run it again with sudo")]
    NotRoot,
    /// Others could put another program in its place.
    #[error(
        "{} can be written by others, who could replace the helper; run `chmod go-w {}` or choose \
         another folder", .0.display(), .0.display()
    )]
    OpenFolder(PathBuf),
    /// The helper to install cannot be read.
    #[error("cannot read {}; build it with `cargo build --release -p sidestream-helper`", .path.display())]
    Source {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written, or not with its capabilities.
    #[error("cannot write {}", .path.display())]
    Target {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program that changes groups failed.
    #[error("`{command}` failed: {reason}")]
    Tool {
        /// The command.
        command: String,
        /// What it said.
        reason: String,
    },
    /// There is no helper for this system.
    #[error("there is no helper on this system")]
    Unsupported,
}
