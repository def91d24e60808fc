//! Settling on settings: command line, environment, file, defaults, in this order.

use std::path::{Path, PathBuf};

use sidestream::filter::Expr;

use crate::args::{Args, Command, GatewayCommand, SessionCommand, Traffic, What};
use crate::say;
use crate::settings::{self, Layer, Settings};
use crate::sieve;

/// Returns what holds, or `None` after saying what is wrong.
pub(super) fn settle(args: &Args) -> Option<Settings> {
    let settled = || -> anyhow::Result<Settings> {
        let env = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let environment = settings::from_env(&env)?;
        let file = file(args.common.config.as_deref(), &env)?;
        let settings = Settings::from(line(args).or(environment).or(file));
        Ok(Settings { filter: sieve::filter(filter(args)), ..settings })
    };
    settled().inspect_err(say::error).ok()
}

/// Returns what the command line says: behind the command's name first, then before it.
fn line(args: &Args) -> Layer {
    let (traffic, shown) = match &args.command {
        Some(Command::Run(run)) => (run.traffic.clone(), run.shown.clone()),
        Some(Command::Gateway(GatewayCommand::Up(up))) => (up.traffic.clone(), up.shown.clone()),
        Some(Command::Session(SessionCommand::Show { shown, .. })) => {
            (Traffic::default(), shown.clone())
        }
        _ => Default::default(),
    };
    Layer::from(traffic)
        .or(shown.into())
        .or(args.local.clone().into())
        .or(args.wireguard.clone().into())
        .or(args.reverse.clone().into())
        .or(args.socks5.clone().into())
        .or(args.regular.clone().into())
        .or(args.traffic.clone().into())
        .or(args.shown.clone().into())
        .or(args.common.clone().into())
}

/// Returns which flows are shown.
fn filter(args: &Args) -> Option<Expr> {
    let given = match &args.command {
        Some(Command::Run(run)) => &run.selected.filter,
        Some(Command::Gateway(GatewayCommand::Up(up))) => &up.selected.filter,
        Some(Command::Session(SessionCommand::List { filter, .. })) => filter,
        Some(Command::Session(SessionCommand::Show {
            what: Some(What::Filter(filter)), ..
        })) => return Some((**filter).clone()),
        _ => &None,
    };
    given.clone().or_else(|| args.selected.filter.clone())
}

fn file(
    named: Option<&Path>,
    env: &dyn Fn(&str) -> Option<std::ffi::OsString>,
) -> Result<Layer, settings::FileError> {
    let named = named.map(PathBuf::from).or_else(|| env("SIDESTREAM_CONFIG").map(Into::into));
    match (named, settings::default_path(env)) {
        (Some(path), _) => settings::read(&path, true),
        (None, Some(path)) => settings::read(&path, false),
        (None, None) => Ok(Layer::default()),
    }
}
