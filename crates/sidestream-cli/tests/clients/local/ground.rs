//! A network namespace of a test's own, for what must not be tried on the machine's network.

use std::env;
use std::process::{Command, Stdio};

use super::can_capture;

const INSIDE: &str = "SIDESTREAM_TEST_INSIDE";

/// Tells whether this is the inside of a network namespace that belongs to the test alone, with
/// loopback up. Outside of one the test is run in it, by another process, and has nothing left to
/// do. `module` is the test's `module_path!()`.
pub(crate) fn on_ground(module: &str, test: &str) -> bool {
    on_prepared_ground(module, test, "true")
}

/// The same, with a mount namespace as well and after `prepare` was run by a shell.
pub(crate) fn on_prepared_ground(module: &str, test: &str, prepare: &str) -> bool {
    if env::var_os(INSIDE).is_some_and(|inside| inside == *test) {
        return true;
    }
    if can_capture(test) {
        enter(module, test, prepare);
    }
    false
}

fn enter(module: &str, test: &str, prepare: &str) {
    let script = format!("ip link set lo up\n{prepare}\nexec \"$@\"");
    let (_crate, module) = module.split_once("::").unwrap();
    let output = Command::new("unshare")
        .args(["--net", "--mount", "sh", "-ec", &script, "sh"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::{test}"), "--nocapture", "--test-threads=1"])
        .env(INSIDE, test)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{test} failed in its namespaces");
    assert!(told.contains("1 passed"), "{test} is not there: {told}");
}

/// Reads a counter of this network namespace from the kernel.
pub(crate) fn counter(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/net/netstat").unwrap();
    let lines: Vec<_> = text.lines().map(str::split_whitespace).collect();
    // A line of names stands above each line of values.
    let mut pairs = lines.chunks(2).flat_map(|pair| pair[0].clone().zip(pair[1].clone()));
    let (_, value) = pairs.find(|(found, _)| *found == name).unwrap_or_else(|| panic!("no {name}"));
    value.parse().unwrap()
}
