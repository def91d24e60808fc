//! From a socket's inode to a process.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::os::unix::ffi::OsStrExt;

use super::stat::Stat;

/// The most sockets that are remembered; then all are forgotten.
const MAX_KEPT: usize = 16 * 1024;

/// How many processes that were found last are looked at before any other.
const MAX_RECENT: usize = 4;

/// How many descriptors around the last one that was found are tried before all are listed.
const NEIGHBORS: i32 = 4;

/// Finds the processes that hold sockets.
///
/// Of a process and the children that it shares a socket with, the process is told: also of a
/// child that has just been forked, and is about to run another program.
///
/// A look at a process costs a system call for each of its descriptors, so those are looked at
/// first that were found before, around the descriptor that was found, as a program that opens
/// one connection opens more; and every socket seen on the way is remembered. What is remembered
/// is not trusted before it is seen again.
#[derive(Debug, Default)]
pub(super) struct Holders {
    kept: HashMap<u32, (u32, i32)>,
    /// The processes that were found last, with the descriptor; the last one first.
    recent: VecDeque<(u32, i32)>,
}

impl Holders {
    /// Finds a process that holds the socket: one that was found before, or else the first among
    /// `pids`.
    pub(super) fn find(&mut self, inode: u32, pids: impl IntoIterator<Item = u32>) -> Option<u32> {
        let (found, fd) = self.known(inode).or_else(|| self.look(inode, pids))?;
        let pid = eldest(inode, found, fd);
        self.recent.retain(|&(other, _)| other != pid);
        self.recent.truncate(MAX_RECENT - 1);
        self.recent.push_front((pid, fd));
        Some(pid)
    }

    /// Finds a holder where one was seen before, or near to that.
    fn known(&mut self, inode: u32) -> Option<(u32, i32)> {
        let is_held = |&(pid, fd): &(u32, i32)| socket(pid, fd) == Some(inode);
        if let Some(kept) = self.kept.get(&inode) {
            if is_held(kept) {
                return Some(*kept);
            }
            self.kept.remove(&inode);
        }
        let mut near = self.recent.iter().flat_map(|&(pid, fd)| {
            let first = fd.saturating_sub(NEIGHBORS).max(0);
            (first..=fd.saturating_add(NEIGHBORS)).map(move |fd| (pid, fd))
        });
        near.find(is_held)
    }

    /// Looks for a holder at all descriptors, of those that were found last and then of `pids`.
    fn look(&mut self, inode: u32, pids: impl IntoIterator<Item = u32>) -> Option<(u32, i32)> {
        if self.kept.len() > MAX_KEPT {
            self.kept.clear();
        }
        let recent: Vec<u32> = self.recent.iter().map(|&(pid, _)| pid).collect();
        let others = pids.into_iter().filter(|pid| !recent.contains(pid));
        for pid in recent.iter().copied().chain(others) {
            for (fd, inode) in descriptors(pid) {
                self.kept.entry(inode).or_insert((pid, fd));
            }
            if let Some(found) = self.kept.get(&inode) {
                return Some(*found);
            }
        }
        None
    }
}

/// Goes from a process up to the first of its ancestors that shares the socket with it: a
/// descriptor keeps its number in a child.
fn eldest(inode: u32, mut pid: u32, fd: i32) -> u32 {
    while let Some(Stat { parent, .. }) = Stat::read(pid)
        && socket(parent, fd) == Some(inode)
    {
        pid = parent;
    }
    pid
}

/// Iterates over the inodes of the sockets that a process holds.
pub(super) fn sockets(pid: u32) -> impl Iterator<Item = u32> {
    descriptors(pid).map(|(_fd, inode)| inode)
}

fn descriptors(pid: u32) -> impl Iterator<Item = (i32, u32)> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let fd = entry.file_name().to_str()?.parse().ok()?;
        Some((fd, socket(pid, fd)?))
    })
}

fn socket(pid: u32, fd: i32) -> Option<u32> {
    let target = fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok()?;
    let number = target.as_os_str().as_bytes().strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    str::from_utf8(number).ok()?.parse().ok()
}
