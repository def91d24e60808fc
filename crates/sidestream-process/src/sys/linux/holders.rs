//! From a socket's inode to a process.

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;

/// The most sockets that are remembered; then all are forgotten.
const MAX_KEPT: usize = 16 * 1024;

/// Finds the processes that hold sockets.
///
/// A look at a process costs a system call for each of its descriptors, so every socket seen on
/// the way is remembered: a program that opens a thousand connections at once is looked at a few
/// times only. What is remembered is not trusted before it is seen again.
#[derive(Debug, Default)]
pub struct Holders {
    kept: HashMap<u32, (u32, i32)>,
}

impl Holders {
    /// Finds a process among `pids` that holds the socket, the first if there are several.
    pub fn find(&mut self, inode: u32, pids: impl IntoIterator<Item = u32>) -> Option<u32> {
        if let Some(&(pid, fd)) = self.kept.get(&inode)
            && socket(&format!("/proc/{pid}/fd/{fd}")) == Some(inode)
        {
            return Some(pid);
        }
        if self.kept.len() > MAX_KEPT {
            self.kept.clear();
        }
        self.kept.remove(&inode);
        pids.into_iter().find(|&pid| {
            self.read(pid);
            self.kept.contains_key(&inode)
        })
    }

    fn read(&mut self, pid: u32) {
        for (fd, inode) in descriptors(pid) {
            self.kept.entry(inode).or_insert((pid, fd));
        }
    }
}

/// Iterates over the inodes of the sockets that a process holds.
pub(super) fn sockets(pid: u32) -> impl Iterator<Item = u32> {
    descriptors(pid).map(|(_fd, inode)| inode)
}

fn descriptors(pid: u32) -> impl Iterator<Item = (i32, u32)> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let fd = entry.file_name().to_str()?.parse().ok()?;
        Some((fd, socket(&format!("/proc/{pid}/fd/{fd}"))?))
    })
}

fn socket(path: &str) -> Option<u32> {
    let target = fs::read_link(path).ok()?;
    let number = target.as_os_str().as_bytes().strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    str::from_utf8(number).ok()?.parse().ok()
}
