//! KDE: the group `Proxy Settings` of `kioslaverc`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use sidestream_journal::{Part, Transaction};

use super::ini;
use crate::{Current, Desktop, Place, SysproxyError};

pub(super) const KIND: &str = "kde-proxy";

const FILE: &str = "kioslaverc";
const GROUP: &str = "Proxy Settings";
const HTTP: &str = "httpProxy";
const TYPE: &str = "ProxyType";

/// How large the file is, at most.
const MAX_BYTES: u64 = 1024 * 1024;

/// What is in the file of ours.
#[derive(Debug, Serialize, Deserialize)]
struct Ours {
    had_group: bool,
    keys: Vec<Key>,
}

/// A key, how it was and how we set it.
#[derive(Debug, Serialize, Deserialize)]
struct Key {
    name: String,
    before: Option<String>,
    after: String,
}

pub(super) fn is_here(desktop: &Desktop<'_>) -> bool {
    let has = |name: &str| desktop.config().is_some_and(|config| config.join(name).is_file());
    desktop.runs("KDE") || has(FILE) || has("kdeglobals")
}

pub(super) fn current(desktop: &Desktop<'_>) -> Result<Current, SysproxyError> {
    let (_, text) = read(desktop)?;
    Ok(match ini::get(&text, GROUP, TYPE).unwrap_or("0") {
        "1" => match ini::get(&text, GROUP, HTTP) {
            None | Some("") => Current::Direct,
            Some(proxy) => {
                let proxy = proxy.trim_start_matches("http://").replace(' ', ":");
                Current::Proxy(proxy)
            }
        },
        // A script, the network's discovery, or the variables of the session.
        "2" | "3" | "4" => Current::Automatic,
        _ => Current::Direct,
    })
}

pub(super) fn set(
    desktop: &Desktop<'_>,
    proxy: SocketAddr,
    change: &mut Transaction,
) -> Result<(), SysproxyError> {
    let (path, text) = read(desktop)?;
    let url = match proxy {
        SocketAddr::V4(_) => format!("http://{} {}", proxy.ip(), proxy.port()),
        SocketAddr::V6(_) => format!("http://[{}] {}", proxy.ip(), proxy.port()),
    };
    let wanted = [
        (HTTP, &*url),
        ("httpsProxy", &*url),
        // Else the exceptions were all that is proxied.
        ("ReversedException", "false"),
        (TYPE, "1"),
    ];
    if ini::check(&text, GROUP, &wanted.map(|(name, _)| name)).is_err() {
        return Err(SysproxyError::Locked { what: path.display().to_string() });
    }
    let had_group = text.lines().any(|line| line.trim() == format!("[{GROUP}]"));
    let mut ours = Ours { had_group, keys: Vec::new() };
    let mut with = text.clone();
    for (name, after) in wanted {
        let before = ini::get(&text, GROUP, name).map(str::to_owned);
        // What is not there means the same as false.
        let is_same = before.as_deref().unwrap_or("false") == after;
        if !is_same {
            with = ini::set(&with, GROUP, name, Some(after));
            let (name, after) = (name.to_owned(), after.to_owned());
            ours.keys.push(Key { name, before, after });
        }
    }
    if ours.keys.is_empty() {
        return Ok(());
    }
    let bytes = serde_json::to_vec(&ours).map_err(|error| foreign(&path, &error))?;
    if let Some(folder) = path.parent().filter(|folder| !folder.is_dir()) {
        change.create_dir(folder)?;
    }
    Ok(change.write(&path, with.as_bytes(), Some(Part { kind: KIND.into(), bytes }))?)
}

/// Gives back what is as we set it. Who has since named another proxy also keeps that it is used.
pub(super) fn without(part: &Part, contents: &[u8]) -> Option<Vec<u8>> {
    let Ours { had_group, keys } = serde_json::from_slice(&part.bytes).ok()?;
    let text = std::str::from_utf8(contents).ok()?;
    let now = |key: &Key| ini::get(text, GROUP, &key.name).map(str::to_owned);
    let is_theirs = |key: &Key| now(key) != key.before && now(key).as_ref() != Some(&key.after);
    let names_another = keys.iter().any(|key| key.name != TYPE && is_theirs(key));
    let is_ours =
        |key: &&Key| now(key).as_ref() == Some(&key.after) && !(key.name == TYPE && names_another);
    let ours: Vec<&Key> = keys.iter().filter(is_ours).collect();
    if ours.is_empty() {
        return None;
    }
    let restore =
        |text: String, key: &&Key| ini::set(&text, GROUP, &key.name, key.before.as_deref());
    let mut without = ours.iter().fold(text.to_owned(), restore);
    if !had_group {
        without = ini::without_empty_group(&without, GROUP);
    }
    Some(without.into_bytes())
}

/// Tells KDE's programs to read the file again; that none runs is well.
pub(super) fn notify(desktop: &Desktop<'_>) {
    if desktop.bus().is_none() {
        return;
    }
    const NAME: &str = "org.kde.KIO.Scheduler.reparseSlaveConfiguration";
    let send = ["--session", "--type=signal", "/KIO/Scheduler", NAME, "string:"];
    let emit = ["emit", "--session", "--object-path", "/KIO/Scheduler", "--signal", NAME, "''"];
    let tools: [(&str, &[&str]); 2] = [("dbus-send", &send), ("gdbus", &emit)];
    let Some((tool, arguments)) =
        tools.into_iter().find_map(|(name, arguments)| Some((desktop.tool(name)?, arguments)))
    else {
        return;
    };
    let words = desktop.command(&tool, arguments);
    let quiet = || Stdio::null();
    _ = Command::new(&words[0])
        .args(&words[1..])
        .stdin(quiet())
        .stdout(quiet())
        .stderr(quiet())
        .status();
}

/// Finds the file, a link followed, and reads it; one that is not there is empty.
fn read(desktop: &Desktop<'_>) -> Result<(PathBuf, String), SysproxyError> {
    let remedy = "set HOME";
    let config = desktop.config().ok_or(SysproxyError::Absent { place: Place::Kde, remedy })?;
    super::read_file(&config.join(FILE), MAX_BYTES)
}

fn foreign(path: &std::path::Path, error: &serde_json::Error) -> SysproxyError {
    SysproxyError::Foreign { path: path.to_owned(), reason: error.to_string() }
}
