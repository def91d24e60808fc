//! Linux: GNOME by its tool, KDE and the environment by their files.

mod environment;
mod gnome;
mod ini;
mod kde;
mod session;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use sidestream_journal::{JournalError, Outcome, Part, Parts as _, Plain, Run, Transaction};

use crate::{Current, Desktop, Place, SysproxyError};

/// The kinds of settings and parts that are ours.
pub(crate) const KINDS: [&str; 3] = [environment::KIND, gnome::KIND, kde::KIND];

pub(crate) fn is_root() -> bool {
    session::uid() == Some(0)
}

pub(crate) fn places(desktop: &Desktop<'_>) -> Result<Vec<Place>, SysproxyError> {
    let gnome = gnome::is_here(desktop).then_some(Place::Gnome);
    let kde = kde::is_here(desktop).then_some(Place::Kde);
    Ok(gnome.into_iter().chain(kde).collect())
}

pub(crate) fn current(desktop: &Desktop<'_>, place: Place) -> Result<Current, SysproxyError> {
    match place {
        Place::Environment | Place::EtcEnvironment => environment::current(desktop, place),
        Place::Gnome => gnome::current(desktop),
        Place::Kde => kde::current(desktop),
    }
}

pub(crate) fn set(
    desktop: &Desktop<'_>,
    place: Place,
    proxy: SocketAddr,
    change: &mut Transaction,
) -> Result<(), SysproxyError> {
    match place {
        Place::Environment | Place::EtcEnvironment => {
            environment::set(desktop, place, proxy, change)
        }
        Place::Gnome => gnome::set(desktop, proxy, change),
        Place::Kde => kde::set(desktop, proxy, change),
    }
}

pub(crate) fn without(part: &Part, contents: &[u8]) -> Option<Vec<u8>> {
    match &*part.kind {
        kde::KIND => kde::without(part, contents),
        environment::KIND => Plain.without(part, contents),
        _ => None,
    }
}

pub(crate) fn restore(
    desktop: &Desktop<'_>,
    setting: &Part,
    run: Run<'_>,
) -> Result<Outcome, JournalError> {
    match &*setting.kind {
        gnome::KIND => gnome::restore(desktop, setting, run),
        kind => Err(JournalError::Unknown { kind: kind.to_owned() }),
    }
}

pub(crate) fn notify(desktop: &Desktop<'_>, place: Place) {
    if place == Place::Kde {
        kde::notify(desktop);
    }
}

/// Finds a file, a link followed, and reads it; one that is not there is empty.
fn read_file(path: &Path, max_bytes: u64) -> Result<(PathBuf, String), SysproxyError> {
    let foreign = |reason: String| SysproxyError::Foreign { path: path.to_owned(), reason };
    let read = |path: &Path| -> io::Result<String> {
        let mut text = String::new();
        File::open(path)?.take(max_bytes + 1).read_to_string(&mut text)?;
        Ok(text)
    };
    // A link may lead to where the user keeps such files.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match read(&path) {
        Ok(text) if text.len() as u64 > max_bytes => Err(foreign("it is too large".into())),
        Ok(text) => Ok((path, text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok((path, String::new())),
        Err(error) => Err(foreign(error.to_string())),
    }
}
