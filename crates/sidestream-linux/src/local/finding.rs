//! What a machine can do.

use std::io;

/// Whether one thing that whole-machine capture needs can be had.
#[derive(Debug)]
#[non_exhaustive]
pub struct LocalFinding {
    /// What was looked at: `cgroup2`, `connect4`.
    pub what: &'static str,
    /// How it went; what was not reached, as another thing failed before, is `Unsupported`.
    pub outcome: io::Result<()>,
    /// What to do if it failed.
    pub remedy: Option<&'static str>,
}
