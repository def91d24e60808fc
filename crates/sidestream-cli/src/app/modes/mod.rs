//! `--mode`: proxies without a command.

mod chosen;
mod decrypt;
mod listen;
mod local;
mod signals;
mod work;

use sidestream::Listening;
use tokio::runtime::Runtime;

use self::chosen::Chosen;
use self::local::Local;
use self::signals::Signals;
use self::work::Work;
use super::start;
use super::user::User;
use crate::exit::Exit;
use crate::mode::Mode;
use crate::outputs::Outputs;
use crate::print::{Detail, Style};
use crate::root::Root;
use crate::say;
use crate::serve::{Serving, runtime};
use crate::settings::Settings;

/// Serves the modes until Ctrl-C: once to end gracefully, twice to end at once.
pub(super) fn serve(
    modes: &[Mode],
    settings: &Settings,
    user: Option<&User>,
    style: Style,
) -> anyhow::Result<Exit> {
    let chosen = match Chosen::of(modes, settings) {
        Ok(chosen) => chosen,
        Err(error) => {
            say::error(&error.into());
            return Ok(Exit::Usage);
        }
    };
    let runtime = runtime()?;
    // Bound before somebody is asked for a password, and before a file is opened: a port in use
    // is found out without a trace.
    let listening = {
        let _runtime = runtime.enter();
        listen::listen(modes)?
    };
    let local = match chosen {
        Some(chosen) => Some(runtime.block_on(Local::start(chosen, settings))?),
        None => None,
    };
    if let Some(user) = user {
        // From here on, what is opened and made is the user's.
        user.become_it()?;
    }
    let root = start::root(settings)?;
    let trust = start::trust(settings)?;
    let outputs = Outputs::open(settings, style)?;
    let serving = Serving {
        authority: root.authority.clone(),
        trust,
        http: settings.http,
        sinks: outputs.sinks(),
        ids: outputs.ids(),
        detail: settings.detail,
    };
    let served = work(&runtime, Taken { listening, local }, &root, serving, settings);
    runtime.shutdown_background();
    let complete = outputs.end();
    Ok(if served? && complete { Exit::Success } else { Exit::Failure })
}

/// What the modes take.
struct Taken {
    listening: Option<Listening>,
    local: Option<Local>,
}

/// Serves what is taken until it ends; returns whether it ended as it was asked to.
fn work(
    runtime: &Runtime,
    taken: Taken,
    root: &Root,
    serving: Serving,
    settings: &Settings,
) -> anyhow::Result<bool> {
    let detail = settings.detail;
    let Taken { listening, local } = taken;
    let builder = serving.builder();
    let mut work = Work { listening: None, local: None, control: None, file: None, detail };
    runtime.block_on(async {
        // Before anybody is told that it works, who may then ask it to end.
        let can_reload = local.as_ref().is_some_and(Local::can_reload);
        let signals = Signals::take(can_reload)?;
        if let Some(listening) = listening {
            if detail > Detail::Quiet {
                listen::tell(&listening, root.certificate_path.as_deref());
            }
            work.listening = Some(builder.clone().build()?.serve(listening.capture));
        }
        if let Some(local) = local {
            local.serve(builder, root, settings, &mut work)?;
        }
        Ok(work.run(signals).await)
    })
}
