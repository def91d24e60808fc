//! What to run, and what lies over its files.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The mechanism by which a command's connections are captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Driver {
    /// By namespaces, or where these cannot be had by seccomp.
    #[default]
    Auto,
    /// Namespaces of its own, in which all that it sends is caught.
    Namespace,
    /// A seccomp filter, under which the kernel asks us about its connections.
    Seccomp,
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Namespace => "namespace",
            Self::Seccomp => "seccomp",
        })
    }
}

/// What to run and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The command and its arguments; the command is looked up in `PATH`.
    pub command: Vec<OsString>,
    /// Variables that the command gets beside the caller's own, or in their place.
    pub environment: Vec<(OsString, OsString)>,
    /// What the command sees in the place of files and directories.
    pub overlays: Vec<Overlay>,
    /// Whether processes that outlive the command are waited for; else they are ended.
    pub wait: bool,
    /// By what its connections are captured.
    pub driver: Driver,
    /// How long a process has to end itself before it is killed. 2 s by default.
    pub grace: Duration,
    /// After how long a silence a UDP flow is over. 60 s by default.
    pub idle_timeout: Duration,
}

impl Options {
    /// Runs that command as it is, with the caller's environment and files.
    pub fn new(command: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            overlays: Vec::new(),
            wait: false,
            driver: Driver::Auto,
            grace: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(60),
        }
    }
}

/// What the command sees in the place of one file or directory, which must exist.
///
/// It is read-only, lies in memory, and is seen by the command and its descendants only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// The file or directory that is covered.
    pub path: PathBuf,
    /// What covers it.
    pub kind: OverlayKind,
}

/// What covers a file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverlayKind {
    /// A directory; what is not among its entries is not in it.
    Directory {
        /// Its permission bits.
        mode: u32,
        /// What it holds, at any depth, each directory before what is in it.
        entries: Vec<Entry>,
    },
    /// A regular file.
    File {
        /// What it holds.
        contents: Vec<u8>,
        /// Its permission bits.
        mode: u32,
    },
}

/// One name in a directory that covers another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The path relative to the directory, without `..`.
    pub path: PathBuf,
    /// What is there.
    pub kind: EntryKind,
}

/// What an [`Entry`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory {
        /// Its permission bits.
        mode: u32,
    },
    /// A regular file.
    File {
        /// What it holds.
        contents: Vec<u8>,
        /// Its permission bits.
        mode: u32,
    },
    /// A symbolic link.
    Symlink {
        /// Where it points.
        target: PathBuf,
    },
}
