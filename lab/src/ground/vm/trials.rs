//! Runs trials inside of a machine by its agent, and brings their reports out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::agent::{Exec, Remote};
use crate::ground::kernel::Selection;
use crate::model::{GroundKind, Outcome, Report, Trial};
use crate::scenario::Scenario;

/// Where things are in the machine.
const PATH: &str = "/lab:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How often it is asked for reports.
const TICK: Duration = Duration::from_secs(5);

/// How long it may say nothing: longer than a trial that hangs.
const SILENCE: Duration = Duration::from_secs(300);

/// Lists the trials of the net ground that are selected, by the groups of their scenarios.
pub(super) fn groups(selection: &Selection) -> Vec<(String, Vec<Trial>)> {
    let scenarios = Scenario::all();
    let trials = scenarios.iter().flat_map(|scenario| scenario.trials(GroundKind::Net));
    let mut groups: Vec<(String, Vec<Trial>)> = Vec::new();
    for trial in trials.filter(|trial| selection.has(trial)) {
        let group = trial.scenario.split('/').next().unwrap_or_default().to_owned();
        match groups.iter_mut().find(|(name, _)| *name == group) {
            Some((_, trials)) => trials.push(trial),
            None => groups.push((group, vec![trial])),
        }
    }
    groups
}

/// Runs trials; each that is not heard of is reported as failed.
pub(super) fn run(
    agent: Result<Remote>,
    ground: &str,
    trials: &[Trial],
    lab: &Path,
    on_report: &mut dyn FnMut(Report),
) {
    let mut missing: BTreeSet<String> =
        trials.iter().map(|trial| named(&trial.to_string(), ground)).collect();
    let mut wants_files = std::env::var_os("LAB_KEEP").is_some();
    let system = agent.as_ref().map(release).unwrap_or_default();
    let ran = agent.and_then(|agent| {
        hear(&agent, trials, &mut |mut report| {
            report.trial = named(&report.trial, ground);
            missing.remove(&report.trial);
            wants_files |= matches!(report.outcome, Outcome::Failed { .. });
            on_report(report);
        })?;
        if wants_files { fetch(&agent, ground, &lab.join("keep")) } else { Ok(()) }
    });
    let reason = match &ran {
        Ok(()) => "nothing was heard of it".to_owned(),
        Err(error) => format!("{error:#}"),
    };
    for trial in missing {
        let outcome = Outcome::Failed { reason: reason.clone(), transcript: String::new() };
        on_report(Report { trial, system: system.clone(), outcome, seconds: 0.0 });
    }
}

/// The release of the machine's kernel, which comes after the name of its system.
fn release(agent: &Remote) -> String {
    let system = &agent.hello().system;
    system.rsplit(' ').next().unwrap_or(system).to_owned()
}

/// The name of a trial on this ground: the first part is another.
fn named(trial: &str, ground: &str) -> String {
    let rest = trial.split_once("::").map_or(trial, |(_, rest)| rest);
    format!("{ground}::{rest}")
}

/// Runs the verb `guest` and hands on each report as soon as it is there.
fn hear(agent: &Remote, trials: &[Trial], on_report: &mut dyn FnMut(Report)) -> Result<()> {
    let mut argv = vec!["/lab/sidestream-lab".to_owned(), "guest".to_owned()];
    argv.extend(trials.iter().map(Trial::to_string));
    let mut exec = Exec::new(argv).env("PATH", PATH).env("LAB_FOLDER", "/lab");
    for name in ["LAB_KEEP", "LAB_PCAP"] {
        if let Ok(set) = std::env::var(name) {
            exec = exec.env(name, set);
        }
    }
    let process = agent.start(&exec)?;
    let (mut read, mut heard) = (0, Instant::now());
    loop {
        let said = agent.wait(process, None, TICK)?;
        let out = &said.stdout.0;
        while let Some(len) = out[read..].iter().position(|byte| *byte == b'\n') {
            if let Ok(report) = serde_json::from_slice(&out[read..read + len]) {
                on_report(report);
            }
            read += len + 1;
            heard = Instant::now();
        }
        if let Some(end) = said.ended {
            ensure!(said.is_success(), "it ended with {end:?}: {}", said.err());
            return Ok(());
        }
        if heard.elapsed() > SILENCE {
            bail!("nothing was heard for {SILENCE:?}: {}", said.err());
        }
    }
}

/// Gets what trials left to find failures by.
fn fetch(agent: &Remote, ground: &str, keep: &Path) -> Result<()> {
    let pack = Exec::new(["tar", "--create", "--file=/lab/keep.tar", "--directory=/lab/keep", "."]);
    if !agent.run(&pack.env("PATH", PATH), SILENCE)?.is_success() {
        // A trial that failed before its hosts stood left nothing.
        return Ok(());
    }
    let Some(packed) = agent.get(Path::new("/lab/keep.tar"))? else { return Ok(()) };
    for entry in tar::Archive::new(&packed[..]).entries()? {
        let mut entry = entry?;
        let Some(path) = renamed(&entry.path()?, ground) else { continue };
        let path = keep.join(path);
        if entry.header().entry_type().is_dir() {
            fs::create_dir_all(&path)?;
        } else {
            entry.unpack(&path).with_context(|| format!("writing {}", path.display()))?;
        }
    }
    Ok(())
}

/// The folder of a trial under its name on this ground; nothing that leads elsewhere.
fn renamed(path: &Path, ground: &str) -> Option<PathBuf> {
    let parts = path.components().filter(|part| *part != Component::CurDir);
    let mut parts = parts.map(|part| match part {
        Component::Normal(name) => name.to_str().map(str::to_owned),
        _ => None,
    });
    let first = parts.next()??;
    let first = first.split_once('+').map(|(_, rest)| format!("{ground}+{rest}"))?;
    parts.try_fold(PathBuf::from(first), |path, part| Some(path.join(part?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_has_the_name_of_the_ground_in_front() {
        assert_eq!(
            named("kernel-6.1::http1/get::run::v4", "vm-debian"),
            "vm-debian::http1/get::run::v4"
        );
    }

    #[test]
    fn trials_are_grouped_by_their_scenarios_and_none_is_lost() {
        let groups = groups(&Selection::default());
        let names: Vec<_> = groups.iter().map(|(name, _)| name.as_str()).collect();
        assert!(names.contains(&"http1") && names.contains(&"tls"), "{names:?}");
        let count: usize = groups.iter().map(|(_, trials)| trials.len()).sum();
        let all = Scenario::all();
        assert_eq!(count, all.iter().map(|it| it.trials(GroundKind::Net).len()).sum::<usize>());
        let one = Selection { scenarios: vec!["http1/get::".into()], driver: None };
        assert_eq!(super::groups(&one).len(), 1);
    }

    #[test]
    fn kept_files_stay_in_the_folder_of_their_trial() {
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(
                renamed(Path::new(path), "vm-debian"),
                expected.map(PathBuf::from),
                "{path}"
            );
        };
        check("./net+http1-get+run+v4/app.pcapng", Some("vm-debian+http1-get+run+v4/app.pcapng"));
        check("./net+http1-get+run+v4/", Some("vm-debian+http1-get+run+v4"));
        check("./net+a/../../etc/passwd", None);
        check("/etc/passwd", None);
        check("./", None);
    }
}
