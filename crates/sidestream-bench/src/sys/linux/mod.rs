//! Linux: `perf_event_open` by thread, and `/proc`.

mod bpf;
mod proc;

use std::time::Duration;
use std::{fs, io};

use perf_event::events::{Hardware, Software};
use perf_event::{Builder, Counter};

use self::proc::{Stat, resident};
use crate::counters::Source;

pub(crate) use self::bpf::{Counting, held_entries, held_programs, programs};

/// The counters of a thread, and of all threads and processes that it starts from now on.
#[derive(Debug)]
pub(crate) struct Thread {
    instructions: Option<Counter>,
    clock: Counter,
}

impl Thread {
    /// Begins to count; thread 0 is the calling one.
    pub(crate) fn observe(tid: u32, source: Source) -> io::Result<Self> {
        let open = |mut builder: Builder<'_>| {
            builder.observe_pid(tid.cast_signed()).any_cpu().inherit(true).enabled(true);
            builder.exclude_kernel(source != Source::All).exclude_hv(source != Source::All);
            builder.build()
        };
        let instructions = source.counts().then(|| open(Builder::new(Hardware::INSTRUCTIONS)));
        let clock = open(Builder::new(Software::TASK_CLOCK))?;
        Ok(Self { instructions: instructions.transpose()?, clock })
    }

    /// Gives the instructions and the time on a processor so far.
    pub(crate) fn read(&mut self) -> io::Result<(Option<u64>, Duration)> {
        let instructions = self.instructions.as_mut().map(read).transpose()?;
        Ok((instructions, Duration::from_nanos(self.clock.read()?)))
    }
}

/// Reads a counter of the hardware, of which there are few.
fn read(counter: &mut Counter) -> io::Result<u64> {
    let counted = counter.read_full()?;
    let (enabled, running) = (counted.time_enabled(), counted.time_running());
    Ok(match (enabled, running) {
        // Others use the counter too, so it had its turns.
        (Some(enabled), Some(running)) if running < enabled && !running.is_zero() => {
            (counted.count() as f64 * enabled.as_secs_f64() / running.as_secs_f64()) as u64
        }
        _ => counted.count(),
    })
}

/// Lists all processes with their parents.
pub(crate) fn processes() -> io::Result<Vec<(u32, u32)>> {
    let pids = numbers("/proc")?;
    Ok(pids.into_iter().filter_map(|pid| Some((pid, stat(pid)?.parent))).collect())
}

/// Lists the threads of a process; one that has ended has none.
pub(crate) fn threads(pid: u32) -> Vec<u32> {
    numbers(&format!("/proc/{pid}/task")).unwrap_or_default()
}

/// Gives the time that all threads of a process had a processor, to 10 ms.
pub(crate) fn cpu_time(pid: u32) -> Duration {
    stat(pid).map_or(Duration::ZERO, |stat| stat.cpu_time)
}

/// Gives what a process holds of memory.
pub(crate) fn resident_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status"));
    status.ok().and_then(|status| resident(&status)).unwrap_or(0)
}

/// Gives how many descriptors a process has open.
pub(crate) fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

fn stat(pid: u32) -> Option<Stat> {
    Stat::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn numbers(folder: &str) -> io::Result<Vec<u32>> {
    let entries = fs::read_dir(folder)?;
    let number = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    Ok(entries.filter_map(number).collect())
}
