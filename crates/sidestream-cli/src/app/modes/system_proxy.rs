//! Mode `regular` as the system's proxy, for as long as it runs.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::bail;
use sidestream::journal::{Journal, Outcome};
use sidestream::sysproxy::{Current, Desktop, Place, Restore, SysproxyError};

use crate::print::Detail;
use crate::repair::{Whose, desktop};
use crate::root::Root;
use crate::say::{self, say};
use crate::settings::{Settings, SystemProxy};
use crate::watcher::Watcher;

use super::decrypt;

/// What the system's programs were told. Undone when it is dropped, or when this process is killed.
#[derive(Debug, Default)]
pub(super) struct Told {
    restores: Vec<Restore<'static>>,
    /// Behind those, so that it still watches when they are dropped.
    watcher: Option<Watcher>,
}

/// Tells the system's programs to use what listens there.
pub(super) fn set(proxy: SocketAddr, root: &Root, settings: &Settings) -> anyhow::Result<Told> {
    let desktop = desktop();
    let mut told = Told::default();
    for place in places(&desktop, &settings.set_system_proxy)? {
        let former = desktop.current(place);
        let journal = Journal::open(&Whose::of(place.scope()).folder()?)?;
        if told.watcher.is_none() {
            told.watcher = watch();
        }
        told.restores.push(desktop.set(place, proxy, &journal)?);
        if settings.detail > Detail::Quiet {
            tell(place, former);
        }
    }
    if !told.restores.is_empty()
        && settings.detail > Detail::Quiet
        && !decrypt::is_trusted(root, settings)
    {
        let path = root.certificate_path.as_deref().unwrap_or_else(|| Path::new(""));
        say(format_args!(
            "programs that use it must trust {}, which the machine does not: sudo sidestream ca install",
            path.display()
        ));
    }
    Ok(told)
}

fn watch() -> Option<Watcher> {
    Watcher::start()
        .inspect_err(|error| {
            tracing::warn!(%error, "killed, this process leaves its settings to the next start");
        })
        .ok()
}

/// Finds the places that are meant, each once.
fn places(desktop: &Desktop<'_>, asked: &[SystemProxy]) -> anyhow::Result<Vec<Place>> {
    let mut places = Vec::new();
    for asked in asked {
        match asked {
            SystemProxy::Desktop => {
                let found = desktop.places()?;
                if found.is_empty() {
                    bail!(
                        "no desktop's proxy settings are here (neither GNOME's nor KDE's), tell \
                         programs of the next session: --set-system-proxy=environment"
                    );
                }
                places.extend(found);
            }
            SystemProxy::Environment => places.push(desktop.environment()),
            SystemProxy::Gnome => places.push(Place::Gnome),
            SystemProxy::Kde => places.push(Place::Kde),
        }
    }
    places.sort_unstable();
    places.dedup();
    Ok(places)
}

fn tell(place: Place, former: Result<Current, SysproxyError>) {
    let instead = match former {
        Ok(Current::Proxy(former)) => format!(", and not {former}, past which it connects"),
        Ok(Current::Automatic) => ", past the one that was found automatically".to_owned(),
        _ => String::new(),
    };
    let who = if place.is_live() {
        format!("programs that read {place}'s settings use it")
    } else {
        format!("programs of the next session use it ({place})")
    };
    say(format_args!("{who}{instead}"));
}

/// Gives the former settings back, and tells what stays as somebody else has set it.
pub(super) fn restore(told: &mut Told, detail: Detail) {
    for restore in told.restores.drain(..) {
        let place = restore.place();
        match restore.restore() {
            Ok(undone) => {
                let is_changed = undone
                    .iter()
                    .any(|step| matches!(step.outcome, Outcome::Left | Outcome::PartRemoved));
                if is_changed && detail > Detail::Quiet {
                    say(format_args!("what somebody else has set in {place} meanwhile stays"));
                }
            }
            Err(error) => {
                let error = anyhow::Error::from(error);
                say::error(&error.context(format!(
                    "{place} still names this proxy (undo it: sidestream repair)"
                )));
            }
        }
    }
    told.watcher = None;
}
