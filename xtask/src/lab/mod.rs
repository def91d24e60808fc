//! `cargo xtask lab`: the whole thing proved end to end, on every ground that this machine has.

mod bless;
mod killed;
mod options;
mod page;
mod report;
mod results;
mod run;

use std::process::Command;

use anyhow::{Result, bail};

use crate::command::run as run_command;
use crate::workspace::Workspace;

pub(crate) use killed::prove as prove_killed;
pub(crate) use options::Options;
pub(crate) use run::{Outcome, run, run_as};

const USAGE: &str = "\
Usage: cargo xtask lab VERB

  doctor [--json]        what can run here, and what to install for the rest
  list                   every trial: ground, scenario, driver, family
  run [SCENARIO…] [--ground NAME]… [--kernel VERSION]… [--all] [--os NAME] [--driver NAME]
      [--keep] [--pcap] [--bless]
                         runs trials; all of sim, net, ctr and kernel where nothing is named
  report                 the table of the last runs again, as Markdown and HTML
  shell HOST TRIAL       runs a trial of the net ground, then a shell on one of its hosts
  killed                 kills a lab in the midst of everything, as root, and looks for what is left
  box debian|validate    makes the Debian box of the vm ground, or has Vagrant check all machines
";

/// Runs a verb of the lab.
pub(crate) fn main(workspace: &Workspace, mut words: Vec<String>) -> Result<()> {
    if words.is_empty() || words[0] == "--help" {
        print!("{USAGE}");
        return Ok(());
    }
    match words.remove(0).as_str() {
        "run" => run(workspace, &Options::parse(words)?).and_then(Outcome::conclude),
        "killed" if words.is_empty() => killed::prove(workspace),
        "report" => report::write(workspace, &results::read(workspace)?),
        verb @ ("doctor" | "list" | "shell" | "box") => {
            run::build()?;
            let mut lab = Command::new(workspace.target.join("debug/sidestream-lab"));
            lab.arg(verb).args(words).env("LAB_FOLDER", results::folder(workspace));
            lab.env("SIDESTREAM_BIN", workspace.target.join("debug/sidestream"));
            run_command(&mut lab)
        }
        other => bail!("no verb {other:?}\n\n{USAGE}"),
    }
}
