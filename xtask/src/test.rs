//! `cargo xtask test`: every test that this machine and user can run.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::command::limited;
use crate::counts::Counts;
use crate::nextest;
use crate::suite::{Outcome, Suite, Which, run_harness};
use crate::user::User;
use crate::workspace::Workspace;

/// Runs all tests and says loudly which were skipped, and why.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let outcome = run_as_caller(workspace, Which::All)?;
    println!();
    outcome.skips.print();
    println!("{}", outcome.counts);
    ensure!(outcome.counts.failed == 0, "{} tests failed", outcome.counts.failed);
    Ok(())
}

/// Runs tests as the caller: by nextest where it is, else one binary after the other; then the examples in the docs.
pub(crate) fn run_as_caller(workspace: &Workspace, which: Which) -> Result<Outcome> {
    let user = User::caller()?;
    let mut outcome = if nextest::is_installed() {
        nextest::run(workspace, which, &user)?
    } else {
        Suite::build(workspace)?.run(workspace, which, &user)?
    };
    if which != Which::Clients {
        outcome.counts += doc_examples(workspace)?;
    }
    Ok(outcome)
}

/// Runs the examples in the docs, which nextest does not.
fn doc_examples(workspace: &Workspace) -> Result<Counts> {
    println!("\n-- examples in the docs");
    let mut cargo: Command = limited("cargo", 30);
    cargo.args(["test", "--doc", "--quiet", "--no-fail-fast"]).args(workspace.members());
    cargo.current_dir(&workspace.root);
    run_harness(cargo, &workspace.target)
}
