//! One public file; the body is picked by system.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(not(unix), path = "fallback.rs")]
mod imp;

pub(crate) use imp::{Signals, end_by, inherited, is_root, raise_open_files, shell_code, signal};

/// Whether commands can be captured in namespaces on this system.
pub(crate) const HAS_NAMESPACES: bool = cfg!(target_os = "linux");

/// Returns the system's name and the release of its kernel, where that is known.
pub(crate) fn system() -> String {
    let name = std::env::consts::OS;
    match std::fs::read_to_string("/proc/sys/kernel/osrelease") {
        Ok(release) => format!("{name} {}", release.trim()),
        Err(_) => name.to_owned(),
    }
}
