//! One public file; the body is picked by system.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(not(unix), path = "fallback.rs")]
mod imp;

#[cfg_attr(target_os = "linux", path = "linux/mod.rs")]
#[cfg_attr(not(target_os = "linux"), path = "unhelped.rs")]
mod helped;

mod source;

pub(crate) use helped::{
    HelperCapture, Started, adopt_environment, drop_privileges, helper_status, install,
    remove_left_overs, start, sudo_caller, uninstall,
};
#[cfg(target_os = "linux")]
pub(crate) use imp::effective_uid;
pub(crate) use imp::{
    Signals, end_by, inherited, is_root, raise_open_files, shell_code, signal, stand_apart,
};
pub(crate) use source::Source;

/// Whether this system has the drivers of `sidestream-linux`.
pub(crate) const IS_LINUX: bool = cfg!(target_os = "linux");

/// Returns the system's name and the release of its kernel, where that is known.
pub(crate) fn system() -> String {
    let name = std::env::consts::OS;
    match std::fs::read_to_string("/proc/sys/kernel/osrelease") {
        Ok(release) => format!("{name} {}", release.trim()),
        Err(_) => name.to_owned(),
    }
}
