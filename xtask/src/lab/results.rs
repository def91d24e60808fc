//! What trials came to, as they wrote it themselves.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::Options;
use crate::counts::Counts;
use crate::workspace::Workspace;

/// What one trial came to.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Outcome {
    /// `GROUND::SCENARIO::DRIVER::FAMILY`.
    pub(crate) trial: String,
    /// The kernel that it ran on.
    pub(crate) system: String,
    /// `passed`, `failed` or `skipped`.
    pub(crate) verdict: String,
    /// Why it failed or was skipped.
    pub(crate) words: String,
    pub(crate) seconds: f64,
    pub(crate) transcript: String,
    /// The end of the snapshot's name, where it has one of its own.
    pub(crate) suffix: Option<String>,
    /// Whether it ran to its end, so that the transcript is whole.
    pub(crate) ran: bool,
}

impl Outcome {
    /// Splits the name: ground, scenario, driver and family.
    pub(crate) fn parts(&self) -> [&str; 4] {
        let mut parts = self.trial.split("::");
        std::array::from_fn(|_| parts.next().unwrap_or_default())
    }

    /// A trial of which nothing was heard.
    pub(crate) fn unheard(trial: &str) -> Self {
        Self {
            trial: trial.to_owned(),
            system: String::new(),
            verdict: "failed".to_owned(),
            words: "it left no result".to_owned(),
            seconds: 0.0,
            transcript: String::new(),
            suffix: None,
            ran: false,
        }
    }
}

/// Where the lab keeps its files.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("lab")
}

/// Reads all results that there are, in the order of their names.
pub(crate) fn read(workspace: &Workspace) -> Result<Vec<Outcome>> {
    let mut results = Vec::new();
    for (path, _) in files(workspace)? {
        let text = fs::read_to_string(&path)?;
        results.push(
            serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?,
        );
    }
    results.sort_by(|a: &Outcome, b: &Outcome| a.trial.cmp(&b.trial));
    Ok(results)
}

/// Removes the results of what is to run again.
pub(crate) fn forget(workspace: &Workspace, options: &Options) -> Result<()> {
    for (path, trial) in files(workspace)? {
        if options.wants(&trial) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Finds the files, with the trials whose results they are.
fn files(workspace: &Workspace) -> Result<Vec<(PathBuf, String)>> {
    let folder = folder(workspace).join("results");
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        // Consoles of machines lie there, too.
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let trial = name.replace('+', "::");
        // The slash of a scenario's name became a dash: the first one after the ground's.
        let (ground, rest) = trial.split_once("::").unwrap_or((&trial, ""));
        files.push((path.clone(), format!("{ground}::{}", rest.replacen('-', "/", 1))));
    }
    Ok(files)
}

/// Adds up.
pub(crate) fn count(results: &[Outcome]) -> Counts {
    let of = |verdict: &str| results.iter().filter(|result| result.verdict == verdict).count();
    Counts { passed: of("passed"), failed: of("failed"), skipped: of("skipped") }
}
