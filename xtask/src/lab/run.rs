//! Runs trials, and adds up.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::results::{self, Outcome as Trial};
use super::{Options, bless, report};
use crate::command::{built, find, limited, output, run as run_command};
use crate::counts::Counts;
use crate::skips::SkipsFile;
use crate::user::User;
use crate::workspace::Workspace;
use crate::{nextest, suite};

/// Above this the run itself hangs; each trial has its own limit.
const MINUTES: u32 = 40;

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) counts: Counts,
}

impl Outcome {
    /// Fails where a trial did, and where none ran.
    pub(crate) fn conclude(self) -> Result<()> {
        println!("{}", self.counts);
        ensure!(self.counts.passed + self.counts.failed > 0, "no trial ran");
        ensure!(self.counts.failed == 0, "{} trials failed", self.counts.failed);
        Ok(())
    }
}

/// Runs what is wanted, shows the table, and keeps it.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    build()?;
    let _alone = alone(workspace)?;
    results::forget(workspace, options)?;
    let lab = built(workspace.target.join("debug/sidestream-lab"))?;
    let mut command = dying_with_us("cargo");
    command.current_dir(&workspace.root);
    words(&mut command, options);
    environment(&mut command, workspace, options);
    // What fails is seen in the results, also what left none.
    let status = command.status().context("starting the trials")?;
    let results = gather(workspace, options, &lab)?;
    if options.bless {
        bless::bless(&workspace.root, &results)?;
    }
    report::write(workspace, &results::read(workspace)?)?;
    let mut counts = results::count(&results);
    if !status.success() && counts.failed == 0 && !options.bless {
        println!("lab: the run itself ended with {status}");
        counts.failed += 1;
    }
    Ok(Outcome { counts })
}

/// Runs the net ground's trials as an unprivileged `user`.
pub(crate) fn run_as(workspace: &Workspace, user: &User) -> Result<suite::Outcome> {
    build()?;
    let program = |name: &str| -> Result<_> {
        user.reachable(&built(workspace.target.join("debug").join(name))?)
    };
    let lab = program("sidestream-lab")?;
    let sidestream = program("sidestream")?;
    program("sidestream-helper")?;
    let test = user.reachable(Path::new(&test_binary()?))?;
    let scratch = user.scratch(&workspace.target);
    let skips = SkipsFile::create(&scratch)?;
    user.own(skips.path())?;
    let sources = user.sources(&workspace.root);
    let mut command = user.command(&test, MINUTES);
    command
        .arg("::run::")
        .env("CARGO_MANIFEST_DIR", sources.join("lab"))
        .env("LAB_GROUNDS", "net")
        .env("LAB_BIN", lab)
        .env("LAB_SCRIPT", sources.join("lab/own-namespaces.sh"))
        .env("LAB_SNAPSHOTS", sources.join("lab/snapshots"))
        .env("LAB_FOLDER", scratch.join("lab"))
        .env("SIDESTREAM_BIN", sidestream)
        .env("SIDESTREAM_SKIPS", skips.path())
        .env("INSTA_UPDATE", "no")
        .env("INSTA_WORKSPACE_ROOT", &sources);
    let counts = suite::run_harness(command, &workspace.target)?;
    let skips = skips.read()?;
    Ok(suite::Outcome { counts: counts.with_skips(skips.len()), skips })
}

pub(super) fn build() -> Result<()> {
    let mut cargo = limited("cargo", MINUTES);
    cargo.args(["build", "--quiet"]);
    for package in ["sidestream-cli", "sidestream-helper", "sidestream-lab"] {
        cargo.args(["--package", package]);
    }
    run_command(&mut cargo)
}

/// Waits until no other run has its results in this folder; it is locked for as long as the file
/// is open, also by a lab that is killed.
fn alone(workspace: &Workspace) -> Result<File> {
    let folder = results::folder(workspace);
    fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join("lock"))?;
    if let Err(TryLockError::WouldBlock) = lock.try_lock() {
        println!("lab: another run is under way in {}, waiting for it", folder.display());
        lock.lock().context("waiting for another run")?;
    }
    Ok(lock)
}

/// A command that is ended with us, however we end.
fn dying_with_us(program: &str) -> Command {
    if find("setpriv").is_none() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", program]);
    command
}

/// The words of cargo: its nextest where it is there, else its own harness.
fn words(command: &mut Command, options: &Options) {
    let lab = ["--package", "sidestream-lab", "--test", "lab"];
    if !nextest::is_installed() {
        command.arg("test").arg("--quiet").args(lab).arg("--").args(&options.scenarios);
        return;
    }
    command
        .args(["nextest", "run", "--profile", "lab", "--cargo-quiet", "--no-fail-fast"])
        .args(lab);
    command.args(["--status-level", "slow", "--final-status-level", "fail"]);
    let any = |names: &[String], test: &dyn Fn(&String) -> String| {
        names.iter().map(test).collect::<Vec<_>>().join(" | ")
    };
    let mut filter = Vec::new();
    if !options.scenarios.is_empty() {
        // A kernel's trials are one test.
        let test = |name: &String| format!("test({name}) | test(/^(kernel|vm)::/)");
        filter.push(format!("({})", any(&options.scenarios, &test)));
    }
    if let Some(driver) = &options.driver {
        filter.push(format!("(test(::{driver}::) | test(/^(kernel|vm)::/))"));
    }
    if !filter.is_empty() {
        command.args(["-E", &filter.join(" & ")]);
    }
}

fn environment(command: &mut Command, workspace: &Workspace, options: &Options) {
    command
        .env("LAB_FOLDER", results::folder(workspace))
        .env("LAB_BIN", workspace.target.join("debug/sidestream-lab"))
        .env("LAB_GROUNDS", options.grounds.join(","))
        .env(
            "LAB_KERNELS",
            if options.all_kernels { "all".into() } else { options.kernels.join(",") },
        )
        .env("LAB_SCENARIOS", options.scenarios.join(","))
        .env("LAB_OS", options.os.as_deref().unwrap_or_default())
        .env("INSTA_UPDATE", "no")
        .env("INSTA_FORCE_PASS", if options.bless { "1" } else { "0" })
        .env("SIDESTREAM_BIN", workspace.target.join("debug/sidestream"));
    if options.required {
        command.env("LAB_REQUIRE", options.grounds.join(","));
    }
    if options.keep || options.pcap {
        command.env("LAB_KEEP", "1");
    }
    if let Some(driver) = &options.driver {
        command.env("LAB_DRIVER", driver);
    }
}

/// Reads the results of this run; a trial that left none has failed.
fn gather(workspace: &Workspace, options: &Options, lab: &Path) -> Result<Vec<Trial>> {
    let mut results = results::read(workspace)?;
    results.retain(|result| options.wants(&result.trial));
    let listed = output(Command::new(lab).arg("list"))?;
    for trial in listed.lines().filter(|trial| options.wants(trial)) {
        // Which of them a machine ran, its own test knows.
        let is_there = results.iter().any(|result| result.trial == *trial);
        if !is_there && !trial.starts_with("kernel::") && !trial.starts_with("vm::") {
            results.push(Trial::unheard(trial));
        }
    }
    Ok(results)
}

/// Finds the executable of the trials.
fn test_binary() -> Result<String> {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--quiet", "--no-run", "--package", "sidestream-lab", "--test", "lab"]);
    cargo.arg("--message-format=json-render-diagnostics");
    let said = output(&mut cargo)?;
    let messages = said.lines().filter_map(|line| serde_json::from_str(line).ok());
    let mut executables = messages.filter_map(|message: serde_json::Value| {
        let is_lab = message["target"]["name"] == "lab";
        message["executable"].as_str().filter(|_| is_lab).map(str::to_owned)
    });
    executables.next_back().context("the trials were not built")
}
