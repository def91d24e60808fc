//! What Sidestream costs and what it withstands: builds it and the bench for release, and runs that.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::command::{built, run as run_command};
use crate::workspace::Workspace;

/// Runs the comparison with the given words of its command line, or what the first of them names.
pub(crate) fn run(workspace: &Workspace, mut words: Vec<OsString>) -> Result<()> {
    if words.first().is_some_and(|word| word == "store" || word == "search" || word == "list") {
        return run_store(workspace, &words);
    }
    let is_soak = words.first().is_some_and(|word| word == "soak");
    let verb = if is_soak { words.remove(0) } else { "compare".into() };
    // One after the other: together, the one's features of shared crates would be the other's too.
    for package in ["sidestream-cli", "sidestream-helper", "sidestream-bench"] {
        build(workspace, package)?;
    }
    let hudsucker = match is_soak {
        false if wants_hudsucker(&words) => Some(hudsucker(workspace)?),
        _ => None,
    };
    let sidestream = built(workspace.target.join("release/sidestream"))?;
    let bench = built(workspace.target.join("release/sidestream-bench"))?;
    let mut command = Command::new(bench);
    command.arg(verb).arg("--sidestream").arg(sidestream).args(words);
    if let Some(program) = hudsucker {
        command.arg("--hudsucker").arg(program);
    }
    run_command(&mut command)
}

/// Measures the session alone, for which nothing else is built.
fn run_store(workspace: &Workspace, words: &[OsString]) -> Result<()> {
    build(workspace, "sidestream-bench")?;
    let bench = built(workspace.target.join("release/sidestream-bench"))?;
    run_command(Command::new(bench).args(words))
}

fn build(workspace: &Workspace, package: &str) -> Result<()> {
    let build = ["build", "--release", "--quiet", "--package", package];
    run_command(Command::new("cargo").args(build).current_dir(&workspace.root))
}

/// Whether it is asked for, or everything.
fn wants_hudsucker(words: &[OsString]) -> bool {
    let mut setups = words.windows(2).filter(|pair| pair[0] == "--setup").peekable();
    setups.peek().is_none() || setups.any(|pair| pair[1] == "hudsucker")
}

/// Builds hudsucker as a program: it has a workspace of its own, as nothing else wants it.
fn hudsucker(workspace: &Workspace) -> Result<PathBuf> {
    let manifest = workspace.root.join("crates/sidestream-bench/peer/Cargo.toml");
    let target = workspace.target.join("bench-peer");
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--quiet", "--manifest-path"]).arg(manifest);
    run_command(build.arg("--target-dir").arg(&target))?;
    built(target.join("release/sidestream-bench-peer"))
}
