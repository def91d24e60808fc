//! Why a list cannot be opened.

use sidestream_store::ReadError;

/// Why a list could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The session cannot be opened.
    #[error(transparent)]
    Open(#[from] sidestream_store::OpenError),
    /// The session cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}
