//! Who on this machine is behind a socket.

use std::fs;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use sidestream_flow::{FlowKey, Process};
use sidestream_process::{Holders, Sockets, Table};

/// Finds the processes behind sockets of this machine.
pub(crate) struct Owners {
    sockets: Sockets,
    table: Table,
    holders: Mutex<Holders>,
}

impl Owners {
    pub(crate) fn open() -> io::Result<Self> {
        let (sockets, table) = (Sockets::open()?, Table::open()?);
        Ok(Self { sockets, table, holders: Mutex::default() })
    }

    /// Returns the process that opened the flow, if it is known and still there.
    pub(crate) fn find(&self, key: &FlowKey) -> Option<Arc<Process>> {
        let inode = self.sockets.find(key).ok()??.inode;
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = holders.find(inode, pids())?;
        drop(holders);
        self.table.process(pid)
    }
}

/// Lists every process that is seen from here, the newest first, as who connects is likely to be
/// new.
fn pids() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let mut pids: Vec<u32> = entries.filter_map(Result::ok).filter_map(pid).collect();
    pids.sort_unstable_by(|left, right| right.cmp(left));
    pids
}
