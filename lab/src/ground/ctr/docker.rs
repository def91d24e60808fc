//! The `docker` program.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Runs it to its end and returns what it prints.
///
/// # Errors
///
/// When it fails, with its words.
pub(super) fn run(command: &mut Command) -> Result<String> {
    let words = || {
        let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy()).collect();
        format!("docker {}", args.join(" "))
    };
    let words = words();
    let output = command.stdin(Stdio::null()).output().with_context(|| words.clone())?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{words}: {}", said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
