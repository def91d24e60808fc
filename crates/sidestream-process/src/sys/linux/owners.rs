//! From a flow to the process that opened it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use sidestream_flow::{FlowKey, Process};

use super::holders::Holders;
use super::stat;
use super::{Sockets, Table};
use crate::Scope;

/// Finds the process that opened a flow: the kernel is asked for the very socket, and the
/// processes for who holds it, those first that opened others before.
///
/// A process that has closed the socket already, as one that sends a single datagram and ends, is
/// not known. It is never guessed.
#[derive(Debug)]
pub struct Owners {
    sockets: Sockets,
    table: Table,
    scope: Scope,
    holders: Mutex<Holders>,
}

impl Owners {
    /// Looks for the processes behind these sockets.
    pub fn new(sockets: Sockets, table: Table, scope: Scope) -> Self {
        Self { sockets, table, scope, holders: Mutex::default() }
    }

    /// Finds the process that opened a flow; `None` if it has closed its socket already.
    ///
    /// # Errors
    ///
    /// The kernel does not answer.
    pub fn find(&self, key: &FlowKey) -> io::Result<Option<Arc<Process>>> {
        let Some(held) = self.sockets.find(key)? else { return Ok(None) };
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match self.scope {
            Scope::All => holders.find(held.inode, stat::newest_first(held.uid)),
            Scope::Below(root) => holders.find(held.inode, stat::descendants(root)),
        };
        drop(holders);
        Ok(found.and_then(|pid| self.table.process(pid)))
    }

    /// Returns the sockets that are asked about.
    pub fn sockets(&self) -> &Sockets {
        &self.sockets
    }
}
