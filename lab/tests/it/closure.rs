//! A userland of this machine's programs runs by itself, and is packed as others unpack it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use sidestream_lab::closure::{Closure, Kind, find};
use sidestream_testkit::skip;

#[test]
fn programs_of_a_userland_run_in_it_alone() {
    let name = "programs_of_a_userland_run_in_it_alone";
    let folder = tempfile::tempdir().unwrap();
    let mut closure = Closure::of(&["curl", "sh"]).unwrap();
    closure.file("tmp/page", 0o644, "from inside\n");
    unpack(&closure, folder.path());
    let script = "curl --silent file:///tmp/page && test ! -e /proc/self && echo alone";
    let Some(mut command) = chroot(folder.path()) else {
        return skip(name, "no right to change the root, and no user namespaces");
    };
    let output = command.args(["/bin/sh", "-c", script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "from inside\nalone\n");
}

#[test]
fn python_comes_with_the_modules_of_clients() {
    let name = "python_comes_with_the_modules_of_clients";
    if find("python3").is_none() {
        return skip(name, "no python3");
    }
    let folder = tempfile::tempdir().unwrap();
    unpack(&Closure::of(&["python3", "sh"]).unwrap(), folder.path());
    let Some(mut command) = chroot(folder.path()) else {
        return skip(name, "no right to change the root, and no user namespaces");
    };
    let script = "import asyncio, json, socket, ssl, urllib.request as r; \
        ssl.create_default_context(); socket.getaddrinfo('localhost', 80); print(json.dumps(r.__name__))";
    let output = command.args(["/usr/bin/python3", "-c", script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "\"urllib.request\"\n");
}

#[test]
fn cpio_reads_what_is_packed_as_cpio() {
    let name = "cpio_reads_what_is_packed_as_cpio";
    if find("cpio").is_none() {
        return skip(name, "no cpio");
    }
    let mut closure = Closure::of(&["sh"]).unwrap();
    closure.device("dev/console", 0o600, 5, 1);
    let mut packed = Vec::new();
    closure.write_cpio(&mut packed).unwrap();
    let mut cpio = Command::new("cpio");
    cpio.args(["--list", "--quiet"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = cpio.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&packed).unwrap());
    let listed = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(listed.status.success());
    let listed = String::from_utf8(listed.stdout).unwrap();
    let paths: Vec<&str> = closure.entries().map(|entry| entry.path.as_str()).collect();
    assert_eq!(listed.lines().collect::<Vec<_>>(), paths);
}

#[test]
fn folders_come_before_what_is_in_them_and_links_lead_somewhere() {
    let closure = Closure::of(&["curl", "sh"]).unwrap();
    let mut seen = BTreeSet::from([""]);
    for entry in closure.entries() {
        let parent = entry.path.rsplit_once('/').map_or("", |(parent, _)| parent);
        assert!(seen.contains(parent), "{} comes before its folder", entry.path);
        if !matches!(entry.kind, Kind::File(_)) {
            seen.insert(&entry.path);
        }
        assert!(!entry.path.starts_with('/') && !entry.path.ends_with('/'), "{}", entry.path);
    }
}

#[test]
fn the_same_programs_are_packed_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = Closure::of(&["sh"]).unwrap().cpio_in(folder.path()).unwrap();
    let made = fs::metadata(&first).unwrap().modified().unwrap();
    let again = Closure::of(&["sh"]).unwrap().cpio_in(folder.path()).unwrap();
    assert_eq!(first, again);
    assert_eq!(fs::metadata(&again).unwrap().modified().unwrap(), made);
    let mut other = Closure::of(&["sh"]).unwrap();
    other.file("etc/more", 0o644, "more");
    assert_ne!(other.cpio_in(folder.path()).unwrap(), first);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "a part is left");
}

#[test]
fn a_missing_program_is_told_with_its_package() {
    let error = Closure::of(&["no-such-program"]).unwrap_err().to_string();
    assert_eq!(
        error,
        "no program no-such-program on this machine: install the package no-such-program"
    );
}

fn unpack(closure: &Closure, folder: &Path) {
    let packed = closure.tar_in(&folder.join("packed")).unwrap();
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--no-same-owner", "--directory"]).arg(folder);
    assert!(tar.stdin(File::open(packed).unwrap()).status().unwrap().success());
}

/// A command that runs another one in a folder as its root, as root or in a user namespace.
fn chroot(folder: &Path) -> Option<Command> {
    let with = |args: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(args).arg("--root").arg(folder).env_clear().env("PATH", "/usr/bin:/bin");
        command
    };
    let ways: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
    let works = |args: &&[&str]| {
        let tried = with(args).args(["/bin/sh", "-c", ":"]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    ways.into_iter().find(works).map(with)
}
