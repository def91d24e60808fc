//! What Sidestream costs: builds it and the bench for release, and has them compared.

use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;

use crate::command::{built, run as run_command};
use crate::workspace::Workspace;

/// Runs the comparison with the given words of its command line.
pub(crate) fn run(workspace: &Workspace, words: Vec<OsString>) -> Result<()> {
    // One after the other: together, the one's features of shared crates would be the other's too.
    for package in ["sidestream-cli", "sidestream-bench"] {
        let build = ["build", "--release", "--quiet", "--package", package];
        run_command(Command::new("cargo").args(build).current_dir(&workspace.root))?;
    }
    let sidestream = built(workspace.target.join("release/sidestream"))?;
    let bench = built(workspace.target.join("release/sidestream-bench"))?;
    run_command(Command::new(bench).arg("compare").arg("--sidestream").arg(sidestream).args(words))
}
