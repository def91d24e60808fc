//! Runs the tests by cargo-nextest, which gives each its own process.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::limited;
use crate::counts::Counts;
use crate::skips::SkipsFile;
use crate::suite::{Outcome, Which};
use crate::user::User;
use crate::workspace::Workspace;

/// Above this the run itself hangs; each test has its limit in `.config/nextest.toml`.
const MINUTES: u32 = 45;

/// Whether cargo-nextest is installed.
pub(crate) fn is_installed() -> bool {
    let asked = Command::new("cargo").args(["nextest", "--version"]).output();
    asked.is_ok_and(|output| output.status.success())
}

/// Runs the tests as the caller.
pub(crate) fn run(workspace: &Workspace, which: Which, user: &User) -> Result<Outcome> {
    let profile = if is_ci() { "ci" } else { "default" };
    let report = workspace.root.join("target/nextest").join(profile).join("junit.xml");
    drop(fs::remove_file(&report));
    let skips = SkipsFile::create(&user.scratch(&workspace.target))?;
    let mut cargo = limited("cargo", MINUTES);
    cargo
        .args(["nextest", "run", "--no-fail-fast", "--profile", profile])
        .args(workspace.members())
        .current_dir(&workspace.root)
        .env("INSTA_UPDATE", "no")
        .env("SIDESTREAM_SKIPS", skips.path());
    match which {
        Which::All => {}
        // A pattern and not a name: a name that no binary has is an error.
        Which::Clients => drop(cargo.args(["-E", "binary(/^clients$/)"])),
        Which::ButClients => drop(cargo.args(["-E", "not binary(/^clients$/)"])),
    }
    let status = cargo.status().context("starting cargo nextest")?;
    let counts = fs::read_to_string(&report).ok().as_deref().and_then(read_report);
    let counts = match counts {
        None => Counts::NOT_RUN,
        Some(counts) if !status.success() && counts.failed == 0 => Counts { failed: 1, ..counts },
        Some(counts) => counts,
    };
    let skips = skips.read()?;
    Ok(Outcome { counts: counts.with_skips(skips.len()), skips })
}

/// Whether nobody watches, as continuous integration says by this variable.
fn is_ci() -> bool {
    std::env::var_os("CI").is_some()
}

/// Reads the totals from the first element of a JUnit report.
fn read_report(report: &str) -> Option<Counts> {
    let (_, rest) = report.split_once("<testsuites ")?;
    let (attributes, _) = rest.split_once('>')?;
    let number = |name: &str| -> Option<usize> {
        let (_, value) = attributes.split_once(&format!("{name}=\""))?;
        value.split_once('"')?.0.parse().ok()
    };
    let failed = number("failures")? + number("errors")?;
    Some(Counts { passed: number("tests")?.checked_sub(failed)?, failed, skipped: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_totals_of_a_report() {
        let report = r#"<?xml version="1.0"?>
            <testsuites name="nextest-run" tests="15" failures="2" errors="1" time="0.2">
                <testsuite name="it" tests="9" failures="0">"#;
        let counts = read_report(report).unwrap();
        assert_eq!(counts.to_string(), "12 passed, 3 failed, 0 skipped");
        assert_eq!(read_report("<testsuites"), None);
    }
}
