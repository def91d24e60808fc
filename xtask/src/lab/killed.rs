//! `cargo xtask lab killed`: that a lab which is killed in the midst of everything leaves nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use anyhow::{Context, Result, ensure};

use super::{results, run};
use crate::workspace::Workspace;

/// What every process of the lab to be killed has in its environment.
const MARK: &str = "LAB_TO_BE_KILLED";

/// What has to be there before it is killed: of the net ground, of the ctr ground, of a kernel.
const GROUNDS: [&str; 3] = ["sidestream-lab", "dockerd", "qemu-system"];

/// How long it may take until all of that is there.
const TO_START: Duration = Duration::from_secs(120);

/// How long the kernel and the lab's keepers may take to clear away.
const TO_END: Duration = Duration::from_secs(20);

/// Starts a lab, kills it as soon as every ground is at work, and looks for what is left.
pub(crate) fn prove(workspace: &Workspace) -> Result<()> {
    run::build()?;
    // Those of the last whole run are worth more than those of this one.
    let results = results::folder(workspace).join("results");
    let aside = results.with_file_name("results.aside");
    let are_aside = fs::rename(&results, &aside).is_ok();
    let proven = kill_one(workspace);
    if are_aside {
        drop(fs::remove_dir_all(&results));
        fs::rename(&aside, &results).context("putting the last results back")?;
    }
    proven
}

fn kill_one(workspace: &Workspace) -> Result<()> {
    // What is made in the folder for temporary files is seen: it has one of its own.
    let temp = workspace.target.join("xtask/killed");
    drop(fs::remove_dir_all(&temp));
    fs::create_dir_all(&temp)?;
    let before = Outside::look(&temp);
    let mark = format!("{MARK}={}", std::process::id());
    let mut lab = start(&temp)?;
    let began = until(TO_START, || {
        let programs: Vec<_> = marked(&mark).into_iter().map(|(_, program)| program).collect();
        let is_there = |name: &&str| programs.iter().any(|program| program.contains(*name));
        GROUNDS.iter().all(is_there) || lab.try_wait().is_ok_and(|end| end.is_some())
    });
    let early = lab.try_wait()?;
    // As a machine out of memory does it: nobody is told, no signal arrives elsewhere.
    lab.kill().and_then(|()| lab.wait()).context("killing the lab")?;
    ensure!(early.is_none(), "the lab ended before it could be killed: {early:?}");
    let gone = until(TO_END, || marked(&mark).is_empty());
    let left = marked(&mark);
    for (pid, _) in &left {
        drop(Command::new("kill").args(["-9", &pid.to_string()]).status());
    }
    ensure!(began, "not every ground came up in {TO_START:?}");
    ensure!(gone, "still there {TO_END:?} after it was killed: {left:?}");
    let after = Outside::look(&temp);
    ensure!(before == after, "what is left of it:\n{}", after.more_than(&before));
    println!("a lab that is killed leaves nothing");
    Ok(())
}

fn start(temp: &Path) -> Result<Child> {
    let mut lab = Command::new(env::current_exe()?);
    lab.args(["lab", "run", "--ground", "net,ctr,kernel", "--kernel", "6.1"]);
    lab.env(MARK, std::process::id().to_string()).env("TMPDIR", temp);
    lab.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    lab.spawn().context("starting the lab")
}

/// Finds the processes that have the mark in their environment, with their programs.
fn marked(mark: &str) -> Vec<(u32, String)> {
    let own = std::process::id();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let of_lab = |pid: &u32| {
        let variables = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        variables.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    let program = |pid: u32| {
        let name = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        (pid, name.to_string_lossy().into_owned())
    };
    pids.filter(|pid| *pid != own).filter(of_lab).map(program).collect()
}

/// What a lab could leave outside of its folder, beside processes.
#[derive(Debug, PartialEq, Eq)]
struct Outside(BTreeSet<String>);

impl Outside {
    fn look(temp: &Path) -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let place = |line: &str| Some(line.split(' ').nth(4)?.to_owned());
        let ours = |line: &&str| line.contains("sidestream") || line.contains("nsfs");
        let mut found: BTreeSet<_> = mounts.lines().filter(ours).filter_map(place).collect();
        found.extend(below(temp, &|_| true));
        for folder in ["/run", "/var/lib", "/var/run", "/etc"] {
            found.extend(below(Path::new(folder), &|name| name.contains("sidestream")));
        }
        let groups =
            below(Path::new("/sys/fs/cgroup"), &|name| name.starts_with("sidestream-lab-"));
        found.extend(groups);
        Self(found)
    }

    fn more_than(&self, other: &Self) -> String {
        self.0.difference(&other.0).map(|one| format!("  {one}\n")).collect()
    }
}

/// Finds what has a fitting name, at most four folders deep.
fn below(folder: &Path, fits: &dyn Fn(&str) -> bool) -> Vec<String> {
    let (mut found, mut next) = (Vec::new(), vec![(folder.to_owned(), 0)]);
    while let Some((folder, depth)) = next.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path: PathBuf = entry.path();
            if fits(&entry.file_name().to_string_lossy()) {
                found.push(path.display().to_string());
            }
            if depth < 3 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                next.push((path, depth + 1));
            }
        }
    }
    found
}

/// Waits until something holds; returns whether it did in time.
fn until(patience: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < patience {
        if holds() {
            return true;
        }
        thread::sleep(Duration::from_millis(50));
    }
    holds()
}
