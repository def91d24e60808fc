//! Where programs are, and which package has those that are missing.

use std::env;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Where a distribution puts programs; they come before what a user has put in front of them.
const USUAL: [&str; 4] = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"];

/// Finds a program by name or path.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| is_program(path));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = USUAL.iter().map(PathBuf::from).chain(env::split_paths(&path));
    folders.map(|folder| folder.join(program)).find(|path| is_program(path))
}

/// Returns whether a program is where a distribution puts them.
pub(super) fn is_usual(path: &Path) -> bool {
    path.parent().is_some_and(|folder| USUAL.iter().any(|usual| folder == Path::new(usual)))
}

/// Returns what to do about a missing program.
#[must_use]
pub fn hint(program: &str) -> String {
    let package = match program {
        "apt-get" => return "it is part of Debian and its kin".into(),
        "depmod" | "modprobe" => "kmod",
        "dig" => "bind9-dnsutils",
        "dnsmasq" => "dnsmasq-base",
        "dpkg-deb" => "dpkg",
        "ip" => "iproute2",
        "java" => "default-jdk-headless",
        "nft" => "nftables",
        "node" => "nodejs",
        "qemu-system-x86_64" => "qemu-system-x86",
        "setpriv" | "unshare" | "nsenter" => "util-linux",
        "wg" => "wireguard-tools",
        other => other,
    };
    format!("install the package {package}")
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
