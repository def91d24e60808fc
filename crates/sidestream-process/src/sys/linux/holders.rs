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
        let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(fd) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            if let Some(inode) = socket(&format!("/proc/{pid}/fd/{fd}")) {
                self.kept.entry(inode).or_insert((pid, fd));
            }
        }
    }
}

fn socket(path: &str) -> Option<u32> {
    let target = fs::read_link(path).ok()?;
    let number = target.as_os_str().as_bytes().strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    str::from_utf8(number).ok()?.parse().ok()
}
