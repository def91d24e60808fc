//! Helpers that do not come as they should, and one that does.

use std::error::Error;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sidestream_os::{Options, StartError, start_os_proxy};
use sidestream_testkit::{is_root, skip};
use tempfile::TempDir;

use crate::again::{again, assert_passed, is_again};

const PYTHON: &str = "/usr/bin/python3";

/// Writes a helper that is a shell script.
fn script(words: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sidestream-helper");
    fs::write(&path, format!("#!/bin/sh\n{words}\n")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    (folder, path)
}

async fn start(helper: &Path) -> StartError {
    let mut options = Options::default();
    options.helper = Some(helper.into());
    start_os_proxy(&"curl".parse().unwrap(), &options).await.unwrap_err()
}

fn able(test: &str) -> bool {
    // Others have to ask for a password.
    let able = is_root();
    if !able {
        skip(test, "not root");
    }
    able
}

#[tokio::test]
async fn the_last_words_of_a_helper_that_dies_are_told() {
    if !able("the_last_words_of_a_helper_that_dies_are_told") {
        return;
    }
    let (_folder, helper) = script("echo 'BPF is not allowed here' >&2; exit 3");
    let error = start(&helper).await;
    assert_eq!(error.to_string(), "the helper ended: BPF is not allowed here");
    let (_folder, helper) = script("exit 3");
    assert_eq!(start(&helper).await.to_string(), "the helper ended: exit status: 3");
}

#[tokio::test]
async fn the_helper_is_told_where_to_find_whom() {
    if !able("the_helper_is_told_where_to_find_whom") {
        return;
    }
    let (_folder, helper) =
        script("echo \"$1 $2 $4 $5\" >&2; test -S \"$3\" && stat -c %a \"$(dirname \"$3\")\" >&2");
    let error = start(&helper).await;
    assert_eq!(error.to_string(), "the helper ended: serve --socket --uid 0; 700");
}

// The time stands still until nothing else is left to wait for.
#[tokio::test(start_paused = true)]
async fn a_helper_that_never_comes_is_given_up_and_ended() {
    if !able("a_helper_that_never_comes_is_given_up_and_ended") {
        return;
    }
    let (folder, helper) = script("echo $$ >\"$0.pid\"; exec sleep 1000");
    let error = start(&helper).await;
    assert!(error.to_string().starts_with("the helper did not connect within 10 s"), "{error}");
    let pid = fs::read_to_string(folder.path().join("sidestream-helper.pid"));
    // It may have been ended before it got so far.
    if let Ok(pid) = pid {
        assert!(!Path::new("/proc").join(pid.trim()).exists());
    }
}

#[tokio::test]
async fn a_helper_that_hangs_up_at_once_is_told_apart() {
    let test = "a_helper_that_hangs_up_at_once_is_told_apart";
    if !able(test) {
        return;
    }
    if fs::metadata(PYTHON).is_err() {
        return skip(test, "no /usr/bin/python3 here");
    }
    let connect = "/usr/bin/python3 -c 'import socket, sys; \
        socket.socket(socket.AF_UNIX).connect(sys.argv[1]); sys.exit(\"no beat\")' \"$3\"";
    let (_folder, helper) = script(connect);
    assert_eq!(start(&helper).await.to_string(), "the helper ended: no beat");
}

#[tokio::test]
async fn a_helper_that_is_not_there_or_no_program_is_named() {
    let error = start(Path::new("/nonexistent/helper")).await;
    assert_eq!(error.to_string(), "there is no helper at /nonexistent/helper, name another one");
    if !able("a_helper_that_is_not_there_or_no_program_is_named") {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = start(file.path()).await;
    assert!(matches!(error, StartError::Spawn { .. }), "{error}");
    assert!(error.source().is_some());
}

/// Runs a test again as nobody, away from any terminal and desktop.
fn as_nobody_alone(test: &str) -> bool {
    if is_root() && !is_again() {
        let mut command = again(&format!("start::{test}"));
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env_remove("XDG_RUNTIME_DIR");
        command.current_dir("/").uid(65534).gid(65534);
        let away = || {
            // SAFETY: the call takes no pointers.
            unsafe { libc::setsid() };
            Ok(())
        };
        // SAFETY: a child may make that one call before it becomes another program.
        unsafe { command.pre_exec(away) };
        assert_passed(&command.output().unwrap());
    } else if !is_again() {
        skip(test, "not root");
    }
    is_again()
}

#[tokio::test]
async fn who_has_no_rights_and_cannot_be_asked_is_told_of_all_ways() {
    if !as_nobody_alone("who_has_no_rights_and_cannot_be_asked_is_told_of_all_ways") {
        return;
    }
    let (_folder, helper) = script("exit 1");
    let error = start(&helper).await;
    assert!(matches!(error, StartError::NoRights), "{error}");
    for way in ["root", "sudo", "pkexec", "sidestream helper install"] {
        assert!(error.to_string().contains(way), "{error}");
    }
}

#[tokio::test]
async fn no_new_privs_is_named() {
    if !as_nobody_alone("no_new_privs_is_named") {
        return;
    }
    // SAFETY: the call takes no pointers, and this process runs nothing but this test.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    let (_folder, helper) = script("exit 1");
    let error = start(&helper).await;
    assert!(matches!(error, StartError::NoNewPrivs), "{error}");
    assert!(error.to_string().starts_with("NoNewPrivs is set"), "{error}");
}

/// Runs a program on a terminal of its own.
const ON_TERMINAL: &str = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";

/// Runs a test again as nobody on a terminal, where `sudo` is that script; returns what it told.
fn as_nobody_with_sudo(test: &str, words: &str) -> Option<String> {
    if !is_root() || fs::metadata(PYTHON).is_err() {
        skip(test, "not root, or no /usr/bin/python3");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let sudo = folder.path().join("sudo");
    fs::write(&sudo, format!("#!/bin/sh\n{words}\n")).unwrap();
    fs::set_permissions(&sudo, Permissions::from_mode(0o755)).unwrap();
    let inner = again(&format!("start::{test}"));
    let mut command = Command::new(PYTHON);
    command.args(["-c", ON_TERMINAL]).arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        command.env(name, value.unwrap());
    }
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    command.env("PATH", path).env_remove("XDG_RUNTIME_DIR").current_dir("/");
    let output = command.stdin(Stdio::null()).uid(65534).gid(65534).output().unwrap();
    assert_passed(&output);
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn on_a_terminal_sudo_is_asked_and_what_for_is_said_before() {
    let test = "on_a_terminal_sudo_is_asked_and_what_for_is_said_before";
    if is_again() {
        let (_folder, helper) = script("echo \"$1 $4 $5\" >&2");
        let error = start(&helper).await;
        assert_eq!(error.to_string(), "the helper ended: asked; serve --uid 65534");
        return;
    }
    let Some(told) = as_nobody_with_sudo(test, "echo asked >&2\nexec \"$@\"") else { return };
    assert!(told.contains("sidestream: sudo may ask for a password"), "{told}");
}

/// A program that nobody here started comes first; then the helper tells what that was answered.
const STRANGER_FIRST: &str = r#"
said=$(mktemp)
(setsid /usr/bin/python3 -c '
import os, socket, sys, time
while not os.path.exists(sys.argv[2] + ".go"):
    time.sleep(0.01)
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
open(sys.argv[2], "w").write("answered %r" % s.recv(1))' "$4" "$said" &)
# Its parent has ended, so it descends from nobody here.
touch "$said.go"
until test -s "$said"; do sleep 0.01; done
cat "$said" >&2
rm "$said" "$said.go""#;

#[tokio::test]
async fn a_program_of_the_user_that_is_not_the_helper_is_sent_away() {
    let test = "a_program_of_the_user_that_is_not_the_helper_is_sent_away";
    if is_again() {
        let (_folder, helper) = script("exit 1");
        let error = start(&helper).await;
        assert_eq!(error.to_string(), "the helper ended: answered b''");
        return;
    }
    as_nobody_with_sudo(test, STRANGER_FIRST);
}
