//! `run`: a command, and what it says on the wire.

use std::ffi::OsString;

use sidestream::os::{Command, CommandDriver, Ended, RunError};

use super::{start, tls};
use crate::args::RunDriver;
use crate::exit::Exit;
use crate::outputs::Outputs;
use crate::print::Style;
use crate::repair;
use crate::say;
use crate::serve::{Serving, runtime, serve};
use crate::settings::Settings;
use crate::through::Through;

/// With what a failure of ours ends, so that it is not taken for one of the command.
const OWN_FAILURE: Exit = Exit::Code(125);

/// What to run.
#[derive(Clone, Debug, Default)]
pub(super) struct Task {
    /// The command and its arguments.
    pub(super) words: Vec<OsString>,
    /// Whether processes that outlive it are waited for.
    pub(super) wait: bool,
    /// By what it is captured.
    pub(super) driver: CommandDriver,
}

/// Words what was asked for as the capture has it.
pub(super) fn driver(asked: Option<RunDriver>) -> CommandDriver {
    match asked {
        None => CommandDriver::Auto,
        Some(RunDriver::Namespace) => CommandDriver::Namespace,
        Some(RunDriver::Seccomp) => CommandDriver::Seccomp,
    }
}

/// Runs the command, and ends this process as it ended.
pub(super) fn run(task: Task, settings: &Settings, style: Style) -> Exit {
    match try_run(task, settings, style) {
        Ok(Ok(ended)) => ended.end_alike(),
        Ok(Err(exit)) => exit,
        Err(error) => {
            say::error(&error);
            OWN_FAILURE
        }
    }
}

fn try_run(task: Task, settings: &Settings, style: Style) -> anyhow::Result<Result<Ended, Exit>> {
    let wire = start::wire(settings)?;
    repair::at_start(repair::Whose::User);
    let root = start::root_or_ephemeral(settings)?;
    let (trust, tls) = (start::trust(settings)?, tls::options(settings)?);
    let hook = settings.rules.hook()?;
    let outputs = Outputs::open(settings, style)?;
    let command = Command {
        words: task.words,
        root_pem: root.authority.certificate_pem(),
        wait: task.wait,
        driver: task.driver,
        ..Command::default()
    };
    let runtime = runtime()?;
    let launched = {
        let _runtime = runtime.enter();
        command.launch()
    };
    let launched = match launched {
        Ok(launched) => launched,
        Err(error) => return Ok(Err(refused(error))),
    };
    let serving = Serving {
        authority: root.authority,
        through: Through::of(settings, &trust)?,
        trust,
        tls,
        hosts: start::hosts(settings)?,
        http: settings.http,
        connections: settings.connections,
        wire,
        hook,
        sinks: outputs.sinks(),
        ids: outputs.ids(),
        detail: settings.detail,
    };
    let served = serve(runtime, launched, serving);
    outputs.end();
    served.map(Ok)
}

/// Says why the command was not run, and answers as a shell would.
fn refused(error: RunError) -> Exit {
    let code = error.exit_code();
    say::error(&anyhow::Error::new(error));
    code.map_or(OWN_FAILURE, Exit::Code)
}
