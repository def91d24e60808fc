//! Transcripts against the snapshots, of which there is one for all grounds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// Compares; the difference is printed.
pub(crate) fn check(scenario: &str, suffix: Option<&str>, transcript: &str) -> Result<(), String> {
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(folder());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    if let Some(suffix) = suffix {
        settings.set_snapshot_suffix(suffix);
    }
    let name = scenario.replace('/', "-");
    let compared = catch_unwind(AssertUnwindSafe(|| {
        settings.bind(|| insta::assert_snapshot!(name, transcript));
    }));
    compared
        .map_err(|_panic| format!("the transcript is another than the snapshot's:\n{transcript}"))
}

/// Where the snapshots are; `LAB_SNAPSHOTS` for a user who cannot reach the checkout.
fn folder() -> PathBuf {
    let here = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("snapshots");
    std::env::var_os("LAB_SNAPSHOTS").map_or_else(here, PathBuf::from)
}
