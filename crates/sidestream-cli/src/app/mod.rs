//! From the command line to what is done.

mod layers;
mod modes;
mod run;
mod start;
mod tls;
mod trust;
mod usage;
mod user;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::args::{Args, Command, GatewayCommand, Run, SessionCommand, SpecCommand, What};
use crate::exit::Exit;
use crate::mode::{Kind, Mode};
use crate::print::Style;
use crate::settings::Settings;
use crate::{
    ca, demo, doctor, exchange, explain, export, folder, gateway, helper, import, ps, repair, say,
    session, system_proxy, watcher, wireguard,
};

use user::User;

/// Does what the command line says.
pub fn main() -> ExitCode {
    let args = match usage::parse(std::env::args_os().collect()) {
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
    let is_up = matches!(args.command, Some(Command::Gateway(GatewayCommand::Up(_))));
    let needs_rights = |mode: &Mode| matches!(mode.kind, Kind::Local(_) | Kind::Transparent);
    let captures = is_up || args.mode.iter().any(needs_rights);
    let mends = match &args.command {
        Some(Command::Ca(command)) => command.is_about_stores(),
        Some(Command::Repair) => true,
        _ => false,
    };
    // The desktop is that of the user, who alone can reach its session.
    let is_told = std::env::var_os("SIDESTREAM_SET_SYSTEM_PROXY").is_some()
        || !args.regular.set_system_proxy.is_empty();
    let user = (captures || mends || is_told).then(User::adopt).transpose()?;
    let Some(settings) = layers::settle(&args) else { return Ok(Exit::Usage) };
    let Args { command, mode, gateway: interfaces, .. } = args;
    start_logging();
    let screen = style_of(&io::stderr());
    if is_up || !mode.is_empty() || matches!(command, Some(Command::Run(_))) {
        repair::at_start(repair::Whose::Machine);
    }
    match command {
        None if mode.is_empty() => Ok(usage::help()),
        None => modes::serve(&mode, &interfaces.gateway, &settings, user.as_ref(), screen),
        Some(Command::Run(run)) => {
            let Run { command, wait, driver, .. } = *run;
            let task = run::Task { words: command, wait, driver: run::driver(driver) };
            Ok(run::run(task, &settings, screen))
        }
        Some(Command::Demo) => demo::demo(settings.detail, style_of(&io::stdout())),
        Some(Command::DemoClient { url }) => {
            demo::fetch(&url)?;
            Ok(Exit::Success)
        }
        Some(Command::Spec(SpecCommand::Explain(explain))) => Ok(explain::explain(&explain)?),
        Some(Command::Session(command)) => of_session(command, &settings),
        Some(Command::Export(args)) => export::export(&args, &settings),
        Some(Command::Import(args)) => import::import(&args),
        Some(Command::Ca(command)) if command.is_about_stores() => {
            trust::stores(&command, &settings, user.as_ref())
        }
        Some(Command::Repair) => trust::repair(&settings, user.as_ref()),
        Some(Command::Ca(command)) => ca::ca(&command, &start::root(&settings)?),
        Some(Command::Doctor { json }) => {
            doctor::doctor(confdir(&settings).as_deref(), json, style_of(&io::stdout()))
        }
        Some(Command::SystemProxy) => system_proxy::system_proxy(),
        Some(Command::SettingsWatcher) => watcher::watch(),
        Some(Command::Ps(args)) => ps::ps(&args, settings.detail, style_of(&io::stdout())),
        Some(Command::Gateway(GatewayCommand::Up(up))) => {
            modes::serve(&[up.mode()], &up.interface, &settings, user.as_ref(), screen)
        }
        Some(Command::Gateway(GatewayCommand::Down)) => gateway::down(),
        Some(Command::Gateway(GatewayCommand::Status)) => gateway::status(),
        Some(Command::Helper(command)) => helper::helper(command),
        Some(Command::Wireguard(command)) => {
            wireguard::wireguard(command, confdir(&settings).as_deref(), &settings)
        }
    }
}

fn of_session(command: SessionCommand, settings: &Settings) -> anyhow::Result<Exit> {
    let style = style_of(&io::stdout());
    match command {
        SessionCommand::Compact { file } => session::compact(&file),
        SessionCommand::List { file, json, follow: true, .. } => {
            session::follow(&file, json, settings.filter.as_ref())
        }
        SessionCommand::List { file, json, sort: Some(order), .. } => {
            session::list_by(&file, json, settings.filter.as_ref(), order)
        }
        SessionCommand::Grep { file, pattern, filter, list } => {
            session::grep(&file, &pattern, filter, list, style)
        }
        SessionCommand::Index { file } => session::index(&file),
        SessionCommand::List { file, json, .. } => {
            session::list(&file, json, settings.filter.as_ref())
        }
        SessionCommand::Mark { file, what, noted } => session::mark(&file, &what, &noted),
        SessionCommand::Merge { files, output } => session::merge(&files, &output),
        SessionCommand::Show {
            file,
            what: Some(What::Exchange(id)),
            part,
            raw,
            json: false,
            ..
        } => exchange::show(&file, id, part, raw, settings, style),
        SessionCommand::Show { what, part, raw, .. }
            if part.is_some() || raw || matches!(what, Some(What::Exchange(_))) =>
        {
            say::say("--part and --raw go with the number of an exchange, and --json without one");
            Ok(Exit::Usage)
        }
        SessionCommand::Show { file, json, .. } => session::show(&file, json, settings, style),
        SessionCommand::Trim { file, wanted } => session::trim(&file, &wanted),
        SessionCommand::Verify { file } => session::verify(&file),
    }
}

/// Returns the folder of the root key: where the user says, or where the platform has it.
fn confdir(settings: &Settings) -> Option<PathBuf> {
    settings.confdir.clone().or_else(|| folder::data(&|name| std::env::var_os(name)))
}

fn style_of(stream: &impl IsTerminal) -> Style {
    Style::choose(stream.is_terminal(), &|name| std::env::var_os(name))
}

/// Logs warnings, or what `SIDESTREAM_LOG` says. WireGuard's library warns of every phone that is
/// switched off, which is for those who ask.
fn start_logging() {
    use tracing_subscriber::EnvFilter;
    let default = EnvFilter::new("warn,boringtun=off");
    let filter = EnvFilter::try_from_env("SIDESTREAM_LOG").unwrap_or(default);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(style_of(&io::stderr()) == Style::COLORED)
        // Else a stderr that is gone would be a panic.
        .log_internal_errors(false)
        .init();
}
