//! A network namespace for each test, and what there is on the machine.

use std::collections::BTreeSet;
use std::env;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use sidestream_testkit::{is_root, skip};

const INSIDE: &str = "SIDESTREAM_TEST_INSIDE";

/// The user `nobody`.
pub(crate) const USER: u32 = 65_534;
const AS_USER: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];

/// The helper under test.
pub(crate) const HELPER: &str = env!("CARGO_BIN_EXE_sidestream-helper");

/// What an installed helper has by its file, and what becoming another user takes.
const CAPABILITIES: [&str; 2] = [
    "--inh-caps=+bpf,+net_admin,+perfmon,+setuid,+setgid",
    "--ambient-caps=+bpf,+net_admin,+perfmon,+setuid,+setgid",
];

/// Tells whether this is the inside of a network namespace that belongs to the test alone, with
/// loopback up: what is captured there is nobody else's. Outside of one the test is run in it, by
/// another process, and has nothing left to do.
pub(crate) fn on_ground(test: &str) -> bool {
    on_prepared_ground(test, "true")
}

/// The same as [`on_ground`], with a mount namespace as well and after `prepare` was run by a
/// shell.
pub(crate) fn on_prepared_ground(test: &str, prepare: &str) -> bool {
    is_inside(test) || {
        if can_capture(test) {
            enter(test, prepare, &[]);
        }
        false
    }
}

/// The same as [`on_prepared_ground`], where the network namespace is that of process 1: it is a
/// whole machine with its own processes, whose other network namespaces are captured as well.
pub(crate) fn on_machine(test: &str, prepare: &str) -> bool {
    is_inside(test) || {
        if can_capture(test) {
            enter_with(&["--pid", "--fork", "--kill-child", "--mount-proc"], test, prepare, &[]);
        }
        false
    }
}

/// The same as [`on_ground`], as an ordinary user whose programs are given the capabilities that an
/// installed helper has, and those to become another user.
pub(crate) fn on_ground_of_a_user(test: &str) -> bool {
    on_prepared_ground_of_a_user(test, "true", &CAPABILITIES)
}

/// The same as [`on_prepared_ground`], as an ordinary user with what more `setpriv` is told.
pub(crate) fn on_prepared_ground_of_a_user(test: &str, prepare: &str, privileges: &[&str]) -> bool {
    if is_inside(test) {
        return true;
    }
    if !can_capture(test) {
        return false;
    }
    let exe = env::current_exe().unwrap();
    let seen = Command::new("setpriv").args(AS_USER).arg("test").arg("-x").arg(&exe).status();
    if !seen.is_ok_and(|status| status.success()) {
        skip(test, "another user cannot get at the tests, or there is no setpriv");
        return false;
    }
    enter(test, prepare, &[&["setpriv"], &AS_USER[..], privileges].concat());
    false
}

fn is_inside(test: &str) -> bool {
    env::var_os(INSIDE).is_some_and(|inside| inside == *test)
}

fn can_capture(test: &str) -> bool {
    if !is_root() {
        skip(test, "only root can start the helper");
        return false;
    }
    let checked = Command::new(HELPER).arg("check").output().unwrap();
    if !checked.status.success() {
        skip(test, "this machine cannot capture, see `sidestream-helper check`");
    }
    checked.status.success()
}

/// Runs a test in namespaces of its own.
fn enter(test: &str, prepare: &str, before: &[&str]) {
    enter_with(&[], test, prepare, before);
}

fn enter_with(namespaces: &[&str], test: &str, prepare: &str, before: &[&str]) {
    let script = format!("ip link set lo up\n{prepare}\nexec \"$@\"");
    let status = Command::new("unshare")
        .args(["--net", "--mount"])
        .args(namespaces)
        .args(["sh", "-ec", &script, "sh"])
        .args(before)
        .arg(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, test)
        // Else insta asks cargo, which not every user can.
        .env("INSTA_WORKSPACE_ROOT", concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed in its namespaces");
}

/// Runs `ip`, which must succeed, and returns what it said.
pub(crate) fn ip(args: &str) -> String {
    output("ip", args)
}

fn output(program: &str, args: &str) -> String {
    let output = Command::new(program).args(args.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "{program} {args}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Waits until something holds; it is looked at again and again for 20 seconds at most.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{what} did not come about");
}

/// What there is on the machine that capturing adds to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Machine {
    devices: BTreeSet<String>,
    routes: BTreeSet<String>,
    /// Programs and links in the kernel; those of others come and go meanwhile.
    programs: BTreeSet<String>,
}

impl Machine {
    /// Looks at the network namespace and at the kernel.
    pub(crate) fn look() -> Self {
        let programs = if is_root() && Path::new("/usr/sbin/bpftool").exists() {
            let ids = |line: &str| Some(line.split_once(": ")?.0.parse::<u64>().ok()?.to_string());
            output("/usr/sbin/bpftool", "prog list").lines().filter_map(ids).collect()
        } else {
            BTreeSet::new()
        };
        Self {
            devices: ip("-o link show").lines().map(name).collect(),
            routes: ip("-6 route show table all").lines().map(str::to_owned).collect(),
            programs,
        }
    }

    /// Lists what is here and not there.
    pub(crate) fn without(&self, other: &Self) -> Self {
        let less = |own: &BTreeSet<String>, other| own.difference(other).cloned().collect();
        Self {
            devices: less(&self.devices, &other.devices),
            routes: less(&self.routes, &other.routes),
            programs: less(&self.programs, &other.programs),
        }
    }

    /// Tells whether there are neither devices nor routes.
    pub(crate) fn has_nothing_of_a_network(&self) -> bool {
        self.devices.is_empty() && self.routes.is_empty()
    }

    /// Tells whether any of it is here.
    pub(crate) fn has_any_of(&self, other: &Self) -> bool {
        !self.devices.is_disjoint(&other.devices)
            || !self.routes.is_disjoint(&other.routes)
            || !self.programs.is_disjoint(&other.programs)
    }
}

/// Takes the name of a device out of its line.
fn name(line: &str) -> String {
    line.split(": ").nth(1).unwrap_or_default().to_owned()
}
