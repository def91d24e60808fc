//! Runs the fuzz targets by cargo-fuzz.

use std::process::Command;

use anyhow::{Result, bail, ensure};
use lexopt::prelude::*;

use crate::command::run as run_command;
use crate::workspace::{Workspace, rust_files};

/// What to fuzz, and for how long.
#[derive(Debug)]
pub(crate) struct Options {
    target: Option<String>,
    seconds: u32,
    replay: bool,
}

impl Options {
    /// Ten minutes for every target.
    pub(crate) fn nightly() -> Self {
        Self { target: None, seconds: 600, replay: false }
    }

    /// Reads the rest of the command line.
    pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Self> {
        let mut options = Self { target: None, seconds: 60, replay: false };
        while let Some(argument) = parser.next()? {
            match argument {
                Value(target) if options.target.is_none() => {
                    options.target = Some(target.string()?)
                }
                Long("seconds") => options.seconds = parser.value()?.parse()?,
                Long("replay") => options.replay = true,
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }
}

/// Fuzzes each target for its time, or replays its corpus once; stops at the first crash.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let fuzz = workspace.root.join("fuzz");
    let mut targets = Vec::new();
    for path in rust_files(&fuzz.join("fuzz_targets"))? {
        targets.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    if let Some(wanted) = &options.target {
        ensure!(targets.contains(wanted), "no fuzz target {wanted:?}; there are {targets:?}");
        targets.retain(|target| target == wanted);
    }
    ensure!(!targets.is_empty(), "no fuzz targets in {}", fuzz.display());
    let asked = Command::new("cargo").args(["fuzz", "--version"]).output()?;
    if !asked.status.success() {
        bail!("cargo-fuzz is missing; get it: cargo install cargo-fuzz --locked");
    }
    let limit = match options.replay {
        true => "-runs=0".to_owned(),
        false => format!("-max_total_time={}", options.seconds),
    };
    for target in &targets {
        println!("fuzz: {target}");
        let mut cargo = Command::new("cargo");
        // The first folder takes what is found: the seeds stay the few that were chosen.
        let mut corpora = vec![fuzz.join("target/corpus").join(target)];
        std::fs::create_dir_all(&corpora[0])?;
        // Not every target has seeds, or fixtures that are good as some.
        let seeds = [fuzz.join("corpus"), workspace.root.join("fixtures")];
        corpora.extend(
            seeds.map(|seeds| seeds.join(target)).into_iter().filter(|seeds| seeds.is_dir()),
        );
        cargo.args(["fuzz", "run", target]).args(corpora);
        cargo.args(["--", &limit, "-print_final_stats=1"]);
        // SQLite is one file in which two tables have one name, each in its own part.
        cargo.env("ASAN_OPTIONS", "detect_odr_violation=0");
        // The sanitizer's flags are unstable; this lets the stable compiler take them.
        run_command(cargo.env("RUSTC_BOOTSTRAP", "1").current_dir(&workspace.root))?;
    }
    println!("fuzz: {} targets clean", targets.len());
    Ok(())
}
