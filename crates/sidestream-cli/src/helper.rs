//! `helper`: installs the privileged helper, removes it, and tells of it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use sidestream::os::helper::{
    self, INSTALLED, InstallError, InstallOptions, Report, Rights, Status,
};

use crate::args::{HelperCommand, Install};
use crate::exit::Exit;

/// Does what is asked with the helper.
///
/// # Errors
///
/// The caller is not root, or the system refused.
pub fn helper(command: HelperCommand) -> anyhow::Result<Exit> {
    match command {
        HelperCommand::Install(how) => {
            let done = install(how).map_err(|error| with_sudo(error, "install"))?;
            tell(&done)
        }
        HelperCommand::Uninstall => {
            let done = helper::uninstall(Path::new(INSTALLED));
            tell(&done.map_err(|error| with_sudo(error.into(), "uninstall"))?)
        }
        HelperCommand::Status => status(&mut io::stdout().lock(), &helper::status()),
    }
}

fn install(how: Install) -> anyhow::Result<Report> {
    let mut options = InstallOptions::new(how.from.map_or_else(built, Ok)?);
    options.group = how.group;
    options.add_caller = how.add_me;
    Ok(helper::install(&options)?)
}

/// Finds the helper that was built with this program.
fn built() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()
        .context("cannot find this program, name the helper: --from FILE")?;
    let name = format!("{}{}", helper::NAME, std::env::consts::EXE_SUFFIX);
    Ok(own.with_file_name(name))
}

/// Adds the very command that would do to a want of rights.
fn with_sudo(error: anyhow::Error, verb: &str) -> anyhow::Error {
    match error.downcast_ref() {
        Some(InstallError::NotRoot) => {
            anyhow::anyhow!("this takes root: sudo sidestream helper {verb}")
        }
        _ => error,
    }
}

fn tell(done: &Report) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    done.steps.iter().try_for_each(|step| writeln!(out, "{step}"))?;
    Ok(Exit::Success)
}

fn status(out: &mut impl Write, status: &Status) -> anyhow::Result<Exit> {
    match &status.found {
        Some(path) => writeln!(out, "helper  {}", path.display())?,
        None => {
            writeln!(out, "helper  not found, looked for it at:")?;
            status
                .looked
                .iter()
                .try_for_each(|path| writeln!(out, "        {}", path.display()))?;
        }
    }
    if let Some(group) = &status.group {
        let member = if status.in_group { "of which you are" } else { "of which you are not" };
        writeln!(out, "group   members of {group} may run it, {member}")?;
    }
    let (exit, words) = rights(&status.rights);
    writeln!(out, "rights  {words}")?;
    Ok(exit)
}

/// Words how the helper would get its rights.
pub fn rights(rights: &Rights) -> (Exit, String) {
    match rights {
        Rights::By(way) => (Exit::Success, format!("by {way}")),
        Rights::Lacking { reason, remedy } => (Exit::Failure, format!("{reason}: {remedy}")),
    }
}
