//! How the command's beginning and end are its own, and that nothing is left of ours.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Bench, program};

#[track_caller]
fn check_status(test: &str, words: &[&str], code: Option<i32>, signal: Option<i32>) {
    if program(test, "sh").is_none() {
        return;
    }
    let ran = Bench::new().run(words);
    let status = ran.output.status;
    assert_eq!((status.code(), status.signal()), (code, signal), "{words:?} {}", ran.stderr);
}

#[test]
pub(crate) fn the_exit_status_is_the_commands() {
    let test = "the_exit_status_is_the_commands";
    check_status(test, &["true"], Some(0), None);
    check_status(test, &["sh", "-c", "exit 7"], Some(7), None);
    check_status(test, &["no-such-command"], Some(127), None);
    check_status(test, &["/etc/passwd"], Some(126), None);
}

#[test]
pub(crate) fn a_signal_that_ended_the_command_ends_us() {
    let test = "a_signal_that_ended_the_command_ends_us";
    check_status(test, &["sh", "-c", "kill -TERM $$"], None, Some(15));
    check_status(test, &["sh", "-c", "kill -KILL $$"], None, Some(9));
}

#[test]
pub(crate) fn input_and_output_are_the_commands() {
    if program("input_and_output_are_the_commands", "sh").is_none() {
        return;
    }
    let bench = Bench::new();
    let mut command = bench.command();
    command.args(["sh", "-c", "wc -c; echo own words >&2"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(&vec![b'x'; 1_000_000]).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout.trim_ascii(), b"1000000");
    assert_eq!(output.stderr, b"own words\n");
}

#[test]
pub(crate) fn a_broken_pipe_is_the_commands() {
    if program("a_broken_pipe_is_the_commands", "sh").is_none() {
        return;
    }
    let ran = Bench::new().run(["sh", "-c", "yes | head -n 1"]);
    ran.check_success("y\n");
    assert_eq!(ran.stderr, "");
}

#[test]
pub(crate) fn a_stderr_that_is_gone_kills_nobody() {
    let Some(curl) = program("a_stderr_that_is_gone_kills_nobody", "curl") else { return };
    let bench = Bench::new();
    let origin = crate::harness::http();
    let url = format!("http://127.0.0.1:{}/", origin.port());
    let mut command = bench.command();
    command.arg(curl).args(["-sS", &url, "--next", "-sS", &url]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stderr.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    assert_eq!(bench.lines().len(), 2);
}

#[test]
pub(crate) fn a_terminate_signal_is_passed_on() {
    if program("a_terminate_signal_is_passed_on", "sh").is_none() {
        return;
    }
    let bench = Bench::new();
    let mut command = bench.command();
    command.args([
        "sh",
        "-c",
        "trap 'echo told; exit 5' TERM; echo ready; while :; do sleep 0.05; done",
    ]);
    command.stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut ready = [0; 6];
    out.read_exact(&mut ready).unwrap();
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "told\n");
    assert_eq!(child.wait().unwrap().code(), Some(5));
}

#[test]
pub(crate) fn nothing_is_left_of_a_proxy_that_was_killed() {
    if program("nothing_is_left_of_a_proxy_that_was_killed", "sh").is_none() {
        return;
    }
    let bench = Bench::new();
    let mut command = bench.command();
    command.args(["sh", "-c", "sleep 1000 & echo $$ $!; wait"]);
    command.stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut pids = String::new();
    while !pids.ends_with('\n') {
        let mut byte = [0];
        out.read_exact(&mut byte).unwrap();
        pids.push(char::from(byte[0]));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    for pid in pids.split_whitespace() {
        let process = Path::new("/proc").join(pid);
        while process.exists() && !is_zombie(&process) {
            assert!(Instant::now() < until, "{pid} is still there");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Where nobody reaps orphans, one that has ended stays in the table.
fn is_zombie(process: &Path) -> bool {
    let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
    stat.rsplit(')').next().is_none_or(|rest| rest.trim_start().starts_with('Z'))
}
