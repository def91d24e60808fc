//! The test binaries of the workspace, built once and run as any user.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::command::output;
use crate::counts::Counts;
use crate::skips::{Skips, SkipsFile};
use crate::user::User;
use crate::workspace::Workspace;

/// Longer than any test binary takes; one that hangs is ended and counts as failed.
const MINUTES_PER_BINARY: u32 = 15;

/// Which test binaries to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// All.
    All,
    /// The one that runs the machine's programs, `clients`.
    Clients,
    /// All but that one.
    ButClients,
}

/// The built test binaries.
#[derive(Debug, Default)]
pub(crate) struct Suite {
    tests: Vec<TestBinary>,
    /// The runnable examples, which some tests start.
    examples: Vec<PathBuf>,
    sidestream: Option<PathBuf>,
}

#[derive(Debug)]
struct TestBinary {
    name: String,
    target: String,
    executable: PathBuf,
    folder: PathBuf,
}

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) counts: Counts,
    pub(crate) skips: Skips,
}

/// A line of `cargo test --no-run --message-format json`.
#[derive(Debug, Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    manifest_path: Option<PathBuf>,
    profile: Option<Profile>,
    target: Option<Target>,
}

#[derive(Debug, Deserialize)]
struct Profile {
    test: bool,
}

#[derive(Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
}

impl Which {
    /// Whether the binary of the Cargo target `target` is among them.
    pub(crate) fn contains(self, target: &str) -> bool {
        match self {
            Self::All => true,
            Self::Clients => target == "clients",
            Self::ButClients => target != "clients",
        }
    }
}

impl Suite {
    /// Builds all tests of the workspace.
    pub(crate) fn build(workspace: &Workspace) -> Result<Self> {
        let mut cargo = Command::new("cargo");
        cargo
            .args(["test", "--no-run", "--quiet"])
            .args(workspace.members())
            .arg("--message-format=json-render-diagnostics")
            .current_dir(&workspace.root);
        let mut suite = Self::default();
        for line in output(&mut cargo)?.lines() {
            let message: Message =
                serde_json::from_str(line).context("reading cargo's messages")?;
            suite.add(message);
        }
        suite.tests.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(suite)
    }

    fn add(&mut self, message: Message) {
        let Message {
            executable: Some(executable),
            manifest_path: Some(manifest),
            profile: Some(profile),
            target: Some(target),
        } = message
        else {
            return;
        };
        if profile.test {
            let folder = manifest.parent().unwrap_or_else(|| Path::new("/")).to_owned();
            let package = folder.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{package}::{}", target.name);
            self.tests.push(TestBinary { name, target: target.name, executable, folder });
        } else if target.kind == ["example"] {
            self.examples.push(executable);
        } else if target.kind == ["bin"] && target.name == "sidestream" {
            self.sidestream = Some(executable);
        }
    }

    /// Runs the binaries one after the other as `user`.
    pub(crate) fn run(&self, workspace: &Workspace, which: Which, user: &User) -> Result<Outcome> {
        let scratch = user.scratch(&workspace.target);
        let skips = SkipsFile::create(&scratch)?;
        user.own(skips.path())?;
        let sidestream =
            self.sidestream.as_deref().map(|program| user.reachable(program)).transpose()?;
        for example in &self.examples {
            user.reach_example(example)?;
        }
        let mut counts = Counts::default();
        // The lab's own need programs around them: nobody has a job of the lab's for that.
        let is_left_out = |test: &&TestBinary| {
            matches!(user, User::Nobody(_)) && test.folder == workspace.root.join("lab")
        };
        let wanted = self.tests.iter().filter(|test| which.contains(&test.target));
        for test in wanted.filter(|test| !is_left_out(test)) {
            let folder =
                user.sources(&workspace.root).join(test.folder.strip_prefix(&workspace.root)?);
            let program = user.reachable(&test.executable)?;
            let mut command = user.command(&program, MINUTES_PER_BINARY);
            command
                .current_dir(&folder)
                .env("CARGO_MANIFEST_DIR", &folder)
                .env("INSTA_UPDATE", "no")
                .env("INSTA_WORKSPACE_ROOT", user.sources(&workspace.root))
                .env("SIDESTREAM_SKIPS", skips.path())
                .env("SIDESTREAM_WORKSPACE", user.sources(&workspace.root));
            if let Some(sidestream) = &sidestream {
                command.env("SIDESTREAM_BIN", sidestream);
            }
            println!("\n-- {} as {}", test.name, user.name());
            counts += run_harness(command, &workspace.target)?;
        }
        let skips = skips.read()?;
        Ok(Outcome { counts: counts.with_skips(skips.len()), skips })
    }
}

/// Runs a program of the standard test harness, shows what it says, and counts.
///
/// A harness that ends without a result line, or badly although all passed,
/// counts as one failure. Its output goes through a file: of a pipe, a process
/// that a test left over would hold the end, and we would wait for it.
pub(crate) fn run_harness(mut command: Command, target: &Path) -> Result<Counts> {
    let path = target.join("xtask").join("output");
    fs::create_dir_all(target.join("xtask"))?;
    let file = File::create(&path).with_context(|| format!("writing {}", path.display()))?;
    let status = command.stdout(file).status().context("starting a test binary")?;
    let said = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
    print!("{said}");
    let counts = match Counts::from_harness(&said) {
        None => Counts::NOT_RUN,
        Some(counts) if !status.success() && counts.failed == 0 => Counts { failed: 1, ..counts },
        Some(counts) => counts,
    };
    if !status.success() {
        println!("-- ended with {status}");
    }
    Ok(counts)
}
