//! Running one test again in a process of its own, which may give up what others need.

use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

/// Says to the other process that it is the one.
const MARK: &str = "SIDESTREAM_TEST_AGAIN";

/// Returns whether this is the process of its own.
pub(crate) fn is_again() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Makes a process that runs that test only.
pub(crate) fn again(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(MARK, "1");
    command
}

/// Runs that test as nobody.
pub(crate) fn as_nobody(test: &str) -> Output {
    as_nobody_with(test, [])
}

/// Runs that test as nobody with those variables, and where it may be.
pub(crate) fn as_nobody_with<const N: usize>(test: &str, variables: [(&str, String); N]) -> Output {
    let mut command = again(test);
    command.envs(variables).env_remove("XDG_RUNTIME_DIR").current_dir("/");
    command.uid(65534).gid(65534).output().unwrap()
}

#[track_caller]
pub(crate) fn assert_passed(output: &Output) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
