//! What is on a system of the things that intercepting could leave there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::process::{descendants, program_of};
use crate::sys::{BpfKind, bpf_exists};

/// How long the kernel may take to free what nobody holds any more; only a failing trial waits
/// so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// How the control groups of the lab's own engines begin.
pub(crate) const ENGINES: &str = "sidestream-lab-";

/// Lists what is there; remembers BPF objects, so that they are found when nobody of ours holds
/// them any more. Other objects of the machine may come and go meanwhile and are not listed.
#[derive(Debug, Default)]
pub(super) struct Traces {
    objects: Mutex<BTreeSet<(BpfKind, u32)>>,
}

impl Traces {
    /// Looks at what our processes hold of the kernel.
    pub(super) fn remember(&self) {
        let held = ours().into_keys().flat_map(objects_of);
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).extend(held);
    }

    /// Lists all, a thing a line, sorted within each kind.
    pub(super) fn list(&self, folders: &[PathBuf]) -> Result<String> {
        self.remember();
        let mut lists = BTreeMap::new();
        lists.insert("link", links());
        for family in ["-4", "-6"] {
            lists.entry("route").or_insert_with(BTreeSet::new).extend(routes(family));
            let rules = said("ip", &[family, "rule"]);
            lists.entry("rule").or_insert_with(BTreeSet::new).extend(rules);
        }
        lists.insert("nft", said("nft", &["list", "tables"]));
        lists.insert("bpf", self.left());
        lists.insert("pinned", files_below(Path::new("/sys/fs/bpf")));
        lists.insert("cgroup", cgroups());
        lists.insert("mount", mounts());
        lists.insert("process", ours().into_values().collect());
        let usual = [std::env::temp_dir(), PathBuf::from("/run")];
        let files = usual.iter().chain(folders).flat_map(|folder| files_below(folder));
        // The rest of what is run there is none of ours.
        lists.insert("file", files.filter(|path| of_us(path, folders)).collect());
        let lines = lists.iter().flat_map(|(kind, list)| list.iter().map(move |one| (kind, one)));
        Ok(lines.map(|(kind, one)| format!("{kind} {one}\n")).collect())
    }

    /// Counts those remembered objects that are still there, by kind. What processes of ours hold
    /// is; what nobody holds goes a moment after its holder.
    fn left(&self) -> BTreeSet<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let held: BTreeSet<_> = ours().into_keys().flat_map(objects_of).collect();
            let remembered = self.objects.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let left: Vec<_> =
                remembered.into_iter().filter(|(kind, id)| bpf_exists(*kind, *id)).collect();
            if left.iter().all(|object| held.contains(object)) || Instant::now() > until {
                let mut counts = BTreeMap::<_, usize>::new();
                left.iter().for_each(|(kind, _)| *counts.entry(*kind).or_default() += 1);
                return counts.iter().map(|(kind, count)| format!("{kind:?} {count}")).collect();
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Finds processes that we started, or that are Sidestream's, with the names of their programs.
/// Those of another network or pid namespace are not seen, or are another host's.
fn ours() -> BTreeMap<u32, String> {
    let own = std::process::id();
    let network = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
    let started = descendants(own);
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let named = pids.filter(|pid| *pid != own).filter_map(|pid| Some((pid, program_of(pid)?)));
    let is_ours = |pid: u32, program: &str| {
        let product = program.starts_with("sidestream") && program != "sidestream-lab";
        started.contains(&pid) || (product && network(pid) == network(own))
    };
    // The traces themselves are taken by children that have ended.
    named.filter(|(pid, program)| is_ours(*pid, program)).collect()
}

/// Finds the BPF objects that a process holds.
fn objects_of(pid: u32) -> Vec<(BpfKind, u32)> {
    let infos = fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten().flatten();
    let texts = infos.filter_map(|info| fs::read_to_string(info.path()).ok());
    let object = |text: String| {
        let value = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name))?;
            value.trim().parse().ok()
        };
        // A link's text names its program, too.
        let kinds = [
            (BpfKind::Link, "link_id:"),
            (BpfKind::Map, "map_id:"),
            (BpfKind::Program, "prog_id:"),
        ];
        kinds.into_iter().find_map(|(kind, name)| Some((kind, value(name)?)))
    };
    texts.filter_map(object).collect()
}

/// Runs a program for its lines, sorted, with one space between words; none where it is missing.
fn said(program: &str, args: &[&str]) -> BTreeSet<String> {
    let output = Command::new(program).args(args).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let one_space = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.unwrap_or_default().lines().map(one_space).filter(|line| !line.is_empty()).collect()
}

/// Names of links with their flags; numbers and counters differ from run to run.
fn links() -> BTreeSet<String> {
    let lines = said("ip", &["-o", "link"]);
    let name_and_flags = |line: &String| {
        let mut words = line.split(' ').skip(1);
        Some(format!("{} {}", words.next()?.trim_end_matches(':'), words.next()?))
    };
    lines.iter().filter_map(name_and_flags).collect()
}

/// Routes of all tables, without what expires by itself.
fn routes(family: &str) -> BTreeSet<String> {
    let lines = said("ip", &[family, "route", "show", "table", "all"]);
    let lasting = |line: &String| {
        let words: Vec<_> = line.split(' ').collect();
        let expires = words.iter().position(|word| *word == "expires").unwrap_or(words.len());
        let cached = line.starts_with("multicast ff00::") || line.contains("fe80:");
        (!cached).then(|| words[..expires].join(" "))
    };
    lines.iter().filter_map(lasting).collect()
}

fn mounts() -> BTreeSet<String> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mount = |line: &str| {
        let (place, kind) = line.split_once(" - ")?;
        Some(format!("{} {}", place.split(' ').nth(4)?, kind.split(' ').next()?))
    };
    text.lines().filter_map(mount).collect()
}

/// Control groups that bear our name, without those of the lab's own engines, which may run for
/// other trials meanwhile.
fn cgroups() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut next = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = next.pop() {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        for entry in folders {
            let name = entry.file_name();
            if name.to_string_lossy().starts_with(ENGINES) {
                continue;
            }
            if name.to_string_lossy().contains("sidestream") {
                found.insert(entry.path().display().to_string());
            }
            next.push(entry.path());
        }
    }
    found
}

/// Files, sockets and empty folders below a folder; not the agents' own, which go with them.
fn files_below(folder: &Path) -> BTreeSet<String> {
    let (mut found, mut next) = (BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(folder) = next.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let what = match kind {
                kind if kind.is_dir() => "/",
                kind if kind.is_socket() => " (socket)",
                _ => "",
            };
            if kind.is_dir() {
                next.push(entry.path());
            }
            found.insert(format!("{}{what}", entry.path().display()));
        }
    }
    found
}

fn of_us(path: &str, folders: &[PathBuf]) -> bool {
    path.contains("sidestream") || folders.iter().any(|folder| Path::new(path).starts_with(folder))
}
