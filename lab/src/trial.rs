//! One trial, from its beginning to its report.
#![expect(clippy::print_stdout, reason = "a person is shown what a trial has come to")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use anyhow::{Context, Result};

use crate::ground::{self, Unavailable};
use crate::lab::Lab;
use crate::model::{GroundKind, Outcome, Report, Trial};
use crate::scenario::Scenario;
use crate::sys;

/// A trial that takes longer hangs.
pub const LIMIT: Duration = Duration::from_secs(120);

/// The transcript as far as it goes, for whoever ends a trial that hangs.
pub(crate) type Progress = Arc<Mutex<String>>;

/// Has this process killed when whoever started it ends, where the system can do that.
pub fn end_with_parent() {
    // Where it cannot, a trial's own limit ends it.
    _ = sys::end_with_parent();
}

/// Runs a trial here and reports.
#[must_use]
pub fn run(trial: &Trial) -> Report {
    let progress = Progress::default();
    report(trial, Instant::now(), || outcome(trial, &progress))
}

/// Runs a trial here, calls `end` with its report, and ends this process; also when it hangs, and
/// when it is told to end.
pub fn run_and_exit(trial: &Trial, limit: Duration, end: fn(&Report)) -> ! {
    let progress = Progress::default();
    let started = Instant::now();
    let (watched, late) = (trial.clone(), Arc::clone(&progress));
    let give_up = move |reason: String| {
        let transcript = late.lock().unwrap_or_else(PoisonError::into_inner).clone();
        end(&report(&watched, started, || Outcome::Failed { reason, transcript }));
        process::exit(1);
    };
    let told = give_up.clone();
    // Where that cannot be heard, it ends all the same, without a report.
    _ = sys::on_terminate(move || told("it was told to end".to_owned()));
    thread::spawn(move || {
        thread::sleep(limit);
        give_up(format!("it hangs: not over after {limit:?}"));
    });
    let report = report(trial, started, || outcome(trial, &progress));
    end(&report);
    process::exit(i32::from(matches!(report.outcome, Outcome::Failed { .. })));
}

/// Runs a trial's scenario and then a shell on one of its hosts, for a person; what intercepts
/// goes on until that shell ends.
///
/// # Errors
///
/// When the ground is not here, or has no such host, or none with a shell.
pub fn shell(trial: &Trial, host: &str) -> Result<()> {
    let found = Scenario::find(&trial.scenario);
    let scenario = found.with_context(|| format!("there is no scenario {:?}", trial.scenario))?;
    let mut lab = Lab::new(ground::open(trial)?, trial.driver, trial.family);
    let ran = (scenario.run)(&mut lab);
    let seen = lab.so_far()?;
    println!("{seen}{}", ran.err().map_or_else(String::new, |error| words(&error)));
    lab.shell(host)
}

fn report(trial: &Trial, started: Instant, outcome: impl FnOnce() -> Outcome) -> Report {
    let system = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let outcome = outcome();
    Report {
        trial: trial.to_string(),
        system: system.trim().to_owned(),
        outcome,
        seconds: started.elapsed().as_secs_f64(),
    }
}

fn outcome(trial: &Trial, progress: &Progress) -> Outcome {
    let failed = |reason: String, transcript: String| Outcome::Failed { reason, transcript };
    let Some(scenario) = Scenario::find(&trial.scenario) else {
        return failed(format!("there is no scenario {:?}", trial.scenario), String::new());
    };
    let ended = |error| skipped(&error).unwrap_or_else(|| failed(words(&error), String::new()));
    if trial.ground == GroundKind::Ctr {
        match ground::ctr::elsewhere(trial) {
            Ok(None) => {}
            Ok(Some(report)) => return report.outcome,
            Err(error) => return ended(error),
        }
    }
    let ground = match ground::open(trial) {
        Ok(ground) => ground,
        Err(error) => return ended(error),
    };
    let mut lab = Lab::new(ground, trial.driver, trial.family);
    lab.show_progress(Arc::clone(progress));
    let ran =
        catch_unwind(AssertUnwindSafe(|| (scenario.run)(&mut lab).and_then(|()| lab.finish())));
    if !matches!(ran, Ok(Ok(_))) || env::var_os("LAB_KEEP").is_some() {
        // What was seen is worth more than that it could not be kept.
        _ = lab.keep(&keep_folder(trial));
    }
    match ran {
        Ok(Ok(transcript)) => {
            let suffix = scenario.suffix(trial.driver).map(|(name, _)| name.to_owned());
            Outcome::Ran { transcript, suffix }
        }
        Ok(Err(error)) => skipped(&error).unwrap_or_else(|| {
            let told = lab.told();
            let transcript = lab.so_far().unwrap_or_else(|error| words(&error));
            failed(words(&error), format!("{transcript}\n-- told\n{told}"))
        }),
        Err(_) => failed("the scenario panicked".to_owned(), lab.so_far().unwrap_or_default()),
    }
}

/// Where what is kept of a trial goes: below `LAB_FOLDER`, else in the target folder.
fn keep_folder(trial: &Trial) -> PathBuf {
    let target = || {
        let program = env::current_exe().unwrap_or_default();
        program.ancestors().nth(2).unwrap_or_else(|| Path::new("target")).join("lab")
    };
    let folder = env::var_os("LAB_FOLDER").map_or_else(target, PathBuf::from);
    folder.join("keep").join(trial.to_string().replace("::", "+").replace('/', "-"))
}

fn skipped(error: &anyhow::Error) -> Option<Outcome> {
    let unavailable = error.chain().find_map(|cause| cause.downcast_ref::<Unavailable>())?;
    Some(Outcome::Skipped { reason: unavailable.to_string() })
}

fn words(error: &anyhow::Error) -> String {
    format!("{error:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_of_no_scenario_fails() {
        let report = run(&"net::no/such::run::v4".parse().unwrap());
        let Outcome::Failed { reason, .. } = report.outcome else { panic!("{report:?}") };
        assert_eq!(reason, "there is no scenario \"no/such\"");
    }

    #[test]
    fn a_ground_that_is_not_there_is_a_skip_with_its_reason() {
        let report = run(&"wine::http1/get::run::v4".parse().unwrap());
        let Outcome::Skipped { reason } = report.outcome else { panic!("{report:?}") };
        assert_eq!(reason, "the wine ground is not built yet");
    }
}
