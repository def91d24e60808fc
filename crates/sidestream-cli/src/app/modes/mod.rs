//! `--mode`: proxies without a command.

mod chosen;
mod decrypt;
mod listen;
mod local;
mod losses;
mod signals;
mod system_proxy;
mod transparent;
mod tun;
mod wireguard;
mod work;

use sidestream::{Transparent, Tunneled};
use tokio::runtime::Runtime;

use self::chosen::Chosen;
use self::local::Local;
use self::losses::Losses;
use self::signals::Signals;
use self::work::Work;
use super::user::User;
use super::{start, tls, usage};
use crate::exit::Exit;
use crate::mode::Mode;
use crate::outputs::Outputs;
use crate::print::Style;
use crate::repair;
use crate::root::Root;
use crate::say;
use crate::serve::{Serving, runtime};
use crate::settings::Settings;
use crate::through::Through;

/// Serves the modes until Ctrl-C: once to end gracefully, twice to end at once.
pub(super) fn serve(
    modes: &[Mode],
    interfaces: &[String],
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
    if let Some(problem) = listen::check(modes, settings) {
        return Ok(usage::refuse(&problem));
    }
    let wire = start::wire(settings)?;
    let runtime = runtime()?;
    // Bound before somebody is asked for a password, and before a file is opened: a port in use
    // is found out without a trace.
    let (listening, tunnels, gateways) = {
        let _runtime = runtime.enter();
        (
            listen::listen(modes, settings)?,
            tun::open(modes, settings)?,
            transparent::open(modes, interfaces)?,
        )
    };
    let local = match chosen {
        Some(chosen) => Some(runtime.block_on(Local::start(chosen, settings))?),
        None => None,
    };
    if let Some(user) = user {
        // From here on, what is opened and made is the user's.
        user.become_it()?;
    }
    repair::at_start(repair::Whose::User);
    let root = start::root(settings)?;
    let trust = start::trust(settings)?;
    let through = Through::of(settings, &trust)?;
    let wireguard = {
        let _runtime = runtime.enter();
        wireguard::open(modes, &root, &through, settings)?
    };
    let tls = tls::options(settings)?;
    let hook = settings.rules.hook()?;
    let outputs = Outputs::open(settings, style)?;
    let serving = Serving {
        authority: root.authority.clone(),
        trust,
        tls,
        hosts: start::hosts(settings)?,
        through,
        http: settings.http,
        connections: settings.connections,
        wire,
        hook,
        sinks: outputs.sinks(),
        ids: outputs.ids(),
        detail: settings.detail,
    };
    let served = work(
        &runtime,
        Taken { listening, gateways, local, tunnels, wireguard },
        &root,
        serving,
        settings,
    );
    runtime.shutdown_background();
    let complete = outputs.end();
    Ok(if served? && complete { Exit::Success } else { Exit::Failure })
}

/// What the modes take.
struct Taken {
    listening: Vec<listen::Opened>,
    gateways: Vec<Transparent>,
    local: Option<Local>,
    tunnels: Vec<Tunneled>,
    wireguard: Vec<wireguard::Opened>,
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
    let Taken { listening, gateways, local, tunnels, wireguard } = taken;
    let mut losses = Losses::default();
    for Tunneled { name, tally, .. } in &tunnels {
        let tally = tally.clone();
        losses.add(name, move || tally.losses());
    }
    wireguard.iter().for_each(|opened| opened.tell_losses(&mut losses));
    let through = serving.through.clone();
    let builder = serving.builder();
    let mut work = Work {
        handles: Vec::new(),
        control: None,
        file: None,
        system_proxy: system_proxy::Told::default(),
        detail,
    };
    let proxy = listening.iter().find_map(listen::Opened::as_proxy);
    runtime.block_on(async {
        // Before anybody is told that it works, who may then ask it to end.
        let can_reload = local.as_ref().is_some_and(Local::can_reload);
        let restores = !settings.set_system_proxy.is_empty();
        let signals = Signals::take(can_reload, restores)?;
        through.tell(detail);
        listen::serve(listening, &builder, root, &through, settings, &mut work)?;
        transparent::serve(gateways, &builder, root, settings, &mut work)?;
        tun::serve(tunnels, &builder, root, settings, &mut work)?;
        wireguard::serve(wireguard, &builder, root, settings, &mut work)?;
        if let Some(local) = local {
            local.serve(builder, root, &through, settings, &mut work)?;
        }
        if let Some(proxy) = proxy.filter(|_| restores) {
            work.system_proxy = system_proxy::set(proxy, root, settings)?;
        }
        let ended = work.run(signals).await;
        losses.tell(detail);
        Ok(ended)
    })
}
