//! Where a trial with containers runs: on the machine of an engine that it starts for itself.

use std::env;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use super::engine::Engine;
use super::library::Library;
use crate::model::{Report, Trial};

/// Which engine: `here` on the machine of the lab's own, `host` for one that is there already.
const ENGINE: &str = "LAB_ENGINE";
const HERE: &str = "here";
const HOST: &str = "host";

/// Returns whether this process runs on an engine's machine.
pub(super) fn is_inside() -> bool {
    env::var_os(ENGINE).is_some_and(|engine| engine == HERE)
}

/// Runs a trial in a process on the machine of an engine of its own and returns that one's
/// report; returns `None` where this process has an engine already.
///
/// That is so on such a machine, or where `DOCKER_HOST` names one or `LAB_ENGINE` is `host`.
///
/// # Errors
///
/// [`Unavailable`](crate::ground::Unavailable) where there can be no engine; else when it does
/// not start, or the process ends without a report.
#[expect(clippy::print_stderr, reason = "what a killed lab had left is told")]
pub fn elsewhere(trial: &Trial) -> Result<Option<Report>> {
    let engine = env::var_os(ENGINE).unwrap_or_default();
    if engine == HERE || engine == HOST || env::var_os("DOCKER_HOST").is_some() {
        return Ok(None);
    }
    let engine = with_images()?;
    engine.swept().iter().for_each(|swept| eprintln!("sidestream-lab: {swept}"));
    let mut command = engine.command(own_program()?);
    command.args(["scenario", &trial.to_string()]).env(ENGINE, HERE);
    // The engine is all that has to be ended.
    command.env("TESTCONTAINERS_COMMAND", "keep").env("TMPDIR", "/run/tmp").env("HOME", "/run/lab");
    command.env_remove("XDG_RUNTIME_DIR").env("LAB_FOLDER", folder()?);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.context("starting the trial on the engine's machine")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let Some(report) = said.lines().rev().find_map(|line| serde_json::from_str(line).ok()) else {
        bail!("the trial ended without a report: {}\n{said}", output.status)
    };
    engine.stop()?;
    Ok(Some(report))
}

/// Starts an engine that has all images, which are made and kept the first time.
///
/// # Errors
///
/// [`Unavailable`](crate::ground::Unavailable) where there can be no engine; else when images
/// cannot be made, or it does not start.
pub fn with_images() -> Result<Engine> {
    Library::new(&folder()?).engine()
}

/// Where everything goes that a lab writes: `LAB_FOLDER`, else in the target folder.
fn folder() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("LAB_FOLDER") {
        return std::path::absolute(folder).context("LAB_FOLDER is no folder");
    }
    let program = own_program()?;
    let target = program.ancestors().nth(2).context("a program outside of a target folder")?;
    Ok(target.join("lab"))
}

/// Returns the lab's program, which becomes agents, too; a test is another one beside it.
pub(super) fn own_program() -> Result<PathBuf> {
    if let Some(program) = env::var_os("LAB_BIN") {
        return Ok(PathBuf::from(program));
    }
    let running = env::current_exe().context("finding its own program")?;
    let name = "sidestream-lab";
    let near = running.ancestors().skip(1).take(2).map(|folder| folder.join(name));
    let found = near.into_iter().find(|path| path.is_file());
    found.with_context(|| format!("no {name} near {}: build it", running.display()))
}
