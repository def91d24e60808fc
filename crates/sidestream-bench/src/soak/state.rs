//! What the proxy and its helper hold of the machine.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Context;

use crate::counters::tree;
use crate::sys;

/// What the hooks hold for each connection, as it is called here.
pub(super) const SLOTS: &str = "slots in use";

/// What all processes of a proxy hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Resident memory in KB, and descriptors, by process: the proxy's first.
    pub(super) processes: Vec<(u64, usize)>,
    /// How much of each kind of thing the hooks hold for connections.
    pub(super) entries: BTreeMap<&'static str, u64>,
}

impl State {
    /// Looks at a process and its descendants.
    pub(super) fn of(root: u32) -> anyhow::Result<Self> {
        let pids = tree(&sys::processes()?, root, None);
        let entries = sys::held_entries(&pids).context("counting what the hooks hold")?;
        let of = |&pid: &u32| (sys::resident_kb(pid), sys::descriptors(pid));
        Ok(Self { processes: pids.iter().map(of).collect(), entries })
    }

    /// How many slots are in use; `None` if there are no hooks to ask.
    pub(super) fn slots(&self) -> Option<u64> {
        self.entries.get(SLOTS).copied()
    }

    /// Whether the hooks hold nothing for any connection.
    pub(super) fn holds_nothing(&self) -> bool {
        self.entries.values().all(|count| *count == 0)
    }

    /// How many descriptors there are.
    pub(super) fn descriptors(&self) -> usize {
        self.processes.iter().map(|(_, descriptors)| descriptors).sum()
    }

    /// The memory of all processes in KB.
    pub(super) fn resident_kb(&self) -> u64 {
        self.processes.iter().map(|(resident, _)| resident).sum()
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (resident, descriptors) in &self.processes {
            write!(f, "{:.1} MB {descriptors} descriptors, ", *resident as f64 / 1024.0)?;
        }
        let entries: Vec<_> =
            self.entries.iter().map(|(name, count)| format!("{count} {name}")).collect();
        f.write_str(&entries.join(", "))
    }
}
