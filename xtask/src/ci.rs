//! `cargo xtask ci`: what continuous integration runs, in the same words.

use std::env;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Result, bail, ensure};

use crate::command::{built, limited, run as run_command};
use crate::counts::Counts;
use crate::suite::{Outcome, Suite, Which};
use crate::user::User;
use crate::workspace::Workspace;
use crate::{bpf, conclude, fixtures, floors, sizes, test};

type Job = fn(&Workspace, &mut Counts) -> Result<()>;

/// The jobs, quick ones first.
const JOBS: [(&str, Job); 11] = [
    ("floors", |workspace, _| floors::run(workspace)),
    ("sizes", |workspace, _| sizes::run(workspace)),
    ("fixtures", |workspace, _| fixtures::run(workspace, false)),
    ("bpf", |workspace, _| bpf::run(workspace, true)),
    ("fmt", |_, _| cargo(&["fmt", "--all", "--check"])),
    ("clippy", |_, _| {
        cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])
    }),
    ("doc", |_, _| {
        let mut cargo = limited("cargo", 30);
        cargo.args(["doc", "--no-deps", "--workspace", "--quiet"]);
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
];

/// Runs all jobs, or the named ones; each runs although one before it failed.
///
/// The last line is the sum over all test runs, `N passed, N failed, N skipped`,
/// also where a job failed: then the exit code alone says so after it.
pub(crate) fn run(workspace: &Workspace, names: &[String]) -> Result<ExitCode> {
    if let Some(unknown) = names.iter().find(|name| JOBS.iter().all(|(job, _)| job != name)) {
        bail!("no job {unknown:?}; there are {}", JOBS.map(|(name, _)| name).join(", "));
    }
    let mut counts = Counts::default();
    let mut stages = Vec::new();
    let mut failed = 0;
    for (name, job) in JOBS {
        if !names.is_empty() && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        println!("\n=== {name}");
        let started = Instant::now();
        let result = job(workspace, &mut counts);
        let verdict = if result.is_ok() { "ok" } else { "FAILED" };
        if let Err(error) = result {
            println!("{name}: {error:#}");
            failed += 1;
        }
        let stage =
            format!("{name:13} {verdict:6} {:5.1} min", started.elapsed().as_secs_f64() / 60.0);
        println!("=== {stage}");
        stages.push(stage);
    }
    println!("\n{}\n{failed} jobs failed\n\n{counts}", stages.join("\n"));
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
        conclude("skips", &outcome.skips.refused(&workspace.root, user)?)?;
    }
    Ok(())
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
