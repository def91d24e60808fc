//! Inside of a guest: its first process, and the one that runs its trials.

mod init;
mod trials;

use anyhow::Result;

/// Does what the verb `guest` is for: as the first process of a machine all that one has to do,
/// else the trials whose names contain one of the patterns.
///
/// # Errors
///
/// When the machine cannot be set up, or no trial fits.
pub fn run(patterns: &[String]) -> Result<()> {
    if std::process::id() == 1 { init::run() } else { trials::run(patterns) }
}
