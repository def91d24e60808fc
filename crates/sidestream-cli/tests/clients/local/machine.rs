//! What a helper holds of the machine, and whether it is still there.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

/// The kernel objects that a helper holds, by which capturing would be noticed.
///
/// Other tests capture at the same time, so it is looked for these and not for any.
#[derive(Debug, Default)]
pub(crate) struct Held {
    helper: u32,
    programs: BTreeSet<String>,
    devices: BTreeSet<String>,
}

impl Held {
    /// Looks through the helper's descriptors.
    pub(crate) fn by(helper: u32) -> Self {
        let mut held = Self { helper, ..Self::default() };
        for info in std::fs::read_dir(format!("/proc/{helper}/fdinfo")).unwrap().flatten() {
            let text = std::fs::read_to_string(info.path()).unwrap_or_default();
            for line in text.lines() {
                match line.split_once(':').map(|(name, value)| (name, value.trim())) {
                    Some(("prog_id", id)) => _ = held.programs.insert(id.to_owned()),
                    Some(("iff", name)) => _ = held.devices.insert(name.to_owned()),
                    _ => {}
                }
            }
        }
        assert!(!held.programs.is_empty(), "no programs: {held:?}");
        held
    }

    /// Names what of it is still there.
    pub(crate) fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        if PathBuf::from(format!("/proc/{}", self.helper)).exists() {
            left.push(format!("helper {}", self.helper));
        }
        let programs = listing("bpftool", &["prog", "list"]);
        let ids: BTreeSet<_> = programs.lines().filter_map(|line| line.split_once(": ")).collect();
        let is_there = |id: &&String| ids.iter().any(|(found, _)| found == id);
        left.extend(self.programs.iter().filter(is_there).map(|id| format!("program {id}")));
        let listings = [
            listing("ip", &["-o", "link"]),
            listing("ip", &["-4", "route", "show", "table", "all"]),
            listing("ip", &["-6", "route", "show", "table", "all"]),
        ];
        for line in listings.iter().flat_map(|listing| listing.lines()) {
            let mut words = line.split([' ', ':', '@']);
            if words.any(|word| self.devices.contains(word)) {
                left.push(line.to_owned());
            }
        }
        left
    }
}

fn listing(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

/// What is on the machine whether or not somebody captures: rules, what is pinned, and files.
pub(crate) fn lasting() -> Vec<String> {
    let rules = [listing("ip", &["rule"]), listing("ip", &["-6", "rule"])];
    let mut lasting: Vec<_> =
        rules.iter().flat_map(|rules| rules.lines()).map(String::from).collect();
    for folder in ["/sys/fs/bpf", "/run", "/run/user/0", "/sys/fs/cgroup"] {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        lasting.extend(entries.map(|entry| entry.path().display().to_string()));
    }
    lasting.sort();
    lasting
}
