//! Where a trial runs: in this process, or in namespaces of its own.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sidestream_lab::model::{GroundKind, Outcome, Report, Trial};
use sidestream_lab::trial;

/// Set by `own-namespaces.sh`, of which one run is enough: the process has namespaces of its own
/// already, or cannot have them.
const DONE: [&str; 2] = ["LAB_OWN_NAMESPACES", "LAB_NO_NAMESPACES"];

/// Runs a trial where its ground wants it.
pub(crate) fn run(wanted: &Trial) -> Report {
    if wanted.ground != GroundKind::Net {
        return trial::run(wanted);
    }
    let program = env::var_os("LAB_BIN").map_or_else(built, PathBuf::from);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("own-namespaces.sh");
    let mut command = if DONE.iter().any(|variable| env::var_os(variable).is_some()) {
        Command::new(&program)
    } else {
        let mut command = Command::new(env::var_os("LAB_SCRIPT").map_or(script, PathBuf::from));
        command.arg(&program);
        command
    };
    command.args(["scenario", &wanted.to_string()]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.unwrap_or_else(|error| panic!("starting {command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout);
    let report = said.lines().rev().find_map(|line| serde_json::from_str(line).ok());
    report.unwrap_or_else(|| Report {
        trial: wanted.to_string(),
        system: String::new(),
        outcome: Outcome::Failed {
            reason: format!("it ended without a report: {}", output.status),
            transcript: said.into_owned(),
        },
        seconds: 0.0,
    })
}

fn built() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_sidestream-lab"))
}
