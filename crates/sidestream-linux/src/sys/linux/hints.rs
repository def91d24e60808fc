//! What can be told before anything has happened.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::{Notice, Options};

/// Says what of the command's surroundings a sandbox hides or cannot hold.
pub(super) fn at_start(options: &Options, rootless: bool) -> Vec<Notice> {
    let mut notices = Vec::new();
    for variable in ["DISPLAY", "DBUS_SESSION_BUS_ADDRESS"] {
        let value = variable_of(options, variable).unwrap_or_default();
        if is_abstract_only(variable, &value.to_string_lossy()) {
            notices.push(Notice::AbstractSocket { variable });
        }
    }
    let program = options.command.first().and_then(|program| find(options, program));
    if rootless && program.as_deref().is_some_and(gains_rights) {
        notices.push(Notice::Setuid);
    }
    if program.as_deref().and_then(Path::file_name) == Some(OsStr::new("docker")) {
        notices.push(Notice::Docker);
    }
    notices
}

/// Says what a command under a filter will not do.
pub(super) fn under_filter(options: &Options) -> Vec<Notice> {
    let mut notices = Vec::new();
    let program = options.command.first().and_then(|program| find(options, program));
    if !is_root() && program.as_deref().is_some_and(gains_rights) {
        notices.push(Notice::Setuid);
    }
    if program.as_deref().and_then(Path::file_name) == Some(OsStr::new("docker")) {
        notices.push(Notice::Docker);
    }
    notices
}

fn is_root() -> bool {
    // SAFETY: the call takes no pointers and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

fn variable_of(options: &Options, name: &str) -> Option<OsString> {
    let added = options.environment.iter().rev().find(|(variable, _)| variable == name);
    added.map(|(_, value)| value.clone()).or_else(|| env::var_os(name))
}

/// Whether a service is reachable by an abstract socket and by nothing else.
fn is_abstract_only(variable: &str, value: &str) -> bool {
    match variable {
        "DISPLAY" => {
            // `:0.1` is a display of this host; with a host before the colon it is TCP.
            let Some(number) = value.strip_prefix(':') else { return false };
            let number = number.split('.').next().unwrap_or_default();
            let path = format!("/tmp/.X11-unix/X{number}");
            let is_socket = |path: &str| {
                fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
            };
            !is_socket(&path) && abstract_sockets().contains(&format!("@{path}"))
        }
        _ => value.split(';').all(|way| way.starts_with("unix:abstract=")),
    }
}

fn abstract_sockets() -> String {
    fs::read_to_string("/proc/net/unix").unwrap_or_default()
}

/// Finds the file that a command names.
pub(super) fn find(options: &Options, program: &OsStr) -> Option<PathBuf> {
    if program.as_encoded_bytes().contains(&b'/') {
        return Some(program.into());
    }
    let path = variable_of(options, "PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn gains_rights(program: &Path) -> bool {
    fs::metadata(program).is_ok_and(|metadata| metadata.mode() & 0o6000 != 0)
}

#[cfg(test)]
mod tests {
    use super::is_abstract_only;

    #[test]
    fn a_bus_with_a_path_is_reachable() {
        let bus = |value| is_abstract_only("DBUS_SESSION_BUS_ADDRESS", value);
        assert!(bus("unix:abstract=/tmp/dbus-1,guid=0"));
        assert!(!bus("unix:path=/run/user/1000/bus"));
        assert!(!bus("unix:abstract=/tmp/dbus-1;unix:path=/run/bus"));
        assert!(!bus(""));
    }

    #[test]
    fn a_display_on_another_host_is_reachable() {
        assert!(!is_abstract_only("DISPLAY", "host:0"));
        assert!(!is_abstract_only("DISPLAY", ""));
    }
}
