//! Reads the record of one process from its folder in `/proc` (proc(5)).

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use sidestream_flow::{Container, Process, User};

use super::cgroup::Cgroup;
use super::container_name::{self, Known};
use super::stat::Stat;
use super::user;

/// The most names that are remembered; then all are forgotten.
const MAX_NAMES: usize = 4096;

/// Names that are looked up once.
#[derive(Debug, Default)]
pub(super) struct Names {
    users: HashMap<u32, Option<String>>,
    containers: HashMap<String, Known>,
}

impl Names {
    fn user(&mut self, uid: u32) -> User {
        bound(&mut self.users);
        User { uid, name: self.users.entry(uid).or_insert_with(|| user::name(uid)).clone() }
    }

    /// Adds what the engine knows the container of a process by.
    fn name(&mut self, container: Container, pid: u32, cgroup: Option<&Path>) -> Container {
        if container.name.is_some() {
            return container;
        }
        let known = self.containers.get(&container.id).cloned().or_else(|| {
            // What is not known may be known later: a container may be read while it is made.
            let known = container_name::read(&container, pid, cgroup)?;
            bound(&mut self.containers);
            self.containers.insert(container.id.clone(), known.clone());
            Some(known)
        });
        let Known { name, image, runtime } = known.unwrap_or_default();
        let runtime = container.runtime.or_else(|| runtime.map(str::to_owned));
        Container { name, image, runtime, ..container }
    }
}

fn bound<K, V>(names: &mut HashMap<K, V>) {
    if names.len() >= MAX_NAMES {
        names.clear();
    }
}

/// Reads a process whose `stat` is known, without its package.
pub(super) fn read(
    pid: u32,
    stat: &Stat,
    started: Option<SystemTime>,
    parent: Option<Arc<Process>>,
    names: &mut Names,
) -> Process {
    let file = |name| format!("/proc/{pid}/{name}");
    let (user, effective_user) = Status::read(pid).map_or((None, None), |status| {
        let [real, effective] = status.uids;
        (Some(names.user(real)), (real != effective).then(|| names.user(effective)))
    });
    let Cgroup { path: cgroup, unit, container } =
        fs::read(file("cgroup")).map(|text| Cgroup::parse(&text)).unwrap_or_default();
    let container = container.map(|container| names.name(container, pid, cgroup.as_deref()));
    Process {
        pid,
        started,
        name: stat.name.clone(),
        path: executable(pid).map(|(path, _is_there)| path),
        args: fs::read(file("cmdline")).map(|line| split(&line)).unwrap_or_default(),
        cwd: fs::read_link(file("cwd")).ok(),
        user,
        effective_user,
        cgroup,
        unit,
        container,
        netns: fs::read_link(file("ns/net")).ok().as_deref().and_then(inode),
        package: None,
        parent,
    }
}

/// Returns the path of the executable, and whether its file is still there.
pub(super) fn executable(pid: u32) -> Option<(PathBuf, bool)> {
    fs::read_link(format!("/proc/{pid}/exe")).ok().map(without_deleted)
}

/// Takes away what the kernel adds to the path of an executable whose file has gone.
fn without_deleted(path: PathBuf) -> (PathBuf, bool) {
    match path.as_os_str().as_bytes().strip_suffix(b" (deleted)") {
        Some(bare) => (OsString::from_vec(bare.to_vec()).into(), false),
        None => (path, true),
    }
}

/// Parses where a link such as `net:[4026531833]` leads.
fn inode(link: &Path) -> Option<u64> {
    link.to_str()?.split_once(":[")?.1.strip_suffix(']')?.parse().ok()
}

fn split(line: &[u8]) -> Vec<String> {
    if line.is_empty() {
        return Vec::new();
    }
    let line = line.strip_suffix(b"\0").unwrap_or(line);
    line.split(|&byte| byte == 0).map(|arg| String::from_utf8_lossy(arg).into_owned()).collect()
}

/// What of `/proc/PID/status` is used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Status {
    /// The process that a thread is of: its own id if it is the first.
    pub(super) thread_group: u32,
    /// The real user and the effective one.
    pub(super) uids: [u32; 2],
}

impl Status {
    pub(super) fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read(format!("/proc/{pid}/status")).ok()?)
    }

    /// Parses the file; the first line has the name, which need not be text.
    fn parse(text: &[u8]) -> Option<Self> {
        let values = |key: &str| {
            let mut lines = text.split(|&byte| byte == b'\n');
            let values = lines.find_map(|line| line.strip_prefix(key.as_bytes()))?;
            Some(str::from_utf8(values).ok()?.split_ascii_whitespace().map(str::parse))
        };
        let mut uids = values("Uid:")?;
        Some(Self {
            thread_group: values("Tgid:")?.next()?.ok()?,
            uids: [uids.next()?.ok()?, uids.next()?.ok()?],
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::{Status, inode, split, without_deleted};

    #[test]
    fn arguments_keep_empty_ones() {
        assert_eq!(split(b"sh\0-c\0\0"), ["sh", "-c", ""]);
        assert_eq!(split(b""), [""; 0]);
        assert_eq!(split(b"renamed title"), ["renamed title"]);
    }

    #[test]
    fn the_status_tells_the_process_of_a_thread_and_its_users() {
        let text = b"Name:\t\xff\nTgid:\t7\nPid:\t9\nUid:\t1000\t0\t0\t0\nGid:\t5\n";
        assert_eq!(Status::parse(text), Some(Status { thread_group: 7, uids: [1000, 0] }));
        for cut in ["", "Tgid:\t7\nUid:\t-1\t0\n", "Tgid:\t7\nUid:\t0\n", "Uid:\t0\t0\n"] {
            assert_eq!(Status::parse(cut.as_bytes()), None, "{cut}");
        }
    }

    #[test]
    fn a_namespace_is_known_by_its_inode() {
        assert_eq!(inode(Path::new("net:[4026531833]")), Some(4_026_531_833));
        for none in ["net:[x]", "net:", "net:[1", ""] {
            assert_eq!(inode(Path::new(none)), None, "{none}");
        }
    }

    #[test]
    fn a_removed_executable_keeps_its_path() {
        assert_eq!(without_deleted("/bin/x (deleted)".into()), ("/bin/x".into(), false));
        assert_eq!(without_deleted("/bin/x".into()), ("/bin/x".into(), true));
    }

    proptest! {
        #[test]
        fn no_text_is_a_reason_to_panic(text in "(Uid:|Tgid:|[\t\n0-9-]){0,20}") {
            Status::parse(text.as_bytes());
            split(text.as_bytes());
            inode(Path::new(&text));
        }
    }
}
