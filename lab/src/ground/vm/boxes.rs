//! Boxes: what machines are made of, which one is where, and how to come by it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{debian, needs, vagrant};
use crate::ground::Unavailable;

/// The systems that there are machines for.
pub const SYSTEMS: [&str; 3] = ["debian", "windows", "macos"];

/// Their boxes.
const NAMES: [&str; 3] = ["sidestream/debian12", "sidestream/windows11", "sidestream/macos"];

/// The words of a Vagrant that knows no provider.
const NO_PROVIDER: &str = "No usable default provider";

/// Does what the verb `box` is for: makes the box of a system, or has the machines' descriptions
/// validated. What it does is told line by line.
///
/// # Errors
///
/// [`Unavailable`] when something is missing; else when a step fails, with its last words.
pub fn command(words: &[String], mut say: impl FnMut(&str)) -> Result<()> {
    let lab = folder()?;
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["debian"] => debian::make(&lab, &mut say).map(drop),
        ["validate"] => match validate(&lab) {
            Ok(said) => {
                say(&said);
                Ok(())
            }
            Err(error) if error.is::<Unavailable>() => {
                sidestream_testkit::skip("lab box validate", &error.to_string());
                Ok(())
            }
            Err(error) => Err(error),
        },
        [system] if SYSTEMS.contains(&system) => {
            bail!("no box of {system} can be made here; {}", how_to_add(system, &lab))
        }
        _ => bail!("no such box: debian, or validate for the descriptions of all machines"),
    }
}

/// Has Vagrant read the descriptions of all machines, and returns what it has checked.
///
/// # Errors
///
/// [`Unavailable`] when there is no Vagrant; else when a description is wrong.
pub fn validate(lab: &Path) -> Result<String> {
    needs::vagrant()?;
    std::fs::create_dir_all(lab)?;
    let data = tempfile::tempdir_in(lab)?;
    let run = |args: &[&str]| {
        let mut command = Command::new("vagrant");
        vagrant::environment(&mut command, lab, data.path());
        vagrant::said(command.arg("validate").args(args), "vagrant validate")
    };
    let said = format!("well described: {}", SYSTEMS.join(", "));
    match run(&[]) {
        Ok(_) => Ok(said),
        Err(error) if error.to_string().contains(NO_PROVIDER) => {
            run(&["--ignore-provider"])?;
            Ok(format!("{said}; what is for libvirt alone is not checked without vagrant-libvirt"))
        }
        Err(error) => Err(error),
    }
}

/// The name of a system's box: `LAB_BOX_DEBIAN` and its like, else the one that the machines'
/// descriptions have.
pub(super) fn name(system: &str) -> String {
    env::var(format!("LAB_BOX_{}", system.to_uppercase())).unwrap_or_else(|_| {
        let known = SYSTEMS.iter().zip(NAMES).find(|(known, _)| **known == system);
        known.map_or(system, |(_, name)| name).to_owned()
    })
}

/// Finds out whether there is a box for a system.
pub(super) fn find(system: &str, lab: &Path) -> Result<(), Unavailable> {
    let folder = name(system).replace('/', "-VAGRANTSLASH-");
    if vagrant::home(lab).join("boxes").join(folder).exists() {
        return Ok(());
    }
    Err(Unavailable::new(format!("no box {}: {}", name(system), how_to_add(system, lab))))
}

fn how_to_add(system: &str, lab: &Path) -> String {
    if system == "debian" {
        return "make it by: cargo xtask lab box debian".to_owned();
    }
    let (home, name) = (vagrant::home(lab), name(system));
    format!("add one by: VAGRANT_HOME={} vagrant box add --name {name} FILE", home.display())
}

/// Where the lab has its files: `LAB_FOLDER`, else in the target folder that the program is in.
fn folder() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("LAB_FOLDER") {
        return Ok(PathBuf::from(folder));
    }
    let program = env::current_exe().context("finding its own program")?;
    Ok(program.ancestors().nth(2).unwrap_or_else(|| Path::new("target")).join("lab"))
}
