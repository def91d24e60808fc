//! GNOME: the keys of `org.gnome.system.proxy`, by `gsettings`.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use sidestream_journal::{JournalError, Outcome, Part, Run, Transaction};

use crate::{Current, Desktop, Place, SysproxyError};

pub(super) const KIND: &str = "gnome-proxy";

const SCHEMA: &str = "org.gnome.system.proxy";
const TOOL: &str = "gsettings";

/// The key that puts the others in force.
const MODE: (&str, &str) = (SCHEMA, "mode");

/// What keys hold, by schema and key, as the tool writes it.
type Values = BTreeMap<(String, String), String>;

/// A key, how it was and how we set it.
#[derive(Debug, Serialize, Deserialize)]
struct Key {
    schema: String,
    key: String,
    before: String,
    /// It was what it is where nobody set it: it is given back by being unset.
    is_default: bool,
    after: String,
}

impl Key {
    fn is(&self, (schema, key): (&str, &str)) -> bool {
        self.schema == schema && self.key == key
    }

    fn now<'a>(&self, values: &'a Values) -> Option<&'a String> {
        values.get(&(self.schema.clone(), self.key.clone()))
    }
}

pub(super) fn is_here(desktop: &Desktop<'_>) -> bool {
    read(desktop).is_ok()
}

pub(super) fn current(desktop: &Desktop<'_>) -> Result<Current, SysproxyError> {
    let values = read(desktop)?;
    let value = |schema: &str, key: &str| {
        let value = values.get(&(schema.to_owned(), key.to_owned()));
        value.map_or("", |value| value.trim_matches('\'')).to_owned()
    };
    Ok(match &*value(SCHEMA, "mode") {
        "auto" => Current::Automatic,
        "manual" => {
            let schema = format!("{SCHEMA}.http");
            let (host, port) = (value(&schema, "host"), value(&schema, "port"));
            if host.is_empty() { Current::Direct } else { Current::Proxy(format!("{host}:{port}")) }
        }
        _ => Current::Direct,
    })
}

/// What the keys are to hold; the last puts the rest in force.
fn wanted(proxy: SocketAddr) -> Vec<(String, &'static str, String)> {
    let (host, port) = (format!("'{}'", proxy.ip()), proxy.port().to_string());
    let of = |protocol: &str| format!("{SCHEMA}.{protocol}");
    vec![
        (of("http"), "host", host.clone()),
        (of("http"), "port", port.clone()),
        // A password that is meant for another proxy is not shown to this one.
        (of("http"), "use-authentication", "false".into()),
        (of("https"), "host", host),
        (of("https"), "port", port),
        (MODE.0.into(), MODE.1, "'manual'".into()),
    ]
}

pub(super) fn set(
    desktop: &Desktop<'_>,
    proxy: SocketAddr,
    change: &mut Transaction,
) -> Result<(), SysproxyError> {
    let now = read(desktop)?;
    if !desktop.has_bus() {
        return Err(SysproxyError::NoBus { place: Place::Gnome });
    }
    let defaults = list(desktop, &["GSETTINGS_BACKEND=memory"])?;
    let wanted = wanted(proxy).into_iter();
    let keys = wanted.filter_map(|(schema, key, after)| {
        let at = (schema, key.to_owned());
        let before = now.get(&at)?.clone();
        let is_default = defaults.get(&at) == Some(&before);
        let (schema, key) = at;
        (before != after).then_some(Key { schema, key, before, is_default, after })
    });
    let keys: Vec<Key> = keys.collect();
    if keys.is_empty() {
        return Ok(());
    }
    let bytes = serde_json::to_vec(&keys).map_err(|error| foreign(&error))?;
    change.announce("the proxy settings of GNOME", Part { kind: KIND.into(), bytes })?;
    for key in &keys {
        let words = words(desktop, &["set", &key.schema, &key.key, &key.after])?;
        change.run(&words).map_err(by_name)?;
    }
    // The tool says that all is well also where nothing was written.
    let now = read(desktop)?;
    match keys.iter().find(|key| key.now(&now) != Some(&key.after)) {
        None => Ok(()),
        Some(key) => Err(refused(desktop, key)),
    }
}

/// Gives back what is as we set it. Who has since named another proxy also keeps that it is used.
pub(super) fn restore(
    desktop: &Desktop<'_>,
    setting: &Part,
    run: Run<'_>,
) -> Result<Outcome, JournalError> {
    let keys: Vec<Key> =
        serde_json::from_slice(&setting.bytes).map_err(|error| failed(&foreign(&error)))?;
    let now = read(desktop).map_err(|error| failed(&error))?;
    let is_theirs =
        |key: &Key| key.now(&now).is_some_and(|now| *now != key.before && *now != key.after);
    let has_theirs = keys.iter().any(is_theirs);
    let names_another = keys.iter().any(|key| !key.is(MODE) && is_theirs(key));
    let ours: Vec<&Key> = keys
        .iter()
        .rev()
        .filter(|key| key.now(&now) == Some(&key.after) && !(key.is(MODE) && names_another))
        .collect();
    for Key { schema, key, before, is_default, .. } in &ours {
        let words = match is_default {
            true => words(desktop, &["reset", schema, key]),
            false => words(desktop, &["set", schema, key, before]),
        };
        run(&words.map_err(|error| failed(&error))?).map_err(by_name)?;
    }
    let now = read(desktop).map_err(|error| failed(&error))?;
    if let Some(key) = ours.iter().find(|key| key.now(&now) == Some(&key.after)) {
        return Err(failed(&refused(desktop, key)));
    }
    Ok(match (ours.is_empty(), has_theirs) {
        (false, false) => Outcome::Restored,
        (false, true) => Outcome::PartRemoved,
        (true, true) => Outcome::Left,
        (true, false) => Outcome::Nothing,
    })
}

/// Says why a key does not hold what it was set to.
fn refused(desktop: &Desktop<'_>, key: &Key) -> SysproxyError {
    let what = format!("{} {}", key.schema, key.key);
    let writable =
        words(desktop, &["writable", &key.schema, &key.key]).and_then(|words| desktop.ask(&words));
    match writable.as_deref().map(str::trim) {
        Ok("false") => SysproxyError::Locked { what },
        _ if !desktop.has_bus() => SysproxyError::NoBus { place: Place::Gnome },
        _ => SysproxyError::NotTaken { what },
    }
}

/// Names the tool that failed, and not what started it.
fn by_name(error: JournalError) -> JournalError {
    match error {
        JournalError::Tool { said, .. } => JournalError::Tool { program: TOOL.into(), said },
        error => error,
    }
}

/// Words what went wrong for the journal, which keeps the change.
fn failed(error: &SysproxyError) -> JournalError {
    JournalError::Tool { program: TOOL.into(), said: error.to_string() }
}

fn foreign(error: &serde_json::Error) -> SysproxyError {
    SysproxyError::Tool { program: TOOL.into(), said: error.to_string() }
}

fn read(desktop: &Desktop<'_>) -> Result<Values, SysproxyError> {
    list(desktop, &[])
}

/// Reads all keys, by another backend if that is said.
fn list(desktop: &Desktop<'_>, more: &[&str]) -> Result<Values, SysproxyError> {
    let mut words = words(desktop, &["list-recursively", SCHEMA])?;
    words.splice(1..1, more.iter().map(|&word| word.to_owned()));
    let listed = desktop.ask(&words).map_err(|error| match error {
        SysproxyError::Tool { said, .. } if said.contains("No such schema") => absent(),
        error => error,
    })?;
    let entry = |line: &str| {
        let mut words = line.splitn(3, ' ').map(str::to_owned);
        Some(((words.next()?, words.next()?), words.next()?))
    };
    Ok(listed.lines().filter_map(entry).collect())
}

fn words(desktop: &Desktop<'_>, arguments: &[&str]) -> Result<Vec<String>, SysproxyError> {
    let tool = desktop.tool(TOOL).ok_or_else(absent)?;
    Ok(desktop.command(&tool, arguments))
}

fn absent() -> SysproxyError {
    let remedy = "it takes gsettings and the package gsettings-desktop-schemas";
    SysproxyError::Absent { place: Place::Gnome, remedy }
}
