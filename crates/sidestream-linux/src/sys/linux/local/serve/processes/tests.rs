//! What the table keeps, and for how long.

use std::time::{Duration, Instant};

use super::{Exec, Identity, Image, Key, Processes, Seen};

/// A time in nanoseconds after boot: tick 100 and a bit.
const STARTED: u64 = 1_000_000_123;

/// A program that makes its successor and ends, more often than any line is long.
const GENERATIONS: u32 = 2_000;

fn image(path: &str) -> Image {
    Image { path: Some(path.into()), comm: "comm".to_owned(), args: Vec::new() }
}

fn seen(pid: u32, parent: u32, path: &str) -> Seen {
    let identity = Identity { pid, ticks: u64::from(pid) };
    Seen { identity, parent, uid: 7, image: image(path) }
}

fn exec(pid: u32, path: &str) -> Exec {
    let started_ns = STARTED + u64::from(pid);
    Exec { pid, started_ns, parent: 1, uid: 0, image: image(path) }
}

fn line(processes: &Processes, key: Key) -> Vec<u32> {
    processes.ancestors(key).map(|(_, entry)| entry.identity.pid).collect()
}

/// The table with init and a shell that init made.
fn shell() -> (Processes, Key) {
    let mut processes = Processes::default();
    processes.handle_scan(vec![seen(5, 1, "/bin/sh"), seen(1, 0, "/sbin/init")], Instant::now());
    let key = processes.find_pid(5).unwrap();
    (processes, key)
}

fn path(processes: &Processes, key: Key) -> &str {
    let entry = processes.get(key).unwrap();
    entry.program.image.path.as_deref().unwrap().to_str().unwrap()
}

#[test]
fn a_scan_links_parents_in_whatever_order_they_come() {
    let (processes, shell) = shell();
    assert_eq!(line(&processes, shell), [1]);
    assert_eq!(processes.get(shell).unwrap().uid, 7);
}

#[test]
fn a_forked_process_runs_the_program_of_its_parent() {
    let (mut processes, _) = shell();
    let child = processes.handle_fork(5, 6, STARTED);
    assert_eq!(line(&processes, child), [5, 1]);
    assert_eq!(path(&processes, child), "/bin/sh");
    assert_eq!(processes.get(child).unwrap().uid, 7);
}

#[test]
fn an_orphan_keeps_its_ancestors() {
    let (mut processes, shell) = shell();
    let now = Instant::now();
    let child = processes.handle_fork(5, 6, STARTED);
    let grandchild = processes.handle_fork(6, 7, STARTED);
    processes.handle_exit(6, STARTED, now);
    assert_eq!(processes.prune(now + Duration::from_secs(60)), [0; 0]);
    assert_eq!(line(&processes, grandchild), [6, 5, 1]);
    // Init took it over, which changes nothing.
    let mut left = vec![seen(1, 0, "/sbin/init"), seen(5, 1, "/bin/sh")];
    left.push(Seen {
        identity: processes.get(grandchild).unwrap().identity,
        ..seen(7, 1, "/bin/sh")
    });
    processes.handle_scan(left, now);
    assert_eq!(line(&processes, grandchild), [6, 5, 1]);
    assert!(processes.get(child).unwrap().is_gone());
    assert!(!processes.get(shell).unwrap().is_gone());
}

#[test]
fn a_line_that_is_gone_is_dropped_as_a_whole() {
    let (mut processes, _) = shell();
    let now = Instant::now();
    let child = processes.handle_fork(5, 6, STARTED);
    let grandchild = processes.handle_fork(6, 7, STARTED);
    processes.get_mut(child).unwrap().program.record = Some(11);
    processes.get_mut(grandchild).unwrap().program.record = Some(12);
    processes.handle_exit(6, STARTED, now);
    processes.handle_exit(7, STARTED, now);
    assert_eq!(processes.prune(now), [0; 0]);
    assert!(processes.find(Identity::new(7, STARTED)).is_some());
    assert_eq!(processes.prune(now + Duration::from_secs(60)), [12, 11]);
    assert_eq!(processes.len(), 2);
}

#[test]
fn a_pid_that_comes_back_is_another_process() {
    let (mut processes, _) = shell();
    let now = Instant::now();
    let first = processes.handle_fork(5, 6, STARTED);
    processes.handle_exit(6, STARTED, now);
    let later = STARTED + 1_000_000_000;
    let second = processes.handle_fork(1, 6, later);
    assert_ne!(first, second);
    assert_eq!(processes.find(Identity::new(6, STARTED)), Some(first));
    assert_eq!(processes.find(Identity::new(6, later)), Some(second));
    assert_eq!(processes.find_pid(6), Some(second));
    processes.prune(now + Duration::from_secs(60));
    assert_eq!(processes.find(Identity::new(6, STARTED)), None);
    assert_eq!(processes.find_pid(6), Some(second));
    assert_eq!(line(&processes, second), [1]);
}

#[test]
fn what_a_process_ran_before_is_known_by_the_name_of_its_executable() {
    let (mut processes, _) = shell();
    let key = processes.handle_fork(5, 6, STARTED + 6);
    let (same, record) = processes.handle_exec(exec(6, "/usr/bin/curl"));
    assert_eq!((same, record), (key, None));
    assert_eq!(path(&processes, key), "/usr/bin/curl");
    let mut name = |exe| {
        let image = &processes.get_mut(key).unwrap().program_mut(exe).image;
        image.path.as_deref().unwrap().to_str().unwrap().to_owned()
    };
    assert_eq!(name("sh"), "/bin/sh");
    assert_eq!(name("curl"), "/usr/bin/curl");
    assert_eq!(name("gone-before-we-looked"), "/usr/bin/curl");
}

#[test]
fn a_program_that_is_replaced_twice_is_forgotten() {
    let (mut processes, _) = shell();
    let key = processes.handle_fork(5, 6, STARTED + 6);
    processes.get_mut(key).unwrap().program.record = Some(3);
    assert_eq!(processes.handle_exec(exec(6, "/bin/a")), (key, None));
    assert_eq!(processes.handle_exec(exec(6, "/bin/b")), (key, Some(3)));
}

#[test]
fn a_process_whose_fork_was_not_seen_is_found_by_its_exec() {
    let (mut processes, _) = shell();
    let (key, _) = processes.handle_exec(exec(9, "/bin/a"));
    assert_eq!(line(&processes, key), [1]);
    assert_eq!(processes.get(key).unwrap().previous.as_ref().map(|_| ()), None);
}

#[test]
fn who_is_missing_in_a_scan_has_gone() {
    let (mut processes, shell) = shell();
    let now = Instant::now();
    processes.handle_scan(vec![seen(1, 0, "/sbin/init")], now);
    assert!(processes.get(shell).unwrap().is_gone());
    assert_eq!(processes.living().len(), 1);
    processes.prune(now + Duration::from_secs(60));
    assert_eq!(processes.len(), 1);
}

#[test]
fn an_endless_line_of_successors_does_not_grow() {
    let (mut processes, _) = shell();
    let now = Instant::now();
    let started = |pid: u32| STARTED + 20_000_000 * u64::from(pid);
    for pid in 6..GENERATIONS {
        processes.handle_fork(pid - 1, pid, started(pid));
        processes.handle_exit(pid - 1, started(pid - 1), now);
        processes.prune(now);
    }
    assert!(processes.len() < 300, "{}", processes.len());
}

#[test]
fn a_storm_of_short_processes_is_bounded() {
    let (mut processes, _) = shell();
    let now = Instant::now();
    for pid in 10..80_000 {
        processes.handle_fork(5, pid, STARTED);
        processes.handle_exit(pid, STARTED, now);
        processes.prune(now);
    }
    assert!(processes.len() <= 64 * 1024 + 2, "{}", processes.len());
}
