//! Why there is no root.

use std::io;
use std::path::PathBuf;

use sidestream::ca::{GenerateError, ImportError};
use sidestream::onboarding::SiteError;

/// Why there is no root.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootError {
    /// Neither HOME nor XDG_DATA_HOME says where.
    #[error("no folder is known for the root key, name one: --confdir DIR")]
    NoFolder,
    /// The folder cannot be made or written to.
    #[error("cannot keep the root key in {}, name another folder: --confdir DIR", path.display())]
    NotWritable {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is there and cannot be read.
    #[error("cannot read the root key {}, name another folder: --confdir DIR", path.display())]
    NotReadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error(
        "{} holds no usable root, move it away to have a new one made",
        path.display()
    )]
    NotARoot {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ImportError,
    },
    /// A root cannot be made.
    #[error("cannot make a root")]
    Generate(#[from] GenerateError),
    /// It cannot be offered.
    #[error("cannot make the page from which devices take the root")]
    Site(#[from] SiteError),
}

impl RootError {
    /// Returns whether it is for the want of a place, so that a root could still be made without
    /// keeping it.
    pub fn is_for_want_of_a_place(&self) -> bool {
        match self {
            Self::NoFolder | Self::NotWritable { .. } => true,
            Self::NotReadable { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
            _ => false,
        }
    }
}
