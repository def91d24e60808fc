//! Vagrant, with all its files in the lab's folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use sidestream_testkit::workspace_path;

/// How many lines are told of a command that fails.
const TOLD: usize = 15;

/// Sets the variables that Vagrant goes by: nobody's home is touched, and nobody is asked for news.
pub(super) fn environment(command: &mut Command, lab: &Path, data: &Path) {
    command
        .env("VAGRANT_CWD", folder())
        .env("VAGRANT_HOME", home(lab))
        .env("VAGRANT_DOTFILE_PATH", data)
        .env("VAGRANT_CHECKPOINT_DISABLE", "1")
        .env("VAGRANT_NO_PARALLEL", "1")
        .env("VAGRANT_NO_COLOR", "1")
        .stdin(Stdio::null());
}

/// Where the machines are described.
pub(super) fn folder() -> PathBuf {
    workspace_path("vagrant")
}

/// Where Vagrant keeps its boxes.
pub(super) fn home(lab: &Path) -> PathBuf {
    lab.join("vagrant-home")
}

/// Runs a command to its end and returns all that it says.
pub(super) fn said(command: &mut Command, what: &str) -> Result<String> {
    let output = command.output().with_context(|| what.to_owned())?;
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    let text = text.concat();
    if output.status.success() { Ok(text) } else { bail!("{what}: {}", last_lines(&text)) }
}

/// Runs a command to its end; what it says goes to the end of a log.
pub(super) fn logged(command: &mut Command, what: &str, log: &Path) -> Result<()> {
    let file = File::options().create(true).append(true).open(log)?;
    let from = usize::try_from(file.metadata()?.len())?;
    let status = command.stdout(file.try_clone()?).stderr(file).status();
    let status = status.with_context(|| what.to_owned())?;
    if status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&fs::read(log)?[from..]).into_owned();
    bail!("{what}: {status}\n{}\nthe rest is in {}", last_lines(&text), log.display())
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TOLD)..].join("\n")
}
