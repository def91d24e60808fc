//! The environment that the next session begins with: a block of ours in a file.

use std::net::SocketAddr;
use std::path::PathBuf;

use sidestream_journal::{Part, Transaction};

use crate::{Current, Desktop, Place, SysproxyError};

pub(super) const KIND: &str = "environment-proxy";

const BEGIN: &str = "# What sidestream has set, and takes out when it ends:\n";
const END: &str = "# So far sidestream.\n";

/// How large such a file is, at most.
const MAX_BYTES: u64 = 1024 * 1024;

/// What is excepted, unless the user excepts something.
const EXCEPTED: &str = "localhost,127.0.0.1,::1";

pub(super) fn current(desktop: &Desktop<'_>, place: Place) -> Result<Current, SysproxyError> {
    let (_, text) = super::read_file(&path(desktop, place)?, MAX_BYTES)?;
    let value = text.lines().rev().find_map(|line| line.trim().strip_prefix("http_proxy="));
    Ok(match value.map(|value| value.trim_matches(['"', '\''])) {
        None | Some("") => Current::Direct,
        Some(value) => {
            let value = value.trim_start_matches("http://").trim_end_matches('/');
            Current::Proxy(value.to_owned())
        }
    })
}

pub(super) fn set(
    desktop: &Desktop<'_>,
    place: Place,
    proxy: SocketAddr,
    change: &mut Transaction,
) -> Result<(), SysproxyError> {
    let (path, text) = super::read_file(&path(desktop, place)?, MAX_BYTES)?;
    let mut block = BEGIN.to_owned();
    for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
        block += &format!("{name}=http://{proxy}\n");
    }
    for name in ["no_proxy", "NO_PROXY"] {
        let prefix = format!("{name}=");
        match place {
            // What another file of the folder says is kept; this kind of file knows no defaults.
            Place::EtcEnvironment if text.lines().any(|line| line.trim().starts_with(&prefix)) => {}
            Place::EtcEnvironment => block += &format!("{prefix}{EXCEPTED}\n"),
            _ => block += &format!("{prefix}${{{name}:-{EXCEPTED}}}\n"),
        }
    }
    block += END;
    if !text.is_empty() && !text.ends_with('\n') {
        block.insert(0, '\n');
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.is_dir()) {
        change.create_dir(folder)?;
    }
    let with = text + &block;
    let part = Part { kind: KIND.into(), bytes: block.into_bytes() };
    Ok(change.write(&path, with.as_bytes(), Some(part))?)
}

/// Returns the file: one of ours among the user's, or the machine's.
fn path(desktop: &Desktop<'_>, place: Place) -> Result<PathBuf, SysproxyError> {
    if place == Place::EtcEnvironment {
        return Ok(desktop.fs_root.join("etc/environment"));
    }
    let config = desktop.config().ok_or(SysproxyError::Absent { place, remedy: "set HOME" })?;
    Ok(config.join("environment.d/90-sidestream.conf"))
}
