//! Takes the transcripts of a run as the new snapshots, if all grounds agree on them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::results::Outcome;
use crate::conclude;

/// Where trials' snapshots stand.
const FOLDER: &str = "lab/snapshots";

/// Writes the snapshots of what ran; refuses those on which trials do not agree.
pub(crate) fn bless(root: &Path, results: &[Outcome]) -> Result<()> {
    let mut wanted: BTreeMap<String, &Outcome> = BTreeMap::new();
    let mut quarrels = Vec::new();
    for result in results.iter().filter(|result| result.ran) {
        let name = name(result);
        match wanted.get(&name) {
            Some(other) if other.transcript != result.transcript => {
                quarrels.push(format!("{name}: {} and {} differ", other.trial, result.trial));
            }
            _ => drop(wanted.insert(name, result)),
        }
    }
    let of_quarrels =
        |name: &String| quarrels.iter().any(|line| line.starts_with(&format!("{name}: ")));
    let folder = root.join(FOLDER);
    fs::create_dir_all(&folder)?;
    for (name, result) in wanted.iter().filter(|(name, _)| !of_quarrels(name)) {
        let path = folder.join(name);
        let text = format!("---\nsource: lab/tests/lab/compare.rs\n---\n{}", result.transcript);
        if fs::read_to_string(&path).is_ok_and(|now| content(&now) == result.transcript.trim_end())
        {
            continue;
        }
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        println!("blessed {FOLDER}/{name}");
    }
    conclude("bless", &quarrels)
}

/// The file of a result's snapshot, as insta names it.
fn name(result: &Outcome) -> String {
    let [_, scenario, ..] = result.parts();
    let suffix = result.suffix.as_ref().map(|suffix| format!("@{suffix}")).unwrap_or_default();
    format!("{}{suffix}.snap", scenario.replace('/', "-"))
}

/// What comes after a snapshot's head.
fn content(snapshot: &str) -> &str {
    snapshot.splitn(3, "---\n").nth(2).unwrap_or_default().trim_end()
}
