//! What a tree of processes costs, without the command that it runs.

use std::collections::HashSet;
use std::io;
use std::ops::Sub;
use std::time::Duration;

use serde::Serialize;

use crate::sys;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Instructions in programs and in the kernel, and time on a processor.
    All,
    /// Instructions in programs alone, and time on a processor.
    UserOnly,
    /// Time on a processor alone.
    CpuOnly,
    /// Time on a processor alone, in steps of 10 ms, and not of processes that have ended.
    Ticks,
}

/// What was counted until now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Instructions; `None` where they cannot be counted.
    pub instructions: Option<u64>,
    /// Time on a processor.
    pub cpu: Duration,
}

/// What was counted between two readings.
pub type Cost = Reading;

/// Counts what processes do from the moment it is attached.
#[derive(Debug)]
pub struct Meter {
    source: Source,
    threads: Vec<sys::Thread>,
    pids: Vec<u32>,
}

impl Source {
    /// Finds out how much may be counted here.
    pub fn find() -> Self {
        let works = |source: &Self| {
            let counted = sys::Thread::observe(0, *source).and_then(|mut thread| thread.read());
            counted.is_ok_and(|(instructions, _)| instructions != Some(0))
        };
        let sources = [Self::All, Self::UserOnly, Self::CpuOnly];
        sources.into_iter().find(works).unwrap_or(Self::Ticks)
    }

    /// Whether instructions are counted.
    pub(crate) fn counts(self) -> bool {
        matches!(self, Self::All | Self::UserOnly)
    }
}

impl Meter {
    /// Counts what the calling thread does, and the processes that it starts from now on.
    ///
    /// # Errors
    ///
    /// The counters cannot be opened; without any, processes that it starts cannot be told apart.
    pub fn own(source: Source) -> io::Result<Self> {
        let threads = match source {
            Source::Ticks => Vec::new(),
            _ => vec![sys::Thread::observe(0, source)?],
        };
        Ok(Self { source, threads, pids: Vec::new() })
    }

    /// Counts what `root` and its descendants do, and what they start from now on.
    ///
    /// The process `except` and its descendants are left out. It must have been
    /// started already: counters are handed down when a process is made, and so
    /// it has none.
    ///
    /// # Errors
    ///
    /// The counters cannot be opened, or there is no list of processes.
    pub fn attach(root: u32, except: Option<u32>, source: Source) -> io::Result<Self> {
        let pids = tree(&sys::processes()?, root, except);
        let mut this = Self { source, threads: Vec::new(), pids };
        if source == Source::Ticks {
            return Ok(this);
        }
        let mut known = HashSet::new();
        // A thread that is made meanwhile is found in the next turn, or has the counters of its maker.
        loop {
            let all = this.pids.iter().flat_map(|&pid| sys::threads(pid));
            let new: Vec<u32> = all.filter(|&tid| known.insert(tid)).collect();
            if new.is_empty() {
                return Ok(this);
            }
            for tid in new {
                match sys::Thread::observe(tid, source) {
                    Ok(thread) => this.threads.push(thread),
                    // It has ended.
                    Err(error) if !sys::threads(tid).contains(&tid) => drop(error),
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Reads the counters.
    ///
    /// # Errors
    ///
    /// A counter cannot be read.
    pub fn read(&mut self) -> io::Result<Reading> {
        if self.source == Source::Ticks {
            let cpu = self.pids.iter().map(|&pid| sys::cpu_time(pid)).sum();
            return Ok(Reading { instructions: None, cpu });
        }
        let mut sum =
            Reading { instructions: self.source.counts().then_some(0), cpu: Duration::ZERO };
        for thread in &mut self.threads {
            let (instructions, cpu) = thread.read()?;
            sum.instructions = sum.instructions.zip(instructions).map(|(all, its)| all + its);
            sum.cpu += cpu;
        }
        Ok(sum)
    }

    /// Gives the processes that were there when it was attached.
    pub fn pids(&self) -> &[u32] {
        &self.pids
    }

    /// Gives what the processes hold of memory, in KB of 1,024 bytes.
    pub fn resident_kb(&self) -> u64 {
        self.pids.iter().map(|&pid| sys::resident_kb(pid)).sum()
    }
}

impl Sub for Reading {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        let instructions = self.instructions.zip(earlier.instructions);
        Self {
            instructions: instructions.map(|(now, then)| now.saturating_sub(then)),
            cpu: self.cpu.saturating_sub(earlier.cpu),
        }
    }
}

/// Finds `root` and its descendants among processes and their parents, without `except` and its own.
pub(crate) fn tree(processes: &[(u32, u32)], root: u32, except: Option<u32>) -> Vec<u32> {
    let mut found = vec![root];
    let mut at = 0;
    while let Some(&parent) = found.get(at) {
        let children = processes.iter().filter(|(_, its)| *its == parent).map(|(pid, _)| *pid);
        found.extend(children.filter(|pid| Some(*pid) != except));
        at += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_the_command_out() {
        // A proxy (10) with a keeper (11) whose command (12) has a child (13); and a stranger.
        let processes = [(1, 0), (10, 1), (11, 10), (12, 11), (13, 12), (20, 1)];
        assert_eq!(tree(&processes, 10, Some(12)), [10, 11]);
        assert_eq!(tree(&processes, 10, None), [10, 11, 12, 13]);
        assert_eq!(tree(&processes, 20, None), [20]);
    }

    #[test]
    fn takes_readings_from_each_other() {
        let reading = |instructions, cpu| Reading { instructions, cpu: Duration::from_nanos(cpu) };
        assert_eq!(reading(Some(7), 9) - reading(Some(3), 4), reading(Some(4), 5));
        assert_eq!(reading(Some(3), 4) - reading(Some(7), 9), reading(Some(0), 0));
        assert_eq!(reading(None, 9) - reading(None, 4), reading(None, 5));
    }

    #[test]
    fn counts_what_a_child_does() {
        let source = Source::find();
        if source == Source::Ticks {
            return sidestream_testkit::skip("counts_what_a_child_does", "no counters here");
        }
        let mut meter = Meter::own(source).unwrap();
        let before = meter.read().unwrap();
        assert!(std::process::Command::new("true").status().unwrap().success());
        let cost = meter.read().unwrap() - before;
        assert!(cost.instructions.is_none_or(|count| count > 10_000), "{cost:?}");
        assert!(cost.cpu > Duration::ZERO);
    }
}
