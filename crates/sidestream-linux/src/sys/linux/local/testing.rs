//! Network namespaces of their own for tests.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sidestream_testkit::{can_make_user_namespaces, is_root, skip};

const INSIDE: &str = "SIDESTREAM_TEST_INSIDE";

/// Whether this is the inside of a network namespace that belongs to the test alone, with `lo`
/// up. Outside of one the test is run in it, by another process, and has nothing left to do.
pub(super) fn in_own_network(module: &str, test: &str) -> bool {
    if env::var_os(INSIDE).is_some_and(|inside| inside == *test) {
        ip("link set lo up");
        return true;
    }
    if !is_root() && !can_make_user_namespaces() {
        skip(test, "this user may not make namespaces here");
        return false;
    }
    let (_crate, module) = module.split_once("::").unwrap();
    let flags = if is_root() { "-n" } else { "-rn" };
    let status = Command::new("unshare")
        .arg(flags)
        .arg(env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::{test}"), "--nocapture", "--test-threads=1"])
        .env(INSIDE, test)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed in its network namespace");
    false
}

/// Runs `ip`, which must succeed, and returns what it said.
pub(super) fn ip(args: &str) -> String {
    run("ip", args).unwrap_or_else(|said| panic!("ip {args}: {said}"))
}

/// Runs a command; its output, or what it complained of.
pub(super) fn run(program: &str, args: &str) -> Result<String, String> {
    let output = Command::new(program).args(args.split_whitespace()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// Waits until something holds; it is looked at again and again for a minute at most.
pub(super) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{what} did not come about");
}

/// Another host: a network namespace that is joined to this one by `va` here and `vb` there, with
/// 198.18.7.1 and fd01::1 here, 198.18.7.2 and fd01::2 there.
pub(super) struct Neighbor(Child);

impl Neighbor {
    pub(super) fn new() -> Self {
        let mut command = Command::new("unshare");
        // It ends as its input does.
        let child = command.args(["-n", "cat"]).stdin(Stdio::piped()).spawn().unwrap();
        let neighbor = Self(child);
        let net = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let pid = neighbor.0.id().to_string();
        eventually("a neighbor", || net(&pid).is_some_and(|it| Some(it) != net("self")));
        ip(&format!("link add va type veth peer name vb netns {pid}"));
        for (dev, number) in [("va", 1), ("vb", 2)] {
            for args in [
                format!("addr add 198.18.7.{number}/24 dev {dev}"),
                format!("-6 addr add fd01::{number}/64 dev {dev} nodad"),
                format!("link set {dev} up"),
            ] {
                if dev == "va" {
                    ip(&args)
                } else {
                    neighbor.ip(&args)
                };
            }
        }
        neighbor
    }

    /// Runs `ip` there.
    pub(super) fn ip(&self, args: &str) -> String {
        self.run("ip", args).unwrap_or_else(|said| panic!("ip {args}: {said}"))
    }

    /// Runs a command there.
    pub(super) fn run(&self, program: &str, args: &str) -> Result<String, String> {
        run("nsenter", &format!("-t {} -n {program} {args}", self.0.id()))
    }

    /// Starts a command there, which is ready once it says a line, and killed as it is dropped.
    pub(super) fn spawn(&self, program: &str, args: &str) -> Spawned {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.0.id().to_string(), "-n", program]);
        let args = args.split_whitespace();
        let mut child = command.args(args).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let spawned = Spawned(child);
        assert!(BufReader::new(stdout).lines().next().is_some(), "{program} ended");
        spawned
    }
}

impl Drop for Neighbor {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        _ = self.0.wait();
    }
}

/// A command that runs.
pub(super) struct Spawned(Child);

impl Drop for Spawned {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
