//! The hooks leave nothing behind.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use sidestream_bpf::{Hooks, probe};

use crate::ground::{eventually, in_namespace, options};

/// Set for the process that holds hooks for another test.
const HOLDER: &str = "SIDESTREAM_BPF_HOLDER";

/// A process that holds hooks, with the ids of its programs and links.
struct Holder {
    child: Child,
    programs: BTreeSet<u32>,
    links: BTreeSet<u32>,
}

/// The body of that process, and nothing else as a test.
#[test]
fn holds_hooks_where_another_test_asks_for_it() {
    if std::env::var_os(HOLDER).is_none() {
        return;
    }
    let hooks = Hooks::load(&options()).unwrap();
    println!("\nloaded");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    drop(hooks);
    println!("\ndropped");
    std::io::stdin().read_line(&mut line).unwrap();
}

impl Holder {
    fn start() -> Self {
        let name = "life::holds_hooks_where_another_test_asks_for_it";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(HOLDER, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for(&mut child, "loaded");
        let (programs, links) = ids(child.id());
        Self { child, programs, links }
    }

    /// Waits until the kernel knows neither programs nor links any more.
    fn wait_until_gone(&self) {
        assert!(self.programs.len() >= 14 && self.links.len() >= 14, "{:?}", self.programs);
        let gone = eventually(|| {
            let known = |kind, ids: &BTreeSet<u32>| ids.iter().any(|id| is_known(kind, *id));
            (!known("prog", &self.programs) && !known("link", &self.links)).then_some(())
        });
        assert_eq!(gone, Some(()), "{:?}", self.programs);
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn wait_for(child: &mut Child, word: &str) {
    let mut reader = BufReader::with_capacity(1, child.stdout.as_mut().unwrap());
    let mut line = String::new();
    while line.trim_end() != word {
        line.clear();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "it ended before it was {word}");
    }
}

/// Reads which programs and links a process holds.
fn ids(pid: u32) -> (BTreeSet<u32>, BTreeSet<u32>) {
    let (mut programs, mut links) = (BTreeSet::new(), BTreeSet::new());
    for entry in fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap_or_default();
        for line in text.lines() {
            let id = |name| line.strip_prefix(name)?.trim().parse::<u32>().ok();
            programs.extend(id("prog_id:"));
            links.extend(id("link_id:"));
        }
    }
    (programs, links)
}

/// Asks the kernel whether there is such a program or link.
fn is_known(kind: &str, id: u32) -> bool {
    let id = id.to_string();
    let mut bpftool = Command::new("bpftool");
    bpftool.args([kind, "show", "id", &id]).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    bpftool.output().unwrap().status.success()
}

fn has_bpftool() -> bool {
    let mut bpftool = Command::new("bpftool");
    bpftool.arg("version").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    bpftool.output().is_ok_and(|output| output.status.success())
}

fn on_holder(name: &'static str, test: fn(Holder)) {
    if !has_bpftool() {
        return sidestream_testkit::skip(name, "needs bpftool");
    }
    in_namespace(name, move || test(Holder::start()));
}

#[test]
fn leaves_nothing_behind_when_dropped() {
    on_holder("leaves_nothing_behind_when_dropped", |mut holder| {
        writeln!(holder.child.stdin.as_mut().unwrap()).unwrap();
        wait_for(&mut holder.child, "dropped");
        holder.wait_until_gone();
    });
}

#[test]
fn leaves_nothing_behind_when_killed() {
    on_holder("leaves_nothing_behind_when_killed", |mut holder| {
        holder.child.kill().unwrap();
        holder.child.wait().unwrap();
        holder.wait_until_gone();
    });
}

#[test]
fn finds_that_this_machine_has_all_that_is_needed() {
    in_namespace("finds_that_this_machine_has_all_that_is_needed", || {
        let findings = probe();
        for finding in &findings {
            assert!(finding.outcome.is_ok(), "{finding:?}");
            assert!(finding.remedy.is_none(), "{finding:?}");
        }
        assert_eq!(findings.len(), 21);
    });
}

#[test]
fn names_what_an_ordinary_user_lacks() {
    if sidestream_testkit::is_root() {
        return sidestream_testkit::skip("names_what_an_ordinary_user_lacks", "runs as root");
    }
    let findings = probe();
    let lacking = |name| {
        findings.iter().any(|finding| finding.need.name() == name && finding.outcome.is_err())
    };
    assert!(["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"].map(lacking) == [true; 3], "{findings:?}");
    let error = Hooks::load(&options()).unwrap_err();
    assert!(error.remedy().is_some(), "{error:?}");
}
