//! The processes below the keeper, found and signalled without allocating.

use std::ffi::CStr;
use std::io::{Cursor, Write};
use std::os::fd::AsFd;

use super::raw;

/// The most processes of the machine that are looked at. Past it, the rest is found when the
/// first have ended.
const MAX_PROCESSES: usize = 32 * 1024;

/// Room for the processes of the machine.
pub(super) struct Processes {
    all: Box<[Process]>,
}

#[derive(Clone, Copy, Default)]
struct Process {
    pid: i32,
    parent: i32,
    ours: bool,
}

impl Processes {
    pub(super) fn new() -> Self {
        Self { all: vec![Process::default(); MAX_PROCESSES].into_boxed_slice() }
    }

    /// Sends a signal to every descendant of `root`.
    pub(super) fn signal_below(&mut self, root: i32, signal: i32) {
        let mut len = 0;
        let found = raw::numbers_in(c"/proc", &mut |pid, _dir| {
            if let (Some(slot), Some(parent)) = (self.all.get_mut(len), parent(pid)) {
                *slot = Process { pid, parent, ours: parent == root };
                len += 1;
            }
        });
        let Some(all) = self.all.get_mut(..len).filter(|_| found.is_ok()) else { return };
        let mut changed = true;
        while changed {
            changed = false;
            for index in 0..all.len() {
                let parent = all[index].parent;
                // The kernel lists processes by pid.
                let parent = all.binary_search_by_key(&parent, |process| process.pid);
                if !all[index].ours && parent.is_ok_and(|parent| all[parent].ours) {
                    all[index].ours = true;
                    changed = true;
                }
            }
        }
        for process in all.iter().filter(|process| process.ours) {
            // One that has just ended needs no signal.
            _ = raw::kill(process.pid, signal);
        }
    }
}

fn parent(pid: i32) -> Option<i32> {
    let mut path = [0_u8; 32];
    write!(Cursor::new(&mut path[..]), "/proc/{pid}/stat\0").ok()?;
    let file = raw::open(CStr::from_bytes_until_nul(&path).ok()?, libc::O_RDONLY, 0).ok()?;
    let mut stat = [0_u8; 512];
    let len = raw::read(file.as_fd(), &mut stat).ok()?;
    let stat = stat.get(..len)?;
    // "PID (NAME) STATE PARENT …", where the name may hold anything.
    let name_end = stat.iter().rposition(|&byte| byte == b')')?;
    let mut fields = stat.get(name_end + 2..)?.split(|&byte| byte == b' ');
    str::from_utf8(fields.nth(1)?).ok()?.parse().ok()
}
