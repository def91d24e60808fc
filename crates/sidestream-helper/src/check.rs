//! What this machine can do, a line for each thing.

use std::process::ExitCode;

use crate::say;

/// Tries everything; fails if anything is missing.
pub(crate) fn run() -> ExitCode {
    let mut missing = false;
    for finding in sidestream_linux::check_local() {
        let line = match finding.outcome {
            Ok(()) => format!("{}: there", finding.what),
            Err(error) => {
                missing = true;
                let remedy = finding.remedy.map(|remedy| format!("; {remedy}"));
                format!("{}: {error}{}", finding.what, remedy.unwrap_or_default())
            }
        };
        if say::out(&line).is_err() {
            break;
        }
    }
    if missing { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
