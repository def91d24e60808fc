//! Where a process runs: its control group, its container, its network namespace.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

use sidestream_process::Table;
use sidestream_testkit::skip;

use crate::child::{Child, eventually};

/// Control groups of a test's own, which go with it.
struct Groups {
    root: PathBuf,
    made: Vec<PathBuf>,
}

impl Groups {
    /// Makes the groups of a path below a new one; `None` without the right to.
    fn make(path: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let mut mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let root = PathBuf::from(mounts.find(|fields| fields[2] == "cgroup2")?[1]);
        let mut groups = Self { root: root.clone(), made: Vec::new() };
        let mut folder = root.join(format!("test-{}", std::process::id()));
        for name in std::iter::once("").chain(path.split('/')) {
            folder.push(name);
            fs::create_dir(&folder).ok()?;
            groups.made.push(folder.clone());
        }
        Some(groups)
    }

    fn path(&self) -> PathBuf {
        let innermost = self.made.last().unwrap().strip_prefix(&self.root).unwrap();
        PathBuf::from("/").join(innermost)
    }

    fn take(&self, pid: u32) -> bool {
        fs::write(self.made.last().unwrap().join("cgroup.procs"), pid.to_string()).is_ok()
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for folder in self.made.iter().rev() {
            // Until the processes in it have gone wholly, a group is busy.
            eventually(|| fs::remove_dir(folder).ok());
        }
    }
}

#[test]
fn the_control_group_is_told_with_unit_and_container() {
    let name = "the_control_group_is_told_with_unit_and_container";
    let id = "3f6785b9e4a1c0d2f8e7b6a5948372615f0e9d8c7b6a594837261504f3e2d1c0";
    let scope = format!("docker-{id}.scope");
    let Some(groups) = Groups::make(&format!("system.slice/{scope}")) else {
        return skip(name, "control groups cannot be made");
    };
    let Some(mut child) = Child::start(name, "print('here', flush=True); input()") else { return };
    child.line();
    let table = Table::open().unwrap();
    assert_eq!(table.process(child.pid()).unwrap().container, None);
    if !groups.take(child.pid()) {
        drop(child);
        return skip(name, "a process cannot be moved");
    }
    let moved = eventually(|| table.process(child.pid()).filter(|now| now.container.is_some()));
    drop(child);
    assert_eq!(moved.cgroup, Some(groups.path()));
    assert_eq!(moved.unit, Some(scope));
    let container = moved.container.as_ref().unwrap();
    assert_eq!((container.id.as_str(), container.runtime.as_deref()), (id, Some("docker")));
}

#[test]
fn the_network_namespace_is_told_by_its_inode() {
    let name = "the_network_namespace_is_told_by_its_inode";
    let table = Table::open().unwrap();
    let ours = table.process(std::process::id()).unwrap().netns.unwrap();
    assert_eq!(ours, fs::metadata("/proc/self/ns/net").unwrap().ino());
    let mut command = Command::new("unshare");
    let command = command.args(["-rn", "sh", "-c", "echo here; read line"]);
    let Some(mut child) = Child::start_by(name, command) else { return };
    if child.line() != "here" {
        return skip(name, "no namespace can be made");
    }
    let theirs = table.process(child.pid()).unwrap().netns.unwrap();
    assert_ne!(theirs, ours);
    assert_eq!(theirs, fs::metadata(format!("/proc/{}/ns/net", child.pid())).unwrap().ino());
}
