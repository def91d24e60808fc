//! An ordinary user gets the helper by the real `sudo` and the real `pkexec`, which go by rules of
//! the test's own within its mount namespace.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use sidestream_testkit::{sidestream_binary, skip};

use super::ground::on_prepared_ground;
use super::{Capturing, PATIENCE, check_output, command, copy, line_to, unique, wait_until};
use crate::harness::{ANSWER, Bench, http, program};

/// The user `nobody`.
const NOBODY: u32 = 65_534;

/// Where the rules are that the test gives in place of the machine's.
const RULES_OF_SUDO: &str = "/etc/sudoers.d";
const RULES_OF_POLKIT: &str = "/etc/polkit-1/rules.d";

/// Has folders of the test's own stand where the machine's rules are, and where the two and what
/// they speak by leave something.
const OWN_RULES: &str = "
    for folder in /etc/sudoers.d /var/lib/sudo /run/sudo /etc/polkit-1/rules.d /run/dbus; do
        test ! -d $folder || mount -t tmpfs -o mode=755 none $folder
    done";

/// Gets a terminal of its own, without anybody at it, and becomes a program.
const ON_TERMINAL: &str = "
import fcntl, os, sys, termios
keeps_open, terminal = os.openpty()
os.set_inheritable(keeps_open, True)
os.setsid()
fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
os.dup2(terminal, 0)
os.execv(sys.argv[1], sys.argv[1:])";

/// Returns the helper, and a folder for an ordinary user who gets it by that program; or skips
/// the test.
fn prepared(test: &str, by: &str) -> Option<(PathBuf, Bench)> {
    let by = program(test, by)?;
    program(test, "python3")?;
    let helper = sidestream_binary().with_file_name("sidestream-helper");
    let mut seen = Command::new("/usr/bin/test");
    let seen = seen.arg("-x").arg(&helper).uid(NOBODY).gid(NOBODY).status();
    if !seen.is_ok_and(|status| status.success()) {
        skip(test, "another user cannot get at the programs");
        return None;
    }
    assert_ne!(fs::metadata(&by).unwrap().mode() & 0o4000, 0, "{} gives no rights", by.display());
    let bench = Bench::new();
    chown(bench.folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    // All that is found there is this one.
    fs::create_dir(bench.path("bin")).unwrap();
    symlink(&by, bench.path("bin").join(by.file_name().unwrap())).unwrap();
    Some((helper, bench))
}

fn write_rule(folder: &str, name: &str, rule: &str) {
    let path = Path::new(folder).join(name);
    fs::write(&path, rule).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
}

/// The command as an ordinary user at a terminal gives it.
fn as_nobody(bench: &Bench, spec: &str) -> Command {
    let mode = format!("local:{spec}");
    let mut plain = bench.sidestream(["--mode", &mode, "--json"]);
    plain.arg(bench.path("flows.json"));
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", ON_TERMINAL]).arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        command.env(name, value);
    }
    // The authority of the test and the runtime folder are root's.
    for name in ["SIDESTREAM_CA", "XDG_RUNTIME_DIR", "SUDO_UID", "SUDO_GID", "SUDO_USER"] {
        command.env_remove(name);
    }
    command
        .env("PATH", bench.path("bin"))
        .current_dir(bench.folder.path())
        .stdin(Stdio::null())
        .uid(NOBODY)
        .gid(NOBODY);
    command
}

/// Finds the processes with a name that begins so in this network namespace, by their folders.
fn here(name: &str) -> Vec<PathBuf> {
    let own = fs::read_link("/proc/self/ns/net").unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let is_it = |path: &PathBuf| {
        fs::read_to_string(path.join("comm")).is_ok_and(|found| found.starts_with(name))
            && fs::read_link(path.join("ns/net")).is_ok_and(|found| found == own)
    };
    processes.filter(is_it).collect()
}

fn users_of_helpers() -> Vec<u32> {
    let user = |path: PathBuf| Some(fs::metadata(path).ok()?.uid());
    here("sidestream-help").into_iter().filter_map(user).collect()
}

/// Checks that an ordinary user gets the helper by that program, and what it is good for.
#[track_caller]
fn check_helper_by(test: &str, by: &str, bench: &Bench) {
    let name = unique("asks");
    let Some(curl) = copy(test, bench, "curl", &name) else { return };
    let (own, roots) = (http(), http());
    let capturing = Capturing::spawn(&mut as_nobody(bench, &name));
    let told = capturing.told();
    let asked = told.find(&format!("sidestream: {by} may ask for a password: ")).unwrap();
    assert!(asked < told.find("sidestream: intercepting ").unwrap(), "{told}");
    let status = fs::read_to_string(format!("/proc/{}/status", capturing.pid())).unwrap();
    assert!(status.contains("Uid:\t65534\t65534\t65534\t65534\n"), "{status}");
    assert_eq!(users_of_helpers(), [0]);

    // Whoever may have it started so may choose the programs of everybody.
    for (origin, uid) in [(&own, NOBODY), (&roots, 0)] {
        let url = format!("http://{}/", origin.addr());
        let mut fetch = command(bench, &curl, ["-sS", &url]);
        check_output(&fetch.uid(uid).gid(uid).output().unwrap(), ANSWER);
    }
    let lines = capturing.finish(bench);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    for (origin, uid) in [(&own, NOBODY), (&roots, 0)] {
        let line = line_to(&lines, "http", &origin.addr().to_string());
        assert_eq!(line["process"]["user"]["uid"], uid, "{line:#}");
        assert_eq!(line["process"]["path"], curl.to_str().unwrap(), "{line:#}");
    }
    wait_until("the helper has ended", || users_of_helpers().is_empty());
}

/// Checks that nothing runs where the helper was not given, and that it is told why.
#[track_caller]
fn check_refused(command: &mut Command, why: &str) {
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("the helper ended: ") && told.contains(why), "{told}");
    assert_eq!(users_of_helpers(), [0; 0]);
}

#[test]
fn an_ordinary_user_captures_with_a_helper_by_sudo() {
    let test = "an_ordinary_user_captures_with_a_helper_by_sudo";
    if !on_prepared_ground(module_path!(), test, OWN_RULES) {
        return;
    }
    let Some((helper, bench)) = prepared(test, "sudo") else { return };
    let rule = format!("nobody ALL=(root) NOPASSWD: {}\n", helper.display());
    write_rule(RULES_OF_SUDO, "test", &rule);
    check_helper_by(test, "sudo", &bench);
}

#[test]
fn who_gives_sudo_no_password_is_told_what_sudo_said() {
    let test = "who_gives_sudo_no_password_is_told_what_sudo_said";
    if !on_prepared_ground(module_path!(), test, OWN_RULES) {
        return;
    }
    let Some((helper, bench)) = prepared(test, "sudo") else { return };
    // It waits for just over a second.
    let rule = format!("Defaults passwd_timeout=0.02\nnobody ALL=(root) {}\n", helper.display());
    write_rule(RULES_OF_SUDO, "test", &rule);
    check_refused(&mut as_nobody(&bench, "asks"), "a password is required");
}

/// The bus of the system, which starts what decides for `pkexec` when that asks.
struct Bus(Child);

impl Bus {
    fn start() -> Self {
        let mut daemon = Command::new("dbus-daemon");
        daemon.args(["--system", "--nofork", "--nopidfile"]).stderr(Stdio::null());
        let bus = Self(daemon.spawn().unwrap());
        wait_until("the bus", || Path::new("/run/dbus/system_bus_socket").exists());
        bus
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
        // It ends with the bus.
        let started = Instant::now();
        while !here("polkitd").is_empty() && started.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn an_ordinary_user_captures_with_a_helper_by_pkexec_unless_a_rule_forbids_it() {
    let test = "an_ordinary_user_captures_with_a_helper_by_pkexec_unless_a_rule_forbids_it";
    if !on_prepared_ground(module_path!(), test, OWN_RULES) {
        return;
    }
    let Some((helper, bench)) = prepared(test, "pkexec") else { return };
    if program(test, "dbus-daemon").is_none() {
        return;
    }
    let rule = "polkit.addRule(function(action, subject) {
        return subject.user == 'nobody' && action.lookup('program') == 'HELPER'
            ? polkit.Result.YES : polkit.Result.NO;
    });";
    let rule = rule.replace("HELPER", helper.to_str().unwrap());
    write_rule(RULES_OF_POLKIT, "00-test.rules", &rule);
    let _bus = Bus::start();
    let other = bench.path("sidestream-helper");
    fs::copy(&helper, &other).unwrap();
    let mut command = as_nobody(&bench, "asks");
    check_refused(command.env("SIDESTREAM_HELPER", &other), "Not authorized");
    check_helper_by(test, "pkexec", &bench);
}
