//! Runs the trials of the net ground inside of a guest.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::ground::kernel::Release;
use crate::ground::kernel::initramfs::{BPF_TESTS, INIT, SCRIPT};
use crate::ground::kernel::selection::Selection;
use crate::model::{GroundKind, Outcome, Report, Trial};
use crate::scenario::Scenario;

/// How many trials run at the same time.
const AT_ONCE: usize = 2;

/// The name of the report on the tests of the eBPF driver.
const BPF: &str = "bpf";

/// Runs what is selected and writes a report each to standard output.
pub(super) fn run(words: &[String]) -> Result<()> {
    let selection = Selection::parse(words)?;
    let system = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let system: Release = system.trim().parse()?;
    let ground = format!("kernel-{}", system.version());
    let scenarios = Scenario::all();
    let trials = scenarios.iter().flat_map(|scenario| scenario.trials_inside());
    let wanted: Vec<Trial> = trials.filter(|trial| selection.has(trial)).collect();
    let mut ran = wanted.len();
    several(&wanted, |trial| {
        let mut report = one(trial, &system);
        report.trial = report.trial.replacen(GroundKind::Net.name(), &ground, 1);
        say(&report)
    })?;
    if let Some(names) = selection.driver_tests() {
        ensure!(
            Path::new("/").join(BPF_TESTS).exists(),
            "the tests of the eBPF driver are not here"
        );
        say(&bpf(&ground, &system, &names))?;
        ran += 1;
    }
    ensure!(ran > 0, "no trial has such a name: {words:?}");
    Ok(())
}

/// Does something with each trial, a few at once: they wait more than they compute.
fn several(trials: &[Trial], each: impl Fn(&Trial) -> Result<()> + Sync) -> Result<()> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
            each(trial)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a trial panicked")))
        })
    })
}

fn say(report: &Report) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(report)?)?;
    Ok(out.flush()?)
}

/// Runs a trial in a process of its own, in namespaces of its own.
fn one(trial: &Trial, system: &Release) -> Report {
    let started = Instant::now();
    let mut command = Command::new(Path::new("/").join(SCRIPT));
    command.arg(Path::new("/").join(INIT)).args(["scenario", &trial.to_string()]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let failed = |reason: String, transcript: String| Report {
        trial: trial.to_string(),
        system: system.to_string(),
        outcome: Outcome::Failed { reason, transcript },
        seconds: started.elapsed().as_secs_f64(),
    };
    let output = match output {
        Ok(output) => output,
        Err(error) => return failed(format!("starting {command:?}: {error}"), String::new()),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let report = said.lines().rev().find_map(|line| serde_json::from_str(line).ok());
    report.unwrap_or_else(|| {
        failed(format!("it ended without a report: {}", output.status), said.into_owned())
    })
}

/// Runs the tests of the eBPF driver, which are one report: their names are theirs to change.
fn bpf(ground: &str, system: &Release, names: &[&str]) -> Report {
    let started = Instant::now();
    let mut command = Command::new(Path::new("/").join(BPF_TESTS));
    let output = command.arg("--test-threads=1").args(names).stdin(Stdio::null()).output();
    let outcome = match output.context("starting them") {
        Ok(output) if output.status.success() => {
            Outcome::Ran { transcript: told(&output), suffix: None }
        }
        Ok(output) => Outcome::Failed { reason: "some failed".into(), transcript: all(&output) },
        Err(error) => Outcome::Failed { reason: format!("{error:#}"), transcript: String::new() },
    };
    let seconds = started.elapsed().as_secs_f64();
    Report { trial: format!("{ground}::{BPF}"), system: system.to_string(), outcome, seconds }
}

/// That all is well, and what a kernel lacks.
fn told(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let skipped = said.lines().filter(|line| line.starts_with("SKIPPED"));
    skipped.fold("the tests of the eBPF driver pass\n".to_owned(), |text, line| text + line + "\n")
}

fn all(output: &Output) -> String {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    text.concat()
}
