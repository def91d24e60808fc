//! What a trial came to, in a file of its own, for the report.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use sidestream_lab::model::{Outcome, Report};

/// Writes the report, and what is wrong with it.
pub(crate) fn write(report: &Report, wrong: Option<&String>) {
    let (verdict, words) = match (&report.outcome, wrong) {
        (_, Some(wrong)) => ("failed", wrong.clone()),
        (Outcome::Skipped { reason }, None) => ("skipped", reason.clone()),
        _ => ("passed", String::new()),
    };
    let (transcript, suffix) = match &report.outcome {
        Outcome::Ran { transcript, suffix } => (transcript.as_str(), suffix.as_deref()),
        Outcome::Failed { transcript, .. } => (transcript.as_str(), None),
        Outcome::Skipped { .. } => ("", None),
    };
    let result = json!({
        "trial": report.trial,
        "system": report.system,
        "verdict": verdict,
        "words": words,
        "seconds": report.seconds,
        "transcript": transcript,
        "suffix": suffix,
        "ran": matches!(report.outcome, Outcome::Ran { .. }),
    });
    let folder = folder().join("results");
    fs::create_dir_all(&folder).unwrap();
    let name = report.trial.replace("::", "+").replace('/', "-");
    fs::write(folder.join(format!("{name}.json")), format!("{result:#}\n")).unwrap();
}

/// Where everything goes that a lab writes: `LAB_FOLDER`, else `target/lab`.
pub(crate) fn folder() -> PathBuf {
    let target = || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("lab");
    std::env::var_os("LAB_FOLDER").map_or_else(target, PathBuf::from)
}
