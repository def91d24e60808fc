//! Where the platform keeps a user's configuration and data.

use std::ffi::OsString;
use std::path::PathBuf;

const NAME: &str = "sidestream";

/// Returns the folder of the configuration file.
pub fn config(env: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    find(env, "XDG_CONFIG_HOME", "APPDATA", &["Library/Application Support", ".config"])
}

/// Returns the folder of the root key.
pub fn data(env: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    find(env, "XDG_DATA_HOME", "LOCALAPPDATA", &["Library/Application Support", ".local/share"])
}

/// A relative path in such a variable counts as none, as the XDG base directory specification
/// has it.
fn find(
    env: &dyn Fn(&str) -> Option<OsString>,
    xdg: &str,
    windows: &str,
    [mac, unix]: &[&str; 2],
) -> Option<PathBuf> {
    let absolute = |name: &str| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let in_home = if std::env::consts::OS == "macos" { mac } else { unix };
    let platform = if cfg!(windows) { absolute(windows) } else { None };
    absolute(xdg)
        .or(platform)
        .or_else(|| absolute("HOME").map(|home| home.join(in_home)))
        .map(|folder| folder.join(NAME))
}
