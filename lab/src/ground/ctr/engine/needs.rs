//! What an engine needs of a machine and of who starts it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::{env, fs};

use crate::ground::Unavailable;

/// Programs, and the packages that have them.
const PROGRAMS: [(&str, &str); 8] = [
    ("containerd", "containerd"),
    ("docker", "docker.io"),
    ("dockerd", "docker.io"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("nsenter", "util-linux"),
    ("runc", "runc"),
    ("unshare", "util-linux"),
];

/// Where programs are for those who administer, whatever `PATH` says.
const MORE: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";

/// Checks all of it.
///
/// # Errors
///
/// What is missing, with the packages to install.
pub(super) fn check() -> Result<(), Unavailable> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap_or_default();
    let ids = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let is_root = uids.split_whitespace().nth(1) == Some("0");
    if !is_root || !ids.split_whitespace().eq(["0", "0", "4294967295"]) {
        return Err(Unavailable::new("only root starts an engine for containers"));
    }
    let path = path();
    let is_missing = |program: &str| {
        !env::split_paths(&path).any(|folder: PathBuf| folder.join(program).is_file())
    };
    let missing: Vec<_> = PROGRAMS.iter().filter(|(program, _)| is_missing(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    // It brings the two others with it.
    if packages.contains(&"docker.io") {
        packages.retain(|package| !matches!(*package, "containerd" | "runc"));
    }
    packages.sort_unstable();
    packages.dedup();
    let programs: Vec<&str> = missing.iter().map(|(program, _)| *program).collect();
    Err(Unavailable::new(format!(
        "no {} here: apt-get install --no-install-recommends {}",
        programs.join(", "),
        packages.join(" ")
    )))
}

/// Returns where programs are looked for.
pub(super) fn path() -> OsString {
    let mut path = env::var_os("PATH").unwrap_or_default();
    if !path.is_empty() {
        path.push(":");
    }
    path.push(MORE);
    path
}
