//! Every trial of the lab as a test of its own, named `GROUND::SCENARIO::DRIVER::FAMILY`.
//!
//! Without further words only the sim ground's run, which need nothing; `cargo xtask lab run`
//! names others in `LAB_GROUNDS`. A skip has a reason, and fails on grounds that `LAB_REQUIRE` names.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod compare;
mod machines;
mod results;
mod start;

use std::env;

use libtest_mimic::{Arguments, Failed, Trial as Test};
use sidestream_lab::model::{GroundKind, Outcome, Report, Trial};
use sidestream_lab::scenario::Scenario;
use sidestream_lab::trial;

fn main() {
    let arguments = Arguments::from_args();
    trial::end_with_parent();
    let grounds = named("LAB_GROUNDS");
    let mut tests = Vec::new();
    for ground in GroundKind::ALL {
        let asked = grounds.iter().any(|name| name == ground.name());
        let by_itself = grounds.is_empty() && ground == GroundKind::Sim;
        if !(asked || by_itself) {
            continue;
        }
        if ground == GroundKind::Kernel {
            tests.extend(machines::kernels());
            continue;
        }
        if ground == GroundKind::Vm {
            tests.extend(machines::systems());
            continue;
        }
        let trials = Scenario::all().into_iter().flat_map(|scenario| scenario.trials(ground));
        tests.extend(trials.map(test));
    }
    libtest_mimic::run(&arguments, tests).exit();
}

fn test(trial: Trial) -> Test {
    Test::test(trial.to_string(), move || {
        let report = start::run(&trial);
        let verdict = judge(&trial, &report);
        results::write(&report, verdict.as_ref().err());
        verdict.map_err(Failed::from)
    })
}

/// Says what is wrong with a report, if anything is.
fn judge(trial: &Trial, report: &Report) -> Result<(), String> {
    match &report.outcome {
        Outcome::Ran { transcript, suffix } => {
            compare::check(&trial.scenario, suffix.as_deref(), transcript)
        }
        Outcome::Failed { reason, transcript } => Err(format!("{reason}\n\n{transcript}")),
        Outcome::Skipped { reason } => {
            sidestream_testkit::skip(&report.trial, reason);
            if named("LAB_REQUIRE").iter().any(|name| name == trial.ground.name()) {
                return Err(format!("it must run here, but: {reason}"));
            }
            Ok(())
        }
    }
}

/// Reads a list of names out of the environment.
fn named(variable: &str) -> Vec<String> {
    let list = env::var(variable).unwrap_or_default();
    list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
