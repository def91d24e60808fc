//! Which process opened a flow.

use std::sync::{Arc, Mutex, PoisonError};

use sidestream_flow::{FlowKey, Process};
use sidestream_process::{Holders, Sockets, Table, tree};

/// Finds the process inside that opened a flow: the kernel is asked for the very socket, and the
/// tree below the keeper for who holds it.
///
/// A process that has closed the socket already, as one that sends a single datagram and ends, is
/// not known. It is never guessed.
#[derive(Debug)]
pub(super) struct Owners {
    sockets: Sockets,
    table: Table,
    keeper: u32,
    search: Mutex<Search>,
}

#[derive(Debug)]
struct Search {
    holders: Holders,
    /// Who opened the last flow most likely opens the next one.
    last: u32,
}

impl Owners {
    pub(super) fn new(sockets: Sockets, table: Table, keeper: u32, command: u32) -> Self {
        let search = Mutex::new(Search { holders: Holders::default(), last: command });
        Self { sockets, table, keeper, search }
    }

    pub(super) fn find(&self, key: &FlowKey) -> Option<Arc<Process>> {
        let held = match self.sockets.find(key) {
            Ok(held) => held?,
            Err(error) => {
                tracing::debug!(%error, "the owner of a socket cannot be asked for");
                return None;
            }
        };
        let mut search = self.search.lock().unwrap_or_else(PoisonError::into_inner);
        let last = search.last;
        let pid = search
            .holders
            .find(held.inode, [last])
            .or_else(|| search.holders.find(held.inode, tree(self.keeper)))?;
        search.last = pid;
        self.table.process(pid)
    }

    pub(super) fn sockets(&self) -> &Sockets {
        &self.sockets
    }
}
