//! The answer: what has to lie over what, and which variables to add.

use std::{ffi::OsString, fmt, path::PathBuf};

/// Everything that makes a process tree trust one root more, without changing the machine.
///
/// All paths are absolute, as the command will see them, and name real files: every symbolic link on the way is
/// resolved, so that a bind mount over the path is seen through each of its names.
/// No path occurs twice, and no file lies within a directory of [`Plan::directories`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// Files whose contents have to be covered.
    pub files: Vec<OverlayFile>,
    /// Directories that have to be covered whole.
    pub directories: Vec<OverlayDir>,
    /// New files that the environment names: the root's PEM, and a bundle on a machine that has none.
    ///
    /// They lie where the caller said ([`Overlay::root_pem`](crate::Overlay::root_pem),
    /// [`Overlay::bundle_fallback`](crate::Overlay::bundle_fallback)) and cover nothing.
    pub created: Vec<OverlayFile>,
    /// Variables to set, sorted by name.
    pub environment: Vec<(OsString, OsString)>,
    /// What could not be done, and what a user may want to know.
    pub notes: Vec<Note>,
}

/// A file, whole.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OverlayFile {
    /// Where it lies.
    pub path: PathBuf,
    /// What it holds.
    pub contents: Vec<u8>,
    /// Its permission bits, as those of the file it covers.
    pub mode: u32,
}

/// A directory, whole: what is not among its entries is not in it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OverlayDir {
    /// Where it lies.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
    /// What it holds, at any depth, sorted, each directory before what is in it.
    pub entries: Vec<Entry>,
}

/// One name in an [`OverlayDir`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The path relative to the directory, without `..`.
    pub path: PathBuf,
    /// What is there.
    pub kind: EntryKind,
}

/// What an [`Entry`] is.
#[derive(Clone, PartialEq, Eq)]
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
    /// A symbolic link, kept as it is.
    Symlink {
        /// Where it points.
        target: PathBuf,
    },
}

/// Something about one place that did not go the plain way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// The file, directory or program concerned; empty when it is the machine.
    pub path: PathBuf,
    /// What about it.
    pub kind: NoteKind,
}

/// What a [`Note`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteKind {
    /// A directory that the user named in a variable is covered by a copy: what a program writes there is lost.
    Copied {
        /// The variable.
        variable: &'static str,
    },
    /// A Java key store opens with a password that is not the usual one; the copy has the usual one.
    ForeignPassword,
    /// The path holds something else than expected; it is left as it is.
    Malformed {
        /// What is wrong with it, in lower case.
        reason: String,
    },
    /// A variable names a file that is not there.
    Missing {
        /// The variable.
        variable: &'static str,
    },
    /// The machine has no bundle of trusted roots where any system is known to keep one.
    NoBundle,
    /// The file or directory is larger than what is copied; it is left as it is.
    TooLarge,
    /// The file or directory cannot be read.
    Unreadable {
        /// The system's word for it.
        reason: String,
    },
    /// No place of trusted roots is known on this system.
    Unsupported,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            NoteKind::Copied { variable } => {
                write!(
                    f,
                    "{path} (from {variable}) is a copy inside: what is written there is lost"
                )
            }
            NoteKind::ForeignPassword => {
                write!(
                    f,
                    "the key store {path} has a password of its own; its copy opens with \"changeit\""
                )
            }
            NoteKind::Malformed { reason } => write!(f, "{path} is left as it is: {reason}"),
            NoteKind::Missing { variable } => {
                write!(f, "{variable} names {path}, which is not there")
            }
            NoteKind::NoBundle => {
                write!(f, "this machine has no bundle of trusted roots; a small one is made")
            }
            NoteKind::TooLarge => write!(f, "{path} is left as it is: it is too large to copy"),
            NoteKind::Unreadable { reason } => write!(f, "{path} cannot be read: {reason}"),
            NoteKind::Unsupported => write!(f, "no place of trusted roots is known on this system"),
        }
    }
}

impl fmt::Debug for OverlayFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OverlayFile")
            .field("path", &self.path)
            .field("len_bytes", &self.contents.len())
            .field("mode", &format_args!("{:o}", self.mode))
            .finish()
    }
}

impl fmt::Debug for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory { mode } => write!(f, "Directory {{ mode: {mode:o} }}"),
            Self::File { contents, mode } => {
                write!(f, "File {{ len_bytes: {}, mode: {mode:o} }}", contents.len())
            }
            Self::Symlink { target } => write!(f, "Symlink {{ target: {target:?} }}"),
        }
    }
}
