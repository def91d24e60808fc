//! `sidestream-lab`: what runs inside of the hosts of a lab, and one trial at a time.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever started it")]

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use sidestream_lab::agent;
use sidestream_lab::doctor;
use sidestream_lab::ground::ctr::{self, engine::Engine};
use sidestream_lab::ground::vm;
use sidestream_lab::model::{GroundKind, Report, Trial};
use sidestream_lab::scenario::Scenario;
use sidestream_lab::trial;

const USAGE: &str = "\
Usage: sidestream-lab VERB

  doctor [--json]        what can run here, and what to install for the rest
  shell HOST TRIAL       runs a trial of the net ground, then a shell on one of its hosts
  list                   the trials of every ground, one a line
  scenario TRIAL         runs one trial here and prints its report as a line of JSON
  agent                  serves a lab on standard input and output, from inside of a host
  ask JSON               does one ask by the lab's own client and prints the answer as JSON
  engine [FOLDER]        starts an engine for containers, with all images or bare in a folder,
                         says where it is, and ends it with standard input
  guest [--driver NAME] [PART…]
                         runs trials of the net ground, all or those with a part in their names,
                         and prints a report each; as a machine's first process, sets it up
  box debian|validate    makes the Debian box of the vm ground, or has Vagrant check all machines
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sidestream-lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["list"] => {
            for ground in GroundKind::ALL {
                for scenario in Scenario::all() {
                    scenario.trials(ground).iter().for_each(|trial| println!("{trial}"));
                }
            }
            Ok(())
        }
        ["doctor", ..] => {
            let folder = std::env::var_os("LAB_FOLDER").unwrap_or_else(|| "target/lab".into());
            let findings = doctor::look(Path::new(&folder));
            match words[1..] {
                [] => print!("{}", doctor::table(&findings)),
                _ => println!("{}", serde_json::to_string_pretty(&findings)?),
            }
            Ok(())
        }
        ["shell", host, trial] => shell(host, &trial_named(trial)?),
        ["scenario", name] => {
            let say = |report: &Report| match serde_json::to_string(report) {
                Ok(line) => println!("{line}"),
                Err(error) => eprintln!("sidestream-lab: {error}"),
            };
            trial::run_and_exit(&name.parse()?, trial::LIMIT, say)
        }
        ["agent"] => agent::serve(&agent::Options::default()),
        ["agent", "--own-network"] => agent::serve(&agent::Options { own_network: true }),
        ["ask", order] => {
            let answer = sidestream_lab::client::ask_here(order)?;
            println!("{}", serde_json::to_string(&answer)?);
            Ok(())
        }
        ["engine"] => keep(ctr::with_images()?),
        ["engine", homes] => keep(Engine::start(Path::new(homes), |_data| Ok(()))?),
        ["box", ..] => vm::command(&words[1..], |line| println!("{line}")),
        ["guest", ..] => sidestream_lab::ground::kernel::guest::run(&words[1..]),
        _ => bail!("no such verb\n\n{USAGE}"),
    }
}

/// Finds a trial by its whole name or by its scenario's, captured as that is first.
fn trial_named(name: &str) -> Result<Trial> {
    if let Ok(trial) = name.parse() {
        return Ok(trial);
    }
    let Some(scenario) = Scenario::find(name) else { bail!("no trial or scenario {name:?}") };
    let Some(trial) = scenario.trials(GroundKind::Net).into_iter().next() else {
        bail!("{name} is not on the net ground");
    };
    Ok(trial)
}

/// Opens a shell on a host of a trial, in namespaces of its own.
fn shell(host: &str, trial: &Trial) -> Result<()> {
    if std::env::var_os("LAB_OWN_NAMESPACES").is_some() {
        return trial::shell(trial, host);
    }
    let script = sidestream_testkit::workspace_path("lab/own-namespaces.sh");
    let mut command = std::process::Command::new(script);
    command.arg(std::env::current_exe()?).args(["shell", host, &trial.to_string()]);
    let ended = command.status()?;
    if ended.success() { Ok(()) } else { bail!("the shell ended with {ended}") }
}

/// Keeps an engine until standard input ends.
fn keep(engine: Engine) -> Result<()> {
    engine.swept().iter().for_each(|swept| eprintln!("sidestream-lab: {swept}"));
    println!("DOCKER_HOST={}", engine.host());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    engine.stop()
}
