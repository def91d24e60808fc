//! Where engines live: a folder and a control group each, removed with the engine or by the next.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How long the kernel may take to let go of a control group that nobody is in any more.
const PATIENCE: Duration = Duration::from_secs(2);

/// The home of one engine.
#[derive(Debug)]
pub(super) struct Home {
    /// Its folder.
    pub(super) folder: PathBuf,
    /// Its control group, in every hierarchy.
    pub(super) group: String,
}

impl Home {
    /// Makes one in a folder of such, and returns it with what locks it: an open file that has
    /// to be handed to the engine, and is free again as soon as all of the engine is gone.
    ///
    /// What engines left whose labs were killed goes first; it is told in words.
    pub(super) fn make(homes: &Path) -> Result<(Self, File, Vec<String>)> {
        fs::create_dir_all(homes).with_context(|| format!("making {}", homes.display()))?;
        // Else one could sweep what another has made and not locked yet.
        let all = File::create(homes.join("lock"))?;
        all.lock()?;
        let swept = sweep(homes)?;
        let id = fs::read_to_string("/proc/sys/kernel/random/uuid")?;
        let home = Self::at(homes, &id[..8]);
        fs::create_dir(&home.folder)?;
        let lock = File::create(home.folder.join("lock"))?;
        lock.lock()?;
        Ok((home, lock, swept))
    }

    fn at(homes: &Path, id: &str) -> Self {
        Self { folder: homes.join(id), group: format!("sidestream-lab-{id}") }
    }

    /// Removes the folder and the control groups; both may be gone already.
    pub(super) fn remove(&self) -> Result<()> {
        for group in self.groups() {
            remove_group(&group)?;
        }
        let removed = fs::remove_dir_all(&self.folder);
        if self.folder.exists() {
            removed.with_context(|| format!("removing {}", self.folder.display()))?;
        }
        Ok(())
    }

    /// Lists where its control group is.
    fn groups(&self) -> Vec<PathBuf> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let hierarchies = mounts.lines().filter_map(hierarchy);
        hierarchies.map(|at| Path::new(at).join(&self.group)).filter(|at| at.exists()).collect()
    }
}

/// Removes the homes of engines that are gone.
fn sweep(homes: &Path) -> Result<Vec<String>> {
    let mut swept = Vec::new();
    for entry in fs::read_dir(homes)?.flatten() {
        let id = entry.file_name().to_string_lossy().into_owned();
        let is_home = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let lock = File::open(entry.path().join("lock"));
        if is_home && lock.map_or(true, |lock| lock.try_lock().is_ok()) {
            Home::at(homes, &id).remove()?;
            swept.push(format!("removed what a killed lab had left of its engine {id}"));
        }
    }
    Ok(swept)
}

/// Returns where a line of `/proc/self/mountinfo` mounts a whole hierarchy of control groups.
fn hierarchy(line: &str) -> Option<&str> {
    let (mount, system) = line.split_once(" - ")?;
    let mut fields = mount.split(' ').skip(3);
    let (root, at) = (fields.next()?, fields.next()?);
    let is_one = system.starts_with("cgroup ") || system.starts_with("cgroup2 ");
    (is_one && root == "/").then_some(at)
}

/// Removes a control group and those below.
fn remove_group(group: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(group) else { return Ok(()) };
    for entry in entries.flatten().filter(|it| it.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_group(&entry.path())?;
    }
    let until = Instant::now() + PATIENCE;
    loop {
        match fs::remove_dir(group) {
            Err(_) if group.exists() && Instant::now() < until => {
                thread::sleep(Duration::from_millis(10));
            }
            removed if group.exists() => {
                return removed.with_context(|| format!("removing {}", group.display()));
            }
            _ => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::hierarchy;

    #[test]
    fn hierarchies_of_both_versions_are_found() {
        let check = |line: &str, at: Option<&str>| assert_eq!(hierarchy(line), at, "{line}");
        let old = "33 25 0:28 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu";
        check(old, Some("/sys/fs/cgroup/cpu"));
        let new = "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw";
        check(new, Some("/sys/fs/cgroup"));
        check("33 25 0:28 /lab /mnt rw - cgroup cgroup rw,cpu", None);
        check("24 1 0:22 / /proc rw - proc proc rw", None);
        check("", None);
    }
}
