//! The eBPF programs and maps that processes hold, as the kernel counts them.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::{fs, io};

use aya::maps::{Array, HashMap, Map, MapData, MapError, MapInfo};
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

/// Counts what the maps of these processes' programs hold for connections, by what it is.
///
/// A map that only programs hold counts as well: the helper has some in its memory and closed them.
pub(crate) fn held_entries(pids: &[u32]) -> io::Result<BTreeMap<&'static str, u64>> {
    let ids = held_programs(pids);
    let mut maps = BTreeSet::new();
    for program in loaded_programs().flatten().filter(|program| ids.contains(&program.id())) {
        maps.extend(program.map_ids().map_err(io::Error::other)?.into_iter().flatten());
    }
    let mut entries = BTreeMap::new();
    for id in maps {
        count(id, &mut entries).map_err(io::Error::other)?;
    }
    Ok(entries)
}

/// Counts the entries of one map, if it is one of those that hold something for connections.
fn count(id: u32, entries: &mut BTreeMap<&'static str, u64>) -> Result<(), MapError> {
    let name = MapInfo::from_id(id)?.name_as_str().unwrap_or_default().to_owned();
    let data = || MapData::from_id(id);
    match name.as_str() {
        "cells" => {
            let cells: Array<_, [u32; 2]> = Map::Array(data()?).try_into()?;
            let (mut used, mut homed) = (0, 0);
            for cell in cells.iter() {
                let [state, of_home] = cell?;
                used += u64::from(state != 0);
                homed += u64::from(of_home);
            }
            entries.extend([("slots in use", used), ("slots with a home", homed)]);
        }
        "queues" => {
            let queues: Array<_, [u64; 2]> = Map::Array(data()?).try_into()?;
            let mut waiting = 0;
            for queue in queues.iter() {
                let [diverted, accepted] = queue?;
                waiting += diverted.abs_diff(accepted);
            }
            entries.insert("connections waiting", waiting);
        }
        "udp_flows" => {
            let flows: HashMap<_, [u8; 32], u32> = Map::HashMap(data()?).try_into()?;
            entries.insert("slots far from home", flows.keys().count() as u64);
        }
        _ => {}
    }
    Ok(())
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
