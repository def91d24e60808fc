//! What is done with stores and left-overs: the machine's by root, and the user's as the user.

use std::io;

use anyhow::Context;
use sidestream::os;
use sidestream::trust::{RootCertificate, Scope};

use super::user::User;
use super::{confdir, start};
use crate::args::CaCommand;
use crate::exit::Exit;
use crate::repair::{self, Whose};
use crate::root::Kept;
use crate::settings::Settings;
use crate::stores::Work;
use crate::wireguard::Store;

/// Puts the root into stores, takes it out, or looks for it.
pub(super) fn stores(
    command: &CaCommand,
    settings: &Settings,
    user: Option<&User>,
) -> anyhow::Result<Exit> {
    let pem = match (command, user) {
        // What root would make in a user's folder, the user could not use.
        (CaCommand::Install(_), Some(user)) if !user.is_another() => {
            start::root(settings)?.authority.certificate_pem()
        }
        _ => {
            let kept = confdir(settings).as_deref().map(Kept::new).map(|kept| kept.read());
            let authority = kept.transpose()?.flatten();
            let make = "there is no root yet, make one without sudo: sidestream ca show";
            authority.context(make)?.certificate_pem()
        }
    };
    let root = RootCertificate::from_pem(&pem)?;
    let env = |name: &str| std::env::var_os(name);
    let work = Work::new(command, &root, &env);
    let mut work = work.context("the command is not about stores")?;
    work.with(Scope::Machine)?;
    if let Some(user) = user {
        user.become_it()?;
    }
    work.with(Scope::User)?;
    Ok(work.tell(&mut io::stdout().lock())?)
}

/// Undoes all left-overs that this user may undo.
pub(super) fn repair(settings: &Settings, user: Option<&User>) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    os::remove_left_overs();
    let (machine, is_machine_well) = repair::repair(Whose::Machine, &mut out)?;
    if let Some(user) = user {
        user.become_it()?;
    }
    os::remove_left_overs();
    let (users, is_users_well) = repair::repair(Whose::User, &mut out)?;
    drop(out);
    if let Some(folder) = confdir(settings) {
        Kept::new(&folder).sweep();
        Store::new(Some(&folder))?.sweep();
    }
    if machine + users == 0 {
        repair::nothing()?;
    }
    let is_well = is_machine_well && is_users_well;
    Ok(if is_well { Exit::Success } else { Exit::Failure })
}
