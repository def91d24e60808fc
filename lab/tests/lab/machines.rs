//! Grounds whose machines boot once and run many trials: each machine is one test.

use std::env;

use libtest_mimic::{Failed, Trial as Test};
use sidestream_lab::ground::Unavailable;
use sidestream_lab::ground::kernel::{self, Selection};
use sidestream_lab::ground::vm;
use sidestream_lab::model::{Driver, Family, GroundKind, Outcome, Report, Trial};
use sidestream_lab::scenario::Scenario;

use crate::{compare, named, results};

/// One test for each kernel that is asked for: `LAB_KERNELS` names them, or says `all`.
pub(crate) fn kernels() -> Vec<Test> {
    let wanted = named("LAB_KERNELS");
    let everything = wanted.iter().any(|name| name == "all");
    let versions = match wanted.len() {
        0 => kernel::DEFAULT.map(str::to_owned).to_vec(),
        _ if everything => kernel::ALL.map(str::to_owned).to_vec(),
        _ => wanted,
    };
    let test = |version: String| {
        Test::test(format!("kernel::{version}"), move || boot(&version, everything))
    };
    versions.into_iter().map(test).collect()
}

fn boot(version: &str, everything: bool) -> Result<(), Failed> {
    let trials = trials(GroundKind::Kernel, everything);
    let mut selection = Selection::default();
    selection.scenarios.extend(trials.iter().map(Trial::to_string));
    // The kernel's half of the driver, on this kernel: what it does, or all of its tests.
    if named("LAB_SCENARIOS").is_empty() {
        let tests = if everything { "bpf" } else { "bpf:diverts" };
        selection.scenarios.push(tests.to_owned());
    }
    let mut heard = Heard::default();
    let folder = results::folder();
    let booted = kernel::run(version, &selection, &folder, |report| heard.take(report));
    match booted {
        Ok(outcome) => {
            heard.require(trials.len());
            let wrong = heard.wrong.join("\n\n");
            let ended = format!("the machine ended so: {:?}", outcome.end);
            if wrong.is_empty() { Ok(()) } else { Err(format!("{wrong}\n\n{ended}").into()) }
        }
        Err(error) => no_machine(&format!("kernel-{version}::boot"), GroundKind::Kernel, &error),
    }
}

/// One test for each virtual machine that is asked for: `LAB_OS` names some, else all.
pub(crate) fn systems() -> Vec<Test> {
    let wanted = named("LAB_OS");
    let systems = vm::SYSTEMS
        .into_iter()
        .filter(|name| wanted.is_empty() || wanted.iter().any(|it| it == name));
    systems.map(|name| Test::test(format!("vm::{name}"), move || bring_up(name))).collect()
}

fn bring_up(system: &str) -> Result<(), Failed> {
    let trials = trials(GroundKind::Vm, false);
    let mut selection = Selection::default();
    selection.scenarios.extend(trials.iter().map(Trial::to_string));
    let mut heard = Heard::default();
    match vm::run(system, &selection, &results::folder(), |report| heard.take(report)) {
        Ok(_) => {
            heard.require(trials.len());
            let wrong = heard.wrong.join("\n\n");
            if wrong.is_empty() { Ok(()) } else { Err(wrong.into()) }
        }
        Err(error) => no_machine(&format!("vm-{system}::up"), GroundKind::Vm, &error),
    }
}

/// The trials that a machine runs: those of scenarios that name its ground, over one family by the
/// drivers that capture, or all.
fn trials(ground: GroundKind, everything: bool) -> Vec<Trial> {
    let parts = named("LAB_SCENARIOS");
    let driver = env::var("LAB_DRIVER").ok();
    let scenarios = Scenario::all().into_iter().filter(|scenario| {
        let asked = parts.iter().any(|part| scenario.name.contains(part.as_str()));
        asked || parts.is_empty() && (everything || scenario.grounds.contains(&ground))
    });
    let wanted = |trial: &Trial| {
        let usual = trial.family == Family::V4 && trial.driver != Driver::Regular;
        (everything || usual) && driver.as_ref().is_none_or(|name| name == trial.driver.name())
    };
    scenarios.flat_map(|scenario| scenario.trials_inside()).filter(wanted).collect()
}

/// What was heard of a machine's trials.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    count: usize,
    wrong: Vec<String>,
}

impl Heard {
    fn take(&mut self, report: Report) {
        self.count += 1;
        let verdict = judge(&report);
        results::write(&report, verdict.as_ref().err());
        if let Err(wrong) = verdict {
            self.wrong.push(format!("{}: {wrong}", report.trial));
        }
    }

    fn require(&mut self, count: usize) {
        if self.count < count {
            self.wrong.push(format!("{} of {count} trials were heard of", self.count));
        }
    }
}

fn judge(report: &Report) -> Result<(), String> {
    let scenario = report.trial.split("::").nth(1).unwrap_or_default();
    match &report.outcome {
        // The driver's own tests are no scenario: that they passed is all there is to compare.
        Outcome::Ran { .. } if scenario == "bpf" => Ok(()),
        Outcome::Ran { transcript, suffix } => {
            compare::check(scenario, suffix.as_deref(), transcript)
        }
        Outcome::Failed { reason, transcript } => Err(format!("{reason}\n\n{transcript}")),
        Outcome::Skipped { reason } => {
            sidestream_testkit::skip(&report.trial, reason);
            let ground = if report.trial.starts_with("vm") { "vm" } else { "kernel" };
            if named("LAB_REQUIRE").iter().any(|name| name == ground) {
                return Err(format!("it must run here, but: {reason}"));
            }
            Ok(())
        }
    }
}

/// A machine that did not come up: a skip where it cannot be had here.
fn no_machine(trial: &str, ground: GroundKind, error: &anyhow::Error) -> Result<(), Failed> {
    let unavailable = error.chain().find_map(|cause| cause.downcast_ref::<Unavailable>());
    let outcome = match unavailable {
        Some(unavailable) => Outcome::Skipped { reason: unavailable.to_string() },
        None => Outcome::Failed { reason: format!("{error:#}"), transcript: String::new() },
    };
    let report = Report { trial: trial.to_owned(), system: String::new(), outcome, seconds: 0.0 };
    let verdict = judge(&report);
    results::write(&report, verdict.as_ref().err());
    verdict.map_err(|wrong| format!("{}: {wrong}", ground.name()).into())
}
