//! Whatever is killed: programs go on by themselves, and the machine is as it was.

use std::time::{Duration, Instant};

use super::machine::{Held, lasting};
use super::{Capturing, can_capture, check_output, command, copy, signal, unique, wait_until};
use crate::harness::{ANSWER, Bench, http};

/// Within which time programs connect directly again.
const SOON: Duration = Duration::from_secs(1);

/// Within which the kernel frees what nobody holds, at the latest.
const LATEST: Duration = Duration::from_secs(20);

/// Kills something of what captures, and checks that a captured program goes on and that nothing
/// is left.
fn check(test: &str, kill: impl FnOnce(&mut Capturing)) {
    if !can_capture(test) {
        return;
    }
    let (bench, name) = (Bench::new(), unique("goes-on"));
    let Some(curl) = copy(test, &bench, "curl", &name) else { return };
    let origin = http();
    let fetch = |path: &str| {
        let url = format!("http://{}/{path}", origin.addr());
        command(&bench, &curl, ["-sS", "--max-time", "10", &url]).output().unwrap()
    };
    let before = lasting();
    let mut capturing = Capturing::start(&bench, &name, &[]);
    check_output(&fetch("captured"), ANSWER);
    let held = Held::by(capturing.helper_pid());

    kill(&mut capturing);
    let killed = Instant::now();
    let mut answered = false;
    while !answered && killed.elapsed() < SOON {
        answered = fetch("direct").status.success();
    }
    assert!(answered, "not within {SOON:?}");
    capturing.wait();
    let started = Instant::now();
    while !held.left().is_empty() {
        assert!(started.elapsed() < LATEST, "still there: {:#?}", held.left());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(lasting(), before);
    assert_eq!(bench.left_running(), [""; 0]);
}

#[test]
fn a_killed_proxy_leaves_nothing() {
    check("a_killed_proxy_leaves_nothing", |capturing| signal("KILL", capturing.pid()));
}

#[test]
fn a_killed_helper_leaves_nothing_and_is_told() {
    check("a_killed_helper_leaves_nothing_and_is_told", |capturing| {
        signal("KILL", capturing.helper_pid());
        assert_eq!(capturing.wait().code(), Some(1));
        let told = capturing.told();
        assert!(told.contains("flows are not intercepted any more"), "{told}");
    });
}

#[test]
fn both_killed_leave_nothing() {
    check("both_killed_leave_nothing", |capturing| {
        let helper = capturing.helper_pid();
        signal("KILL", capturing.pid());
        signal("KILL", helper);
    });
}

#[test]
fn a_proxy_that_stands_still_is_gone_around() {
    let test = "a_proxy_that_stands_still_is_gone_around";
    if !can_capture(test) {
        return;
    }
    let (bench, name) = (Bench::new(), unique("around"));
    let Some(curl) = copy(test, &bench, "curl", &name) else { return };
    let origin = http();
    let fetch = || {
        let url = format!("http://{}/", origin.addr());
        command(&bench, &curl, ["-sS", "--max-time", "10", &url]).output().unwrap()
    };
    let capturing = Capturing::start(&bench, &name, &[]);
    check_output(&fetch(), ANSWER);
    signal("STOP", capturing.pid());
    // What was under way when it stopped may have to wait.
    wait_until("a program connects directly", || fetch().status.success());
    let directly = Instant::now();
    check_output(&fetch(), ANSWER);
    assert!(directly.elapsed() < Duration::from_secs(5), "{:?}", directly.elapsed());
    signal("CONT", capturing.pid());
    let mut captured = 0;
    wait_until("it captures again", || {
        check_output(&fetch(), ANSWER);
        captured += 1;
        bench.lines().len() > 1
    });
    assert!(captured > 0);
    capturing.finish(&bench);
}
