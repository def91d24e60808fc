//! From the command line to what is done.

mod layers;
mod modes;
mod run;
mod start;
mod usage;
mod user;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command, Run, SessionCommand, SpecCommand};
use crate::exit::Exit;
use crate::mode::Kind;
use crate::print::Style;
use crate::settings::Settings;
use crate::{ca, demo, doctor, explain, folder, helper, ps, say, session};

use user::User;

/// Does what the command line says.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return usage::end(error).into(),
    };
    match dispatch(args) {
        Ok(exit) => exit.into(),
        Err(error) => {
            say::error(&error);
            Exit::Failure.into()
        }
    }
}

fn dispatch(args: Args) -> anyhow::Result<Exit> {
    if let Some(problem) = usage::check(&args) {
        return Ok(usage::refuse(&problem));
    }
    let captures = args.mode.iter().any(|mode| matches!(mode.kind, Kind::Local(_)));
    let user = captures.then(User::adopt).transpose()?;
    let Some(settings) = layers::settle(&args) else { return Ok(Exit::Usage) };
    let Args { command, mode, .. } = args;
    start_logging();
    let screen = style_of(&io::stderr());
    match command {
        None if mode.is_empty() => Ok(usage::help()),
        None => modes::serve(&mode, &settings, user.as_ref(), screen),
        Some(Command::Run(Run { command, wait, .. })) => {
            Ok(run::run(run::Task { words: command, wait }, &settings, screen))
        }
        Some(Command::Demo) => demo::demo(settings.detail, style_of(&io::stdout())),
        Some(Command::DemoClient { url }) => {
            demo::fetch(&url)?;
            Ok(Exit::Success)
        }
        Some(Command::Spec(SpecCommand::Explain(explain))) => Ok(explain::explain(&explain)?),
        Some(Command::Session(SessionCommand::Show { file, json, .. })) => {
            session::show(&file, json, &settings, style_of(&io::stdout()))
        }
        Some(Command::Ca(command)) => ca::ca(&command, &start::root(&settings)?),
        Some(Command::Doctor { json }) => {
            doctor::doctor(confdir(&settings).as_deref(), json, style_of(&io::stdout()))
        }
        Some(Command::Ps(args)) => ps::ps(&args, settings.detail, style_of(&io::stdout())),
        Some(Command::Helper(command)) => helper::helper(command),
    }
}

/// Returns the folder of the root key: where the user says, or where the platform has it.
fn confdir(settings: &Settings) -> Option<PathBuf> {
    settings.confdir.clone().or_else(|| folder::data(&|name| std::env::var_os(name)))
}

fn style_of(stream: &impl IsTerminal) -> Style {
    Style::choose(stream.is_terminal(), &|name| std::env::var_os(name))
}

/// Logs warnings, or what `SIDESTREAM_LOG` says.
fn start_logging() {
    use tracing_subscriber::EnvFilter;
    let default = EnvFilter::new("warn");
    let filter = EnvFilter::try_from_env("SIDESTREAM_LOG").unwrap_or(default);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(style_of(&io::stderr()) == Style::COLORED)
        // Else a stderr that is gone would be a panic.
        .log_internal_errors(false)
        .init();
}
