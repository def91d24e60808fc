//! Commands that are captured, what the machine can do, and the helper.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(target_os = "linux")]
mod again;
#[cfg(target_os = "linux")]
mod install;
#[cfg(target_os = "linux")]
mod privileges;
#[cfg(target_os = "linux")]
mod start;
#[cfg(target_os = "linux")]
mod whole;

use std::fs;
use std::time::Duration;

use sidestream_capture::next_incoming;
use sidestream_os::{Command, Ended, check};
use sidestream_testkit::{TestCa, can_make_user_namespaces, is_root, skip};

/// Runs a shell script with that root to its end; no flow is served.
async fn run(script: &str, root_pem: &str) -> Ended {
    let words = ["sh", "-c", script].map(Into::into).to_vec();
    let command = Command { words, root_pem: root_pem.into(), ..Command::default() };
    let mut captured = command.launch().unwrap().start().unwrap();
    let ended = captured.running.wait().await.unwrap();
    assert!(next_incoming(&mut *captured.capture).await.unwrap().is_none());
    ended
}

fn can_run(test: &str) -> bool {
    let can = is_root() || can_make_user_namespaces();
    if !can {
        skip(test, "neither root nor user namespaces");
    }
    can
}

#[tokio::test]
async fn a_command_and_nobody_else_trusts_the_root() {
    if !can_run("a_command_and_nobody_else_trusts_the_root") {
        return;
    }
    let (ca, folder) = (TestCa::new(), tempfile::tempdir().unwrap());
    let out = folder.path().join("out");
    let script = format!("cat \"$NODE_EXTRA_CA_CERTS\" >{}", out.display());
    assert_eq!(run(&script, ca.pem()).await.code(), 0);
    let seen = fs::read_to_string(out).unwrap();
    assert!(seen.contains(ca.pem().trim()), "{seen}");
    if let Some(path) = std::env::var_os("NODE_EXTRA_CA_CERTS") {
        let outside = fs::read_to_string(path).unwrap_or_default();
        assert!(!outside.contains(ca.pem().trim()));
    }
}

#[tokio::test]
async fn the_end_of_a_command_is_known() {
    if !can_run("the_end_of_a_command_is_known") {
        return;
    }
    let ca = TestCa::new();
    let exited = run("exit 9", ca.pem()).await;
    assert_eq!((exited.code(), exited.signal()), (9, None));
    let killed = run("kill -KILL $$", ca.pem()).await;
    assert_eq!((killed.code(), killed.signal()), (137, Some(9)));
}

#[tokio::test]
async fn a_command_that_is_not_there_is_answered_as_by_a_shell() {
    if !can_run("a_command_that_is_not_there_is_answered_as_by_a_shell") {
        return;
    }
    let words = vec!["no-such-command".into()];
    let root_pem = TestCa::new().pem().to_owned();
    let error = Command { words, root_pem, ..Command::default() }.launch().unwrap_err();
    assert_eq!(error.exit_code(), Some(127));
}

#[tokio::test]
async fn a_root_that_is_none_is_refused_before_anything_runs() {
    let words = vec!["true".into()];
    let error = Command { words, ..Command::default() }.launch().unwrap_err();
    assert!(error.to_string().contains("root"), "{error}");
}

#[test]
fn what_the_machine_can_do_is_told_for_every_driver() {
    let report = check();
    assert!(!report.system.is_empty());
    assert_eq!(report.is_root, is_root());
    for driver in report.drivers {
        assert!(!driver.findings.is_empty(), "{driver:?}");
    }
}

#[tokio::test]
async fn associations_end_with_the_command() {
    let test = "associations_end_with_the_command";
    if !can_run(test) {
        return;
    }
    if fs::metadata("/bin/bash").is_err() {
        return skip(test, "no bash here");
    }
    let words = ["/bin/bash", "-c", "echo a >/dev/udp/127.0.0.1/9"].map(Into::into).to_vec();
    let root_pem = TestCa::new().pem().to_owned();
    let command = Command { words, root_pem, ..Command::default() };
    let mut captured = command.launch().unwrap().start().unwrap();
    let incoming = next_incoming(&mut *captured.capture).await.unwrap().unwrap();
    let sidestream_capture::Kind::Udp(mut association) = incoming.kind else {
        panic!("{incoming:?}")
    };
    let first = std::future::poll_fn(|cx| association.poll_recv(cx)).await.unwrap();
    assert_eq!(first.as_deref(), Some(&b"a\n"[..]));
    captured.running.wait().await.unwrap();
    let end = std::future::poll_fn(|cx| association.poll_recv(cx));
    let end = tokio::time::timeout(Duration::from_secs(30), end).await.unwrap();
    assert!(end.unwrap().is_none());
}
