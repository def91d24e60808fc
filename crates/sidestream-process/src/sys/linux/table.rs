//! Processes, read from `/proc` and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use std::{fs, io};

use sidestream_flow::Process;

use super::packages::Packages;
use super::record::{self, Names, Status};
use super::stat::{self, Stat};

/// The most processes that are remembered; then all are forgotten and read anew.
const MAX_KEPT: usize = 4096;

/// The most parents that are followed; a chain is longer only while pids are being reused.
const MAX_PARENTS: usize = 256;

/// How long a record stands without a new look. What changes without a new program, such as the
/// user or the control group, is told so much later at most.
const FRESH: Duration = Duration::from_secs(1);

/// How often a process is looked at that becomes another one at that moment.
const TRIES: usize = 3;

/// Reads processes and keeps what it read.
///
/// A process is known by its id and its start, so that a reused id is never mistaken. One that
/// replaced its program (`exec`), renamed itself or lost its parent is read anew at once; what
/// changes otherwise is seen within a second. As long as nothing has changed, the same record is
/// handed out.
#[derive(Debug)]
pub struct Table {
    boot: SystemTime,
    ticks_per_second: u64,
    packages: Option<Packages>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    processes: HashMap<u32, Entry>,
    names: Names,
}

#[derive(Debug)]
struct Entry {
    stat: Stat,
    process: Arc<Process>,
    read_at: Instant,
    /// Whether the package is still to be looked up.
    lacks_package: bool,
}

impl Table {
    /// Opens the process table.
    ///
    /// # Errors
    ///
    /// There is no `/proc` here, or it is not readable.
    pub fn open() -> io::Result<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        let boot = stat.lines().find_map(|line| line.strip_prefix("btime ")?.parse().ok());
        let missing = || io::Error::new(io::ErrorKind::InvalidData, "no btime in /proc/stat");
        Ok(Self {
            boot: SystemTime::UNIX_EPOCH + Duration::from_secs(boot.ok_or_else(missing)?),
            ticks_per_second: stat::ticks_per_second(),
            packages: None,
            kept: Mutex::default(),
        })
    }

    /// Looks up the package of each program as well, though not of its parents'.
    ///
    /// Where that takes more than a few small files it is done beside the reading, which does not
    /// wait for it: until an answer is there, records go without.
    #[must_use]
    pub fn with_packages(self, packages: Packages) -> Self {
        Self { packages: Some(packages), ..self }
    }

    /// Returns the process with that id, or that a thread with that id is of, and its parents;
    /// `None` if there is none.
    pub fn process(&self, pid: u32) -> Option<Arc<Process>> {
        let stat = Stat::read(pid)?;
        let mut kept = self.kept();
        if let Some(process) = kept.fresh(pid, &stat) {
            return Some(self.with_package(process, &mut kept));
        }
        let process = match Status::read(pid) {
            Some(status) if status.thread_group != pid => {
                self.read(status.thread_group, Stat::read(status.thread_group)?, &mut kept)
            }
            _ => self.read(pid, stat, &mut kept),
        }?;
        Some(self.with_package(process, &mut kept))
    }

    /// Returns the process with that id if it is the one that started so many nanoseconds after
    /// boot, as the kernel counts them; `None` if that one has gone.
    pub fn process_at(&self, pid: u32, started_ns: u64) -> Option<Arc<Process>> {
        let is_same = |stat: Option<Stat>| {
            stat.is_some_and(|stat| stat::same_start(started_ns, stat.started))
        };
        let found = is_same(Stat::read(pid)).then(|| self.process(pid))?;
        // Between the two looks another may have taken its place.
        found.filter(|_| is_same(Stat::read(pid)))
    }

    /// Returns all processes that run a program, by their ids: no threads of the kernel, and
    /// none that have ended.
    pub fn list(&self) -> Vec<Arc<Process>> {
        let running = stat::scan().filter(|seen| !seen.is_kernel && !seen.has_ended);
        let mut pids: Vec<u32> = running.map(|seen| seen.pid).collect();
        pids.sort_unstable();
        pids.into_iter().filter_map(|pid| self.process(pid)).collect()
    }

    /// Returns a process with its package, if it has one that is not known yet.
    ///
    /// Unlike all else here this waits for the look-up: not for a thread that others wait for.
    pub fn complete(&self, process: &Arc<Process>) -> Arc<Process> {
        let packages = self.packages.as_ref().filter(|_| process.package.is_none());
        match packages.and_then(|packages| packages.owner_of(process)) {
            Some(owner) => Arc::new(Process { package: Some(owner), ..(**process).clone() }),
            None => Arc::clone(process),
        }
    }

    /// Forgets a process, so that it is read anew: it is known to run another program now, or as
    /// another user.
    pub fn forget(&self, pid: u32) {
        self.kept().processes.remove(&pid);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the process up, as far as nothing fresh is known; then down again, each joined to its
    /// parent.
    fn read(&self, pid: u32, stat: Stat, kept: &mut Kept) -> Option<Arc<Process>> {
        let (mut line, mut known) = (vec![(pid, stat)], None);
        while line.len() < MAX_PARENTS
            && let Some((_, below)) = line.last()
            && below.parent != 0
        {
            let parent = below.parent;
            let Some(stat) = Stat::read(parent) else { break };
            known = kept.fresh(parent, &stat);
            if known.is_some() {
                break;
            }
            line.push((parent, stat));
        }
        if kept.processes.len() + line.len() > MAX_KEPT {
            kept.processes.clear();
        }
        for (pid, stat) in line.into_iter().rev() {
            known = Some(self.read_one(pid, stat, known, kept));
        }
        known
    }

    fn read_one(
        &self,
        pid: u32,
        mut stat: Stat,
        parent: Option<Arc<Process>>,
        kept: &mut Kept,
    ) -> Arc<Process> {
        let mut process = Process::default();
        for _ in 0..TRIES {
            // In milliseconds, as seconds would make a process older than it is.
            let age = stat.started.saturating_mul(1000) / self.ticks_per_second;
            let started = self.boot.checked_add(Duration::from_millis(age));
            process = record::read(pid, &stat, started, parent.clone(), &mut kept.names);
            match Stat::read(pid) {
                // It has become another while it was read: that would be a bit of both. If it
                // lost its parent, the next look will see that.
                Some(now) if now != stat && now.parent == stat.parent => stat = now,
                _ => break,
            }
        }
        let same_program = |old: &&Entry| old.stat == stat && old.process.path == process.path;
        let before = kept.processes.get(&pid).filter(same_program);
        let lacks_package =
            before.map_or_else(|| self.packages.is_some(), |before| before.lacks_package);
        process.package = before.and_then(|before| before.process.package.clone());
        let process = match kept.processes.get(&pid) {
            Some(old) if *old.process == process => Arc::clone(&old.process),
            _ => Arc::new(process),
        };
        let entry =
            Entry { stat, process: Arc::clone(&process), read_at: Instant::now(), lacks_package };
        kept.processes.insert(pid, entry);
        process
    }

    /// Adds the package if it is known by now.
    fn with_package(&self, process: Arc<Process>, kept: &mut Kept) -> Arc<Process> {
        let entry = kept.processes.get_mut(&process.pid).filter(|entry| entry.lacks_package);
        let (Some(entry), Some(packages)) = (entry, &self.packages) else { return process };
        let Some(found) = packages.known_owner_of(&process) else { return process };
        entry.lacks_package = false;
        if found.is_some() {
            entry.process = Arc::new(Process { package: found, ..(*process).clone() });
        }
        Arc::clone(&entry.process)
    }
}

impl Kept {
    /// Returns what is known of a process that looks the same as when it was read.
    fn fresh(&self, pid: u32, stat: &Stat) -> Option<Arc<Process>> {
        let entry = self.processes.get(&pid)?;
        let is_fresh = entry.stat == *stat && entry.read_at.elapsed() < FRESH;
        is_fresh.then(|| Arc::clone(&entry.process))
    }
}
