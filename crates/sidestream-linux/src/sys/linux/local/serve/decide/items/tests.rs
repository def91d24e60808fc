//! What the kernel decides by itself is what the spec says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sidestream_bpf::{self as bpf, Hooks, LoadOptions};
use sidestream_spec::{Fact, Facts, ProcessFacts, Spec, User, Verdict};

use super::super::super::people::People;
use super::compile;

const NAMES: [&str; 8] =
    ["curl", "curl-7", "Curl", "python3.12", "a,b", "grün", "bin/curl", "python3/cat"];

const SPECS: [&str; 44] = [
    "",
    "!0",
    "0",
    "curl",
    "!curl",
    "bin/curl",
    "n/c",
    "r",
    "curl,!curl-",
    "!curl,curl-",
    "name:curl",
    "name:curl*",
    "name:*",
    "name:*curl*",
    "name:c*l*7",
    "name:?url",
    "name:gr?n",
    "name:grün",
    "name:g*n",
    "name:bin/curl",
    "name:python3*,!name:*.1*",
    "path:/curl",
    "path:*/curl",
    "path:*curl",
    "path:/*/curl*",
    "path:*/bin/*",
    "path:*/python3/c*",
    "path:/??*",
    "path:*",
    "user:root",
    "user:0",
    "user:nobody",
    "user:65534,curl",
    "!user:root,python",
    "4294967294",
    "!pid:4294967294,curl",
    "tree:curl",
    "tree:curl,!python,!name:Curl",
    "!tree:user:nobody",
    "unit:a,curl",
    "curl,cgroup:*",
    "!container:a,curl,!name:curl",
    "port:443,!curl",
    "curl,!port:22,!host:a",
];

/// What of a spec the kernel knows only in part, and so may leave open.
fn is_loose(spec: &str) -> bool {
    spec.contains('?')
}

#[test]
fn a_program_is_decided_about_as_the_spec_says() {
    let test = "a_program_is_decided_about_as_the_spec_says";
    if !sidestream_testkit::is_root() {
        return sidestream_testkit::skip(test, "needs root");
    }
    let folder = tempfile::tempdir().unwrap();
    let programs = NAMES.map(|name| program(folder.path(), name));
    // Nothing is diverted, as no network namespace is set.
    let hooks = Hooks::load(&LoadOptions::default()).unwrap();
    let mut settled = 0;
    for (epoch, text) in (0..).zip(SPECS) {
        let spec: Spec = text.parse().unwrap();
        // Each epoch has its own half, and there is an old spec in the other one.
        hooks.set_items(epoch, compile(&spec, 0.into(), People::find_user).as_ref()).unwrap();
        hooks.set_epoch(epoch);
        for path in &programs {
            let found = decided(&hooks, path);
            let said = said(&spec, path);
            let is_open = found == bpf::Verdict::Undecided;
            assert!(found == said || is_open && is_loose(text), "{text} {path:?}: {found:?}");
            settled += usize::from(!is_open);
        }
    }
    assert!(settled > SPECS.len() * NAMES.len() * 3 / 4, "{settled}");
}

#[test]
fn a_spec_that_is_too_long_is_not_for_the_kernel() {
    let compile = |count: usize| {
        let spec = vec!["curl"; count].join(",").parse().unwrap();
        compile(&spec, Fact::Unknown, |_| None)
    };
    assert_eq!(compile(64).unwrap().items.len(), 64);
    assert_eq!(compile(65), None);
}

/// Makes a program of that name.
fn program(folder: &Path, name: &str) -> PathBuf {
    let (original, path) = (folder.join("original"), folder.join(name));
    let path = if path.is_dir() { path.join("cat") } else { path };
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    if !original.exists() {
        fs::copy("/bin/cat", &original).unwrap();
    }
    fs::hard_link(&original, &path).unwrap();
    path
}

/// Runs a program that waits, and returns what the kernel has decided when it begins.
fn decided(hooks: &Hooks, path: &Path) -> bpf::Verdict {
    let mut child = Command::new(path).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    // A spawn returns a little before the new program is decided about.
    let verdicts = std::iter::repeat_with(|| hooks.process(child.id()).unwrap())
        .take(10_000)
        .find_map(|verdicts| {
            verdicts.or_else(|| {
                std::thread::sleep(Duration::from_millis(1));
                None
            })
        });
    let verdicts = verdicts.expect("it is decided about");
    drop(child.stdin.take());
    child.wait().unwrap();
    assert_eq!(verdicts.own, verdicts.child, "{path:?}");
    verdicts.own
}

/// What the spec says of a process of which the kernel knows no more than this.
fn said(spec: &Spec, path: &Path) -> bpf::Verdict {
    let process = ProcessFacts {
        pid: 42.into(),
        user: User { uid: Some(0), name: Some("root") }.into(),
        ..ProcessFacts::default()
    };
    match spec.decide(&Facts { process: process.with_path(path), ..Facts::default() }) {
        Verdict::Intercept => bpf::Verdict::Intercept,
        Verdict::Pass => bpf::Verdict::Pass,
        Verdict::Needs(_) => bpf::Verdict::Undecided,
    }
}
