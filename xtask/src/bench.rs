//! What `sidestream run` adds to the start of a command.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::command::{built, run as run_command};
use crate::workspace::Workspace;

/// Starts `true` bare and under `run`, in turns so that a busy machine slows both alike, and compares medians.
pub(crate) fn run(workspace: &Workspace, rounds: usize) -> Result<()> {
    ensure!(rounds > 0, "no rounds to measure");
    let build = ["build", "--release", "--quiet", "--package", "sidestream-cli"];
    run_command(Command::new("cargo").args(build).current_dir(&workspace.root))?;
    let sidestream = built(workspace.target.join("release/sidestream"))?;

    let bare = || Command::new("true");
    let under_run = || {
        let mut command = Command::new(&sidestream);
        command.args(["run", "--", "true"]);
        command
    };
    // The first start reads files and makes the root certificate.
    time(under_run(), &sidestream)?;
    let (mut of_bare, mut of_run) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        of_bare.push(time(bare(), Path::new("true"))?);
        of_run.push(time(under_run(), &sidestream)?);
    }
    let (bare, under_run) = (median(of_bare), median(of_run));
    println!(
        "start of a command, median of {rounds} rounds: bare {:.2} ms, under run {:.2} ms, {:.1} times",
        milliseconds(bare),
        milliseconds(under_run),
        under_run.as_secs_f64() / bare.as_secs_f64()
    );
    Ok(())
}

fn time(mut command: Command, program: &Path) -> Result<Duration> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let status = command.status().with_context(|| format!("starting {}", program.display()))?;
    let took = started.elapsed();
    ensure!(status.success(), "{}: {status}; try it by hand", program.display());
    Ok(took)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_middle() {
        let times = [3, 1, 100].map(Duration::from_secs).to_vec();
        assert_eq!(median(times), Duration::from_secs(3));
    }
}
