//! No trace: each mode is killed at steps of its starting, running and stopping, and the machine is
//! as before: at once in what dies with its processes, after `repair` in what is in the journal.
//!
//! A step is a system call that changes something outside of the process. Some are taken, evenly,
//! of all that there are; `SIDESTREAM_EVERY_STEP=1` takes each, for the proxy, its helper and all.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use sidestream_testkit::{is_root, sidestream_binary, skip};

const SCENE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/no_trace/scene.sh");

const TRACER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/no_trace/killat.c");

/// Plays a scene of the script, in namespaces of its own, and kills at so many steps.
fn check(test: &str, scene: &str, kills: usize, tools: &[&str]) {
    if !is_root() {
        return skip(test, "only root compares the whole machine");
    }
    let is_here = |tool: &&&str| {
        let folders = ["/usr/bin", "/usr/sbin", "/sbin"];
        folders.iter().any(|folder| Path::new(folder).join(tool).exists())
    };
    let needed = ["cc", "curl", "ip", "nft", "unshare"];
    if let Some(missing) = needed.iter().chain(tools).find(|tool| !is_here(tool)) {
        return skip(test, &format!("no {missing} here"));
    }
    let every = std::env::var_os("SIDESTREAM_EVERY_STEP").is_some();
    let kills = if every { "every".to_owned() } else { kills.to_string() };
    let (built, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let killat = built.path().join("killat");
    let compiled = Command::new("cc").args(["-O1", "-o"]).arg(&killat).arg(TRACER).status();
    assert!(compiled.unwrap().success(), "killat does not compile");
    let output = Command::new("unshare")
        .args(["--mount", "--net", "sh", SCENE])
        .arg(sidestream_binary())
        .arg(&killat)
        .arg(folder.path())
        .args([scene, &kills])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let erred = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{erred}");
}

#[test]
fn a_command_killed_at_any_step_leaves_nothing() {
    check("a_command_killed_at_any_step_leaves_nothing", "run", 12, &[]);
}

#[test]
fn a_users_command_killed_at_any_step_leaves_nothing() {
    check("a_users_command_killed_at_any_step_leaves_nothing", "run-as-user", 12, &["setpriv"]);
}

#[test]
fn a_command_under_seccomp_killed_at_any_step_leaves_nothing() {
    check("a_command_under_seccomp_killed_at_any_step_leaves_nothing", "run-seccomp", 12, &[]);
}

#[test]
fn regular_killed_at_any_step_leaves_nothing() {
    check("regular_killed_at_any_step_leaves_nothing", "regular", 8, &[]);
}

#[test]
fn socks5_killed_at_any_step_leaves_nothing() {
    check("socks5_killed_at_any_step_leaves_nothing", "socks5", 8, &[]);
}

#[test]
fn tun_killed_at_any_step_leaves_nothing() {
    check("tun_killed_at_any_step_leaves_nothing", "tun", 8, &[]);
}

#[test]
fn transparent_killed_at_any_step_leaves_nothing() {
    check("transparent_killed_at_any_step_leaves_nothing", "transparent", 8, &[]);
}

#[test]
fn a_gateway_killed_at_any_step_leaves_nothing() {
    check("a_gateway_killed_at_any_step_leaves_nothing", "gateway", 12, &["sysctl"]);
}

#[test]
fn wireguard_killed_at_any_step_leaves_nothing() {
    check("wireguard_killed_at_any_step_leaves_nothing", "wireguard", 8, &[]);
}

#[test]
fn a_first_start_killed_at_any_step_leaves_keys_or_nothing() {
    check("a_first_start_killed_at_any_step_leaves_keys_or_nothing", "first", 12, &[]);
}

#[test]
fn local_killed_at_any_step_leaves_nothing() {
    let test = "local_killed_at_any_step_leaves_nothing";
    if crate::local::can_capture(test) {
        // Nobody else captures meanwhile.
        let alone = File::open(crate::local::BTF).unwrap();
        alone.lock().unwrap();
        check(test, "local", 12, &["bpftool"]);
    }
}

#[test]
fn the_systems_proxy_killed_at_any_step_is_as_before() {
    let tools = ["dbus-daemon", "gsettings"];
    check("the_systems_proxy_killed_at_any_step_is_as_before", "system-proxy", 12, &tools);
}

#[test]
fn an_install_killed_at_any_step_is_taken_out_whole() {
    let tools = ["certutil", "update-ca-certificates"];
    check("an_install_killed_at_any_step_is_taken_out_whole", "ca-install", 3, &tools);
}

#[test]
fn a_database_of_ours_killed_at_any_step_of_its_making_is_gone() {
    let test = "a_database_of_ours_killed_at_any_step_of_its_making_is_gone";
    check(test, "ca-first", 8, &["certutil"]);
}

#[test]
fn an_uninstall_killed_at_any_step_is_finished_by_the_next() {
    let tools = ["certutil", "update-ca-certificates"];
    check("an_uninstall_killed_at_any_step_is_finished_by_the_next", "ca-uninstall", 4, &tools);
}
