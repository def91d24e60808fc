//! What a machine can do.

use std::io;

use crate::Feature;

/// Whether one thing that a sandbox needs can be had.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finding {
    /// What was tried.
    pub feature: Feature,
    /// How it went; something that was not reached, as another thing failed before, is
    /// `Unsupported`.
    pub outcome: io::Result<()>,
    /// What to do if it failed.
    pub remedy: Option<&'static str>,
}
