//! A network of our own, where nobody else's traffic is and nothing is left behind.

use std::env;
use std::ffi::OsString;
use std::process::Command;

use anyhow::Context;
use sidestream_testkit::is_root;

/// What is done inside before anything else: descriptors as many as there may be, loopback up.
const PREPARE: &str = r#"ulimit -n 200000 2>/dev/null || ulimit -n "$(ulimit -Hn)"; ip link set lo up && exec "$0" "$@""#;

/// Starts this program again in a network namespace of its own, and returns its exit code.
///
/// The namespace goes with the last process in it. An ordinary user gets a
/// user namespace around it.
///
/// # Errors
///
/// util-linux's `unshare` is not there.
pub(crate) fn enter(verb: &str, words: Vec<OsString>) -> anyhow::Result<Option<i32>> {
    let mut command = Command::new("unshare");
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--net", "sh", "-c", PREPARE]).arg(env::current_exe()?);
    command.args([verb, "--inside"]).args(words);
    let status = command.status().context("starting unshare, of util-linux")?;
    Ok(status.code())
}
