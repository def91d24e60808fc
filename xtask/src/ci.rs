//! `cargo xtask ci`: what continuous integration runs, in the same words.

use std::env;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Result, bail, ensure};

use crate::command::{built, limited, run as run_command};
use crate::counts::Counts;
use crate::suite::{Outcome, Suite, Which};
use crate::sys::free_space;
use crate::user::User;
use crate::workspace::Workspace;
use crate::{bench, bpf, conformance, cross, fixtures, floors, fuzz, lab, sizes, test};

/// How much the conformance suite of drivers carries where it may take its time.
const FULL_SIZE: [(&str, &str); 2] =
    [("SIDESTREAM_TRANSFER_BYTES", "1073741824"), ("SIDESTREAM_FLOWS", "5000")];

type Job = fn(&Workspace, &mut Counts) -> Result<()>;

/// The jobs that run where none is named, quick ones first.
const JOBS: [(&str, Job); 12] = [
    ("floors", |workspace, _| floors::run(workspace)),
    ("sizes", |workspace, _| sizes::run(workspace)),
    ("fixtures", |workspace, _| fixtures::run(workspace, false)),
    ("bpf", |workspace, _| bpf::run(workspace, true)),
    ("fmt", |_, _| cargo(&["fmt", "--all", "--check"])),
    ("clippy", |workspace, _| {
        let mut cargo = limited("cargo", 30);
        cargo.args(["clippy", "--all-targets", "--quiet"]).args(workspace.members());
        run_command(cargo.args(["--", "-D", "warnings"]))
    }),
    ("doc", |workspace, _| {
        let mut cargo = limited("cargo", 30);
        cargo.args(["doc", "--no-deps", "--quiet"]).args(workspace.members());
        run_command(cargo.env("RUSTDOCFLAGS", "-D warnings"))
    }),
    ("test", |workspace, counts| {
        let outcome = test::run_as_caller(workspace, Which::ButClients);
        judge(workspace, &User::caller()?, outcome, counts)
    }),
    ("unprivileged", |workspace, counts| as_nobody(workspace, Which::ButClients, counts)),
    ("demo", |workspace, _| demo(workspace)),
    ("clients", |workspace, counts| {
        let outcome = test::run_as_caller(workspace, Which::Clients);
        let as_caller = judge(workspace, &User::caller()?, outcome, counts);
        as_nobody(workspace, Which::Clients, counts).and(as_caller)
    }),
    ("lab", lab),
];

/// Jobs that have to be named: they take long, or need a machine of their own.
const ASKED_FOR: [(&str, Job); 4] = [
    ("cross", cross::run),
    ("fuzz", |workspace, _| fuzz::run(workspace, &fuzz::Options::nightly())),
    ("conformance", conforms),
    ("bench", |workspace, _| {
        let words = ["--quick", "--json", "target/bench.json"];
        bench::run(workspace, words.map(Into::into).to_vec())
    }),
];

/// Names for several jobs: those of each workflow.
const GROUPS: [(&str, &[&str]); 3] = [
    (
        "linux",
        &[
            "floors",
            "sizes",
            "fixtures",
            "bpf",
            "fmt",
            "clippy",
            "doc",
            "test",
            "unprivileged",
            "demo",
            "clients",
        ],
    ),
    ("windows", &["clippy", "test"]),
    ("macos", &["clippy", "test"]),
];

/// Runs all jobs, or the named ones; each runs although one before it failed.
///
/// The last line is the sum over all test runs, `N passed, N failed, N skipped`,
/// also where a job failed: then the exit code alone says so after it.
pub(crate) fn run(workspace: &Workspace, names: &[String]) -> Result<ExitCode> {
    let wanted = wanted(names)?;
    let mut counts = Counts::default();
    let mut stages = Vec::new();
    let mut failures = Vec::new();
    println!("begun{}", room(workspace));
    for (name, job) in wanted {
        println!("\n=== {name}");
        let started = Instant::now();
        let result = job(workspace, &mut counts);
        let verdict = if result.is_ok() { "ok" } else { "FAILED" };
        if let Err(error) = result {
            let words = format!("{name}: {error:#}\n");
            print!("{words}");
            failures.push(words);
        }
        let minutes = started.elapsed().as_secs_f64() / 60.0;
        let stage = format!("{name:13} {verdict:6} {minutes:5.1} min{}", room(workspace));
        println!("=== {stage}");
        stages.push(stage);
    }
    // Said again: of a long run, often the end alone is kept.
    let (stages, said, failed) = (stages.join("\n"), failures.concat(), failures.len());
    println!("\n{stages}\n{said}{failed} jobs failed\n\n{counts}");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the disk has left, as the end of a line: a full one makes tests fail for no fault of theirs.
fn room(workspace: &Workspace) -> String {
    let gigabytes = |bytes: u64| format!(", {:5.1} GB of disk left", bytes as f64 / 1e9);
    free_space(&workspace.root).map_or_else(String::new, gigabytes)
}

/// Finds the jobs of these names, groups taken apart; the usual ones where there is none.
fn wanted(names: &[String]) -> Result<Vec<(&'static str, Job)>> {
    if names.is_empty() {
        return Ok(JOBS.to_vec());
    }
    let mut wanted = Vec::new();
    for name in names {
        let group = GROUPS.iter().find(|(group, _)| group == name).map(|(_, jobs)| *jobs);
        for job in group.unwrap_or(&[name.as_str()]) {
            match JOBS.iter().chain(&ASKED_FOR).find(|(known, _)| known == job) {
                Some(found) => wanted.push(*found),
                None => {
                    let jobs = JOBS.iter().chain(&ASKED_FOR).map(|(name, _)| *name);
                    let known: Vec<_> = jobs.chain(GROUPS.iter().map(|(name, _)| *name)).collect();
                    bail!("no job {name:?}; there are {}", known.join(", "));
                }
            }
        }
    }
    Ok(wanted)
}

fn cargo(arguments: &[&str]) -> Result<()> {
    run_command(limited("cargo", 30).args(arguments))
}

/// Runs tests as an unprivileged user, where we are root; else the caller's run was that already.
fn as_nobody(workspace: &Workspace, which: Which, counts: &mut Counts) -> Result<()> {
    let Some(user) = User::nobody(&workspace.root)? else {
        println!("not root: the tests ran as an unprivileged user already");
        return Ok(());
    };
    let outcome = Suite::build(workspace).and_then(|suite| suite.run(workspace, which, &user));
    judge(workspace, &user, outcome, counts)
}

/// Adds up a test run; fails for failures, for an empty run, and, where all must run, for skips.
fn judge(
    workspace: &Workspace,
    user: &User,
    outcome: Result<Outcome>,
    counts: &mut Counts,
) -> Result<()> {
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            *counts += Counts::NOT_RUN;
            return Err(error);
        }
    };
    *counts += outcome.counts;
    println!();
    outcome.skips.print();
    println!("as {}: {}", user.name(), outcome.counts);
    ensure!(outcome.counts != Counts::default(), "no test ran");
    ensure!(outcome.counts.failed == 0, "{} tests failed", outcome.counts.failed);
    if env::var_os("SIDESTREAM_MUST_RUN").is_some_and(|value| value == "1") {
        let refused = outcome.skips.refused(&workspace.root, user)?;
        ensure!(refused.is_empty(), "{}", refused.join("\n"));
    }
    Ok(())
}

/// Runs the lab on every usual ground, and as nobody what an ordinary user can.
fn lab(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    let as_caller = lab::run(workspace, &lab::Options::required())
        .inspect(|outcome| *counts += outcome.counts)
        .inspect_err(|_| *counts += Counts::NOT_RUN)
        .and_then(lab::Outcome::conclude);
    // Only root has every ground, and only root can step down.
    let Some(user) = User::nobody(&workspace.root)? else { return as_caller };
    let as_nobody = judge(workspace, &user, lab::run_as(workspace, &user), counts);
    let killed = lab::prove_killed(workspace);
    match killed.is_ok() {
        true => counts.passed += 1,
        false => counts.failed += 1,
    }
    as_caller.and(as_nobody).and(killed)
}

/// Runs the conformance suites: every driver's at its full size, and the usual ones of others.
fn conforms(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    let mut cargo = limited("cargo", 60);
    cargo.args(["test", "--package", "sidestream-helper", "--test", "conforms"]);
    run_command(cargo.envs(FULL_SIZE))?;
    let mut cargo = limited("cargo", 60);
    cargo.args(["test", "--package", "sidestream-linux", "--test", "it", "conforms"]);
    run_command(cargo.envs(FULL_SIZE))?;
    conformance::ci(workspace, counts)
}

/// Runs the demo of a release build, as the caller and, from root, as nobody.
fn demo(workspace: &Workspace) -> Result<()> {
    cargo(&["build", "--release", "--quiet", "--package", "sidestream-cli"])?;
    let program = built(workspace.target.join("release/sidestream"))?;
    let mut users = vec![User::caller()?];
    users.extend(User::nobody(&workspace.root)?);
    for user in &users {
        println!("\n-- demo as {}", user.name());
        let mut command: Command = user.command(&user.reachable(&program)?, 5);
        run_command(command.arg("demo"))?;
    }
    Ok(())
}
