//! Trials in namespaces: nothing is left of one that is killed, and two do not meet.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use sidestream_lab::model::{Outcome, Report};
use sidestream_testkit::{can_make_user_namespaces, is_root, skip};
use tempfile::TempDir;

use crate::agent::program;

const PATIENCE: Duration = Duration::from_secs(120);

/// A folder for what a trial keeps, by which its processes are known, too.
struct Place(TempDir);

impl Place {
    fn new(test: &str) -> Option<Self> {
        if !is_root() && !can_make_user_namespaces() {
            skip(test, "neither root nor user namespaces");
            return None;
        }
        Some(Self(tempfile::tempdir().unwrap()))
    }

    fn start(&self, trial: &str) -> Child {
        self.begin(trial, &[])
    }

    fn begin(&self, trial: &str, variables: &[(&str, &str)]) -> Child {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("own-namespaces.sh");
        let mut command = Command::new(script);
        command.arg(program()).args(["scenario", trial]).env("LAB_FOLDER", self.0.path());
        command.env_remove("LAB_OWN_NAMESPACES").envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// The processes of the trial.
    fn processes(&self) -> Vec<u32> {
        let mark = format!("LAB_FOLDER={}", self.0.path().display());
        let all = fs::read_dir("/proc").unwrap().flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let is_ours = |pid: &u32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|found| found == mark.as_bytes())
        };
        pids.filter(is_ours).collect()
    }

    fn await_processes(&self, what: &str, holds: impl Fn(&[u32]) -> bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.processes();
            if holds(&found) {
                return;
            }
            assert!(Instant::now() < until, "{what}: {found:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn report(output: &Output) -> Report {
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().last().unwrap_or_default();
    let words =
        || format!("{:?} {said} {}", output.status, String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {}", words()))
}

/// The networks, mounts and files of the machine that a trial could have left.
fn machine() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let output = Command::new("ip").args(["-o", "link"]).output();
    let links = output.map(|output| output.stdout).unwrap_or_default();
    let lines = String::from_utf8_lossy(&links).into_owned();
    found.extend(lines.lines().filter_map(|line| Some(line.split(' ').nth(1)?.to_owned())));
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let place = |line: &str| line.split(' ').nth(4).map(|place| format!("mount {place}"));
    found.extend(mounts.lines().filter_map(place));
    for folder in ["/run", "/run/netns", "/tmp/lab"] {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        found.extend(entries.map(|entry| entry.path().display().to_string()));
    }
    let agents = fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    let names = agents.map(|entry| entry.file_name().to_string_lossy().into_owned());
    found.extend(names.filter(|name| name.starts_with("agent-")));
    // Other labs, and whoever else is on this machine, come and go.
    let of_others = ["veth", "docker", "sidestream"];
    found.retain(|line| !of_others.iter().any(|name| line.contains(name)));
    found
}

#[test]
fn two_trials_at_once_do_not_meet() {
    let test = "two_trials_at_once_do_not_meet";
    let (Some(one), Some(other)) = (Place::new(test), Place::new(test)) else { return };
    let trials = [one, other].map(|place| (place.start("net::http1/get::run::v4"), place));
    let transcripts = trials.map(|(child, _place)| {
        let report = report(&child.wait_with_output().unwrap());
        let Outcome::Ran { transcript, .. } = report.outcome else { panic!("{report:?}") };
        transcript
    });
    assert_eq!(transcripts[0], transcripts[1]);
    assert!(transcripts[0].contains("GET http://origin/hello"), "{}", transcripts[0]);
}

#[test]
fn nothing_is_left_of_a_trial_that_is_killed() {
    let test = "nothing_is_left_of_a_trial_that_is_killed";
    let Some(place) = Place::new(test) else { return };
    let before = machine();
    // In the middle of it: the more processes, the further.
    for count in [3, 4, 5, 6] {
        let mut trial = place.start("net::links/slow::run::v4");
        place.await_processes("it starts", |found| found.len() >= count);
        trial.kill().unwrap();
        trial.wait().unwrap();
        place.await_processes("processes are left", <[u32]>::is_empty);
    }
    let left: Vec<_> = machine().difference(&before).cloned().collect();
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn a_trial_that_is_told_to_end_reports() {
    let test = "a_trial_that_is_told_to_end_reports";
    let Some(place) = Place::new(test) else { return };
    let trial = place.start("net::links/slow::run::v4");
    place.await_processes("it starts", |found| found.len() >= 4);
    let children = format!("/proc/{0}/task/{0}/children", trial.id());
    let inside = fs::read_to_string(children).unwrap();
    assert!(Command::new("kill").args(["-TERM", inside.trim()]).status().unwrap().success());
    let report = report(&trial.wait_with_output().unwrap());
    let Outcome::Failed { reason, .. } = report.outcome else { panic!("{report:?}") };
    assert_eq!(reason, "it was told to end");
    place.await_processes("processes are left", <[u32]>::is_empty);
}

#[test]
fn what_was_on_a_hosts_link_is_read_by_tcpdump() {
    let test = "what_was_on_a_hosts_link_is_read_by_tcpdump";
    let Some(place) = Place::new(test) else { return };
    if Command::new("tcpdump").arg("--version").output().is_err() {
        return skip(test, "no tcpdump");
    }
    let trial = place.begin("net::raw/refused::run::v4", &[("LAB_KEEP", "1")]);
    report(&trial.wait_with_output().unwrap());
    let file = place.0.path().join("keep/net+raw-refused+run+v4/origin.pcapng");
    let read = Command::new("tcpdump").arg("-nr").arg(file).output().unwrap();
    let said = String::from_utf8_lossy(&read.stdout);
    let has = |what: &str| said.lines().any(|line| line.contains(what));
    // What was asked for came, and was refused.
    assert!(
        has("Flags [S]") && has("Flags [R.]"),
        "{said}{}",
        String::from_utf8_lossy(&read.stderr)
    );
}

#[test]
fn the_same_datagrams_are_lost_in_every_run() {
    let test = "the_same_datagrams_are_lost_in_every_run";
    let Some(place) = Place::new(test) else { return };
    let trial = || place.start("net::links/lost-datagrams::run::v4");
    let runs: Vec<_> = [trial(), trial(), trial()].into();
    let transcripts: BTreeSet<_> = runs
        .into_iter()
        .map(|child| match report(&child.wait_with_output().unwrap()).outcome {
            Outcome::Ran { transcript, .. } => transcript,
            Outcome::Skipped { reason } => {
                skip(test, &reason);
                String::new()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(transcripts.len(), 1, "{transcripts:#?}");
}
