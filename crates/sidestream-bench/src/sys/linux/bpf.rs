//! The eBPF programs and maps that processes hold, as the kernel counts them.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::{fs, io};

use aya::maps::loaded_maps;
use aya::programs::loaded_programs;
use aya::sys::{Stats, enable_stats};

use crate::sys::Program;

/// While it is there the kernel counts how often and how long programs run, which costs a little.
#[derive(Debug)]
pub(crate) struct Counting {
    _descriptor: OwnedFd,
}

impl Counting {
    /// Begins to count, machine-wide.
    pub(crate) fn begin() -> io::Result<Self> {
        let descriptor = enable_stats(Stats::RunTime).map_err(io::Error::other)?;
        Ok(Self { _descriptor: descriptor })
    }
}

/// Lists the ids of the programs that these processes hold, also those that they hold by a link.
pub(crate) fn held_programs(pids: &[u32]) -> BTreeSet<u32> {
    held(pids, "prog_id:").into_keys().collect()
}

/// Tells of the programs with these ids.
pub(crate) fn programs(ids: &BTreeSet<u32>) -> Vec<Program> {
    // Those of others may go meanwhile.
    let held = loaded_programs().flatten().filter(|program| ids.contains(&program.id()));
    let programs = held.map(|program| Program {
        name: program.name_as_str().unwrap_or_default().to_owned(),
        time: program.run_time(),
        runs: program.run_count(),
    });
    programs.collect()
}

/// Lists the maps that these processes hold, and how much memory each takes.
///
/// From Linux 6.4 on, a map that is made as it is filled takes the least when it is empty.
pub(crate) fn maps(pids: &[u32]) -> BTreeMap<String, u64> {
    let held = held(pids, "map_id:");
    let mut maps = BTreeMap::new();
    for map in loaded_maps().flatten() {
        let memory = held.get(&map.id()).and_then(|text| field(text, "memlock:"));
        if let Some((memory, name)) = memory.zip(map.name_as_str()) {
            maps.insert(name.to_owned(), memory);
        }
    }
    maps
}

/// Gives what is told of the descriptors of these processes, by the number that `name` gives.
fn held(pids: &[u32], name: &str) -> BTreeMap<u32, String> {
    let folders = pids.iter().flat_map(|pid| fs::read_dir(format!("/proc/{pid}/fdinfo")));
    let texts = folders.flatten().flatten().filter_map(|one| fs::read_to_string(one.path()).ok());
    texts.filter_map(|text| Some((field(&text, name)?.try_into().ok()?, text))).collect()
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_told_of_a_descriptor() {
        let text = "pos:\t0\nflags:\t02\nmemlock:\t4195200\nmap_id:\t18675\n";
        assert_eq!((field(text, "map_id:"), field(text, "memlock:")), (Some(18675), Some(4195200)));
        assert_eq!(field(text, "prog_id:"), None);
    }
}
