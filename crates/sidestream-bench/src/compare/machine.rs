//! The machine on which a comparison was made.

use std::{fs, thread};

use serde::Serialize;

/// What figures depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Machine {
    /// The processor's name.
    pub(super) processor: String,
    /// How many processors there are.
    pub(super) processors: usize,
    /// The kernel's release.
    pub(super) kernel: String,
    /// The memory.
    pub(super) memory_mb: u64,
    /// How many processes wanted a processor, on average of the last minute.
    pub(super) load: String,
}

impl Machine {
    pub(super) fn read() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let memory_kb: u64 = memory.trim_end_matches("kB").trim().parse().unwrap_or(0);
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name"),
            processors: thread::available_parallelism().map_or(0, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            memory_mb: memory_kb / 1024,
            load: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
        }
    }
}

/// Finds the first `name: value` of a list.
fn field(text: &str, name: &str) -> String {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    let found = pairs.find(|(key, _)| key.trim() == name);
    found.map_or_else(String::new, |(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_field() {
        let text = "processor\t: 0\nmodel name\t: AMD EPYC\nmodel name\t: other\n";
        assert_eq!(field(text, "model name"), "AMD EPYC");
        assert_eq!(field(text, "flags"), "");
    }
}
