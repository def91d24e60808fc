//! Commands that a chore starts: said aloud, limited in time, checked.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Makes a command that is ended after `minutes` where coreutils' `timeout` is there and nobody watches.
///
/// At a terminal a person ends what hangs, and `timeout` would take the
/// foreground from the command.
pub(crate) fn limited(program: impl AsRef<OsStr>, minutes: u32) -> Command {
    if env::var_os("CI").is_none() || find("timeout").is_none() {
        return Command::new(program);
    }
    let mut command = Command::new("timeout");
    command.arg("--kill-after=10").arg(format!("{minutes}m")).arg(program);
    command.stdin(Stdio::null());
    command
}

/// Runs a command whose output goes where ours does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command.status().with_context(|| format!("starting {shown}"))?;
    ensure!(status.success(), "{shown}: {status}");
    Ok(())
}

/// Runs a command and gives its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("starting {shown}"))?;
    ensure!(output.status.success(), "{shown}: {}", output.status);
    String::from_utf8(output.stdout).with_context(|| format!("reading what {shown} says"))
}

/// Finds a program in PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Whether `path` is a file; gives the path or says what to do.
pub(crate) fn built(path: PathBuf) -> Result<PathBuf> {
    ensure!(path.is_file(), "{} was not built", path.display());
    Ok(path)
}

/// Writes a command as a person would type it.
fn show(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(name).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
