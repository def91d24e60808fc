//! Giving rights up.

use std::fs;
use std::thread;

use sidestream_os::{DropError, drop_privileges};
use sidestream_testkit::{is_root, skip};

use crate::again::{again, as_nobody, assert_passed, is_again};

/// Drops privileges in a process with several threads, and returns the status of each.
fn drop_with_threads(uid: u32, gid: u32) -> Vec<String> {
    for _ in 0..4 {
        thread::spawn(thread::park);
    }
    drop_privileges(uid, gid).unwrap();
    // One that is made afterwards is like the others.
    thread::spawn(thread::park);
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let status = |task: fs::DirEntry| fs::read_to_string(task.path().join("status")).unwrap();
    tasks.map(|task| status(task.unwrap())).collect()
}

fn field<'a>(status: &'a str, name: &str) -> Vec<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_ascii_whitespace().collect()
}

fn run_again(test: &str) -> bool {
    if !is_root() {
        skip(test, "not root");
        return false;
    }
    if !is_again() {
        assert_passed(&again(&format!("privileges::{test}")).output().unwrap());
        return false;
    }
    true
}

#[test]
fn a_user_is_become_on_all_threads_and_for_good() {
    if !run_again("a_user_is_become_on_all_threads_and_for_good") {
        return;
    }
    let threads = drop_with_threads(65534, 65534);
    assert!(threads.len() > 5, "{}", threads.len());
    for status in &threads {
        assert_eq!(field(status, "Uid:"), ["65534"; 4]);
        assert_eq!(field(status, "Gid:"), ["65534"; 4]);
        assert!(!field(status, "Groups:").contains(&"0"), "{status}");
        for set in ["CapPrm:", "CapEff:", "CapInh:", "CapAmb:"] {
            assert_eq!(field(status, set), ["0000000000000000"], "{set}");
        }
    }
    assert!(matches!(drop_privileges(0, 0), Err(DropError::NotRoot)));
    assert!(fs::read("/etc/shadow").is_err());
}

#[test]
fn root_stays_root_without_capabilities_on_any_thread() {
    if !run_again("root_stays_root_without_capabilities_on_any_thread") {
        return;
    }
    for status in drop_with_threads(0, 0) {
        assert_eq!(field(&status, "Uid:"), ["0"; 4]);
        assert_eq!(field(&status, "CapPrm:"), ["0000000000000000"]);
        assert_eq!(field(&status, "CapEff:"), ["0000000000000000"]);
    }
}

#[test]
fn who_is_not_root_has_nothing_to_give_up() {
    let test = "who_is_not_root_has_nothing_to_give_up";
    if is_root() && !is_again() {
        return assert_passed(&as_nobody(&format!("privileges::{test}")));
    }
    assert!(matches!(drop_privileges(1, 1), Err(DropError::NotRoot)));
}
