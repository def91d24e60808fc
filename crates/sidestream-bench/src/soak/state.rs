//! What the proxy and its helper hold of the machine.

use std::collections::BTreeMap;
use std::fmt;

use crate::counters::tree;
use crate::sys;

/// The maps that hold something for each connection.
const MAPS: [&str; 5] = ["slots", "accepted", "unclaimed", "sockets", "udp_flows"];

/// What all processes of a proxy hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Resident memory in KB, and descriptors, by process: the proxy's first.
    pub(super) processes: Vec<(u64, usize)>,
    /// The memory of each map in the kernel.
    pub(super) maps: BTreeMap<String, u64>,
}

impl State {
    /// Looks at a process and its descendants.
    pub(super) fn of(root: u32) -> anyhow::Result<Self> {
        let pids = tree(&sys::processes()?, root, None);
        let mut maps = sys::maps(&pids);
        maps.retain(|name, _| MAPS.contains(&name.as_str()));
        let of = |&pid: &u32| (sys::resident_kb(pid), sys::descriptors(pid));
        Ok(Self { processes: pids.iter().map(of).collect(), maps })
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
        write!(f, "maps {} bytes", self.maps.values().sum::<u64>())
    }
}
