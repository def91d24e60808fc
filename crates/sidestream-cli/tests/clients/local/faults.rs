//! Whatever is killed: programs go on by themselves, and the machine is as it was.

use std::process::Stdio;
use std::time::{Duration, Instant};

use sidestream_testkit::Origin;

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
fn without_room_for_more_new_connections_are_left_alone() {
    let test = "without_room_for_more_new_connections_are_left_alone";
    if !can_capture(test) {
        return;
    }
    let (bench, name) = (Bench::new(), unique("room"));
    let Some(curl) = copy(test, &bench, "curl", &name) else { return };
    let python = bench.path(&format!("{name}-holder"));
    std::fs::copy("/usr/bin/python3", &python).unwrap();
    let (origin, silent) =
        (http(), Origin::tcp(|wire| std::io::copy(wire, &mut std::io::sink()).map(drop)));
    let fetch = || {
        let url = format!("http://{}/", origin.addr());
        command(&bench, &curl, ["-sS", "--max-time", "10", &url]).output().unwrap()
    };
    let capture = bench.sidestream(["--mode", &format!("local:{name}"), "--json"]);
    let mut limited = command(&bench, "/bin/sh", ["-c", "ulimit -n 256; exec \"$0\" \"$@\""]);
    limited.arg(capture.get_program()).args(capture.get_args()).arg(bench.path("flows.json"));
    for (name, value) in capture.get_envs() {
        limited.env(name, value.unwrap_or_default());
    }
    let mut capturing = Capturing::spawn(&mut limited);
    check_output(&fetch(), ANSWER);
    // It opens connections until it is told to end.
    let hold = "import socket, sys, time
held = []
for _ in range(400):
    held.append(socket.create_connection(('127.0.0.1', int(sys.argv[1]))))
    time.sleep(0.005)
sys.stdin.read()";
    let mut holder = command(&bench, &python, ["-c", hold, &silent.addr().port().to_string()]);
    let mut holder = holder.stdin(Stdio::piped()).spawn().unwrap();
    capturing.wait_for("new connections are left alone");
    wait_until("a program connects directly", || fetch().status.success());
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    let before = bench.lines().iter().filter(|line| line["kind"] == "http").count();
    wait_until("it captures again", || {
        check_output(&fetch(), ANSWER);
        bench.lines().iter().filter(|line| line["kind"] == "http").count() > before
    });
    capturing.finish(&bench);
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
