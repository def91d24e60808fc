//! The vm ground: the net ground again on whole systems, in virtual machines made by Vagrant.
//!
//! A machine is brought up by a libvirt that lives in namespaces of its own and ends with the run;
//! nothing of this machine's system is changed. Its state is kept once and restored before each
//! group of scenarios, and an agent inside runs them.

mod boxes;
mod debian;
mod home;
mod libvirt;
mod machine;
mod needs;
mod trials;
mod vagrant;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

pub use boxes::{SYSTEMS, command, validate};
pub use debian::read_metadata;

use super::Unavailable;
use super::kernel::{Qemu, Selection};
use crate::model::Report;
use home::Home;
use machine::Machine;

/// What became of a machine.
#[derive(Clone, Debug)]
pub struct VmOutcome {
    /// What killed runs had left and was removed first, in words.
    pub swept: Vec<String>,
    /// The log of Vagrant.
    pub log: PathBuf,
    /// The log of the machine's console.
    pub console: PathBuf,
    /// How long it took until trials could run.
    pub up: Duration,
    /// How long it took in all.
    pub took: Duration,
}

/// Brings a machine up, runs a selection of the net ground's trials inside, and destroys it; each
/// report comes as soon as it is there, under a name like `vm-debian::http1/get::run::v4`.
///
/// # Errors
///
/// [`Unavailable`] when there is no box of that system, or something else is missing; else when
/// the machine cannot be brought up, restored or destroyed. Trials that cannot be run in it are
/// reported as failed.
pub fn run(
    system: &str,
    selection: &Selection,
    lab: &Path,
    mut on_report: impl FnMut(Report),
) -> Result<VmOutcome> {
    let started = Instant::now();
    check(system, lab)?;
    let groups = trials::groups(selection);
    ensure!(!groups.is_empty(), "no trial has such a name: {selection:?}");
    let lab = std::path::absolute(lab)?;
    let ground = format!("vm-{system}");
    let results = lab.join("results");
    fs::create_dir_all(&results)?;
    let log = results.join(format!("{ground}.log"));
    let (home, swept) = Home::make(&lab.join("vm"))?;
    fs::write(&log, swept.iter().map(|line| format!("{line}\n")).collect::<String>())?;
    let machine = Machine::up(system, &lab, &log, home)?;
    machine.carry()?;
    machine.snapshot()?;
    let up = started.elapsed();
    for (_, trials) in groups {
        machine.restore()?;
        trials::run(machine.agent(), &ground, &trials, &lab, &mut on_report);
    }
    let console = machine.console().to_owned();
    machine.destroy()?;
    Ok(VmOutcome { swept, log, console, up, took: started.elapsed() })
}

/// Checks that a machine of this system can be brought up here.
///
/// # Errors
///
/// [`Unavailable`] with what is missing and what to do about it.
pub fn check(system: &str, lab: &Path) -> Result<()> {
    if !SYSTEMS.contains(&system) {
        bail!("no machine {system:?}: {}", SYSTEMS.join(", "));
    }
    boxes::find(system, lab)?;
    if system != "debian" {
        let reason = format!("nothing runs on {system} yet: its drivers are not built");
        return Err(Unavailable::new(reason).into());
    }
    needs::machine()?;
    Qemu::find().map(drop)
}
