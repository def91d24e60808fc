//! What Sidestream costs and what it withstands: builds it and the bench for release, and runs that.

use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;

use crate::command::{built, run as run_command};
use crate::workspace::Workspace;

/// Runs the comparison with the given words of its command line, or the soak if that is the first.
pub(crate) fn run(workspace: &Workspace, mut words: Vec<OsString>) -> Result<()> {
    let is_soak = words.first().is_some_and(|word| word == "soak");
    let verb = if is_soak { words.remove(0) } else { "compare".into() };
    // One after the other: together, the one's features of shared crates would be the other's too.
    for package in ["sidestream-cli", "sidestream-helper", "sidestream-bench"] {
        let build = ["build", "--release", "--quiet", "--package", package];
        run_command(Command::new("cargo").args(build).current_dir(&workspace.root))?;
    }
    let sidestream = built(workspace.target.join("release/sidestream"))?;
    let bench = built(workspace.target.join("release/sidestream-bench"))?;
    run_command(Command::new(bench).arg(verb).arg("--sidestream").arg(sidestream).args(words))
}
