//! What this machine and user can do, and where the tested program lies.

use std::net::{Ipv6Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Whether the tests run with effective user id 0.
pub fn is_root() -> bool {
    static ROOT: OnceLock<bool> = OnceLock::new();
    *ROOT.get_or_init(|| {
        let asked = Command::new("id").arg("-u").output();
        asked.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
    })
}

/// Whether this user may make user, network and mount namespaces, by making some.
///
/// A child process tries and ends at once; the answer is kept for the life of
/// the test process. Without util-linux's `unshare` the answer is no.
pub fn can_make_user_namespaces() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| {
        Command::new("unshare")
            .args(["--user", "--map-current-user", "--net", "--mount", "true"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    })
}

/// Whether `::1` can be bound here.
pub fn has_ipv6_loopback() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

/// Finds the `sidestream` executable under test; builds nothing.
///
/// The environment variable `SIDESTREAM_BIN` decides; else it lies in the
/// target folder beside the running test. Tests use this and not
/// `env!("CARGO_BIN_EXE_sidestream")`, whose path another user may be unable
/// to reach.
///
/// # Panics
///
/// When there is none; the message says how to build it.
pub fn sidestream_binary() -> PathBuf {
    if let Some(named) = std::env::var_os("SIDESTREAM_BIN") {
        let named = PathBuf::from(named);
        assert!(named.is_file(), "SIDESTREAM_BIN names no file: {}", named.display());
        return named;
    }
    let exe = std::env::current_exe().expect("a test knows its own executable");
    let name = format!("sidestream{}", std::env::consts::EXE_SUFFIX);
    // Tests lie in target/PROFILE/deps, examples in target/PROFILE/examples.
    let found = exe.ancestors().skip(1).take(2).map(|folder| folder.join(&name));
    found.into_iter().find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("no {name} near {}; build it: cargo build -p sidestream-cli", exe.display())
    })
}

/// Gives the path of a file in the workspace, such as `fixtures/tls/hello.bin`.
///
/// The environment variable `SIDESTREAM_WORKSPACE` decides, which is how tests
/// find the sources when another user runs them from a copy; else it is the
/// workspace in which this crate was built.
pub fn workspace_path(relative: impl AsRef<Path>) -> PathBuf {
    let root = std::env::var_os("SIDESTREAM_WORKSPACE")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), PathBuf::from);
    root.join(relative)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_files_of_the_workspace() {
        assert!(workspace_path("crates/sidestream-testkit/src/machine.rs").is_file());
    }

    #[test]
    fn agrees_with_the_kernel_on_who_is_root() {
        let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
            return crate::skip("agrees_with_the_kernel_on_who_is_root", "no /proc here");
        };
        let uids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
        let effective = uids.split_whitespace().nth(1).unwrap();
        assert_eq!(is_root(), effective == "0");
    }
}
