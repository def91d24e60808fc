//! Systems whose processes cannot be read yet.

use std::io;
use std::sync::Arc;

use sidestream_flow::{FlowKey, Process, Transport};

use crate::{Holding, Listener};

fn unsupported() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "processes cannot be read on this system")
}

/// Reads processes and keeps what it read.
#[derive(Debug)]
pub struct Table(());

impl Table {
    /// Opens the process table.
    ///
    /// # Errors
    ///
    /// Always `Unsupported` on this system.
    pub fn open() -> io::Result<Self> {
        Err(unsupported())
    }

    /// Returns the process with that pid; `None` if there is none.
    pub fn process(&self, _pid: u32) -> Option<Arc<Process>> {
        None
    }
}

/// Asks the kernel about the sockets of a network namespace.
#[derive(Debug)]
pub struct Sockets(());

impl Sockets {
    /// Asks about the network namespace of the caller.
    ///
    /// # Errors
    ///
    /// Always `Unsupported` on this system.
    pub fn open() -> io::Result<Self> {
        Err(unsupported())
    }

    /// Finds the client's socket of a flow.
    ///
    /// # Errors
    ///
    /// Always `Unsupported` on this system.
    pub fn find(&self, _key: &FlowKey) -> io::Result<Option<Holding>> {
        Err(unsupported())
    }

    /// Lists the sockets that wait for anyone.
    ///
    /// # Errors
    ///
    /// Always `Unsupported` on this system.
    pub fn listeners(&self, _transport: Transport) -> io::Result<Vec<Listener>> {
        Err(unsupported())
    }
}

/// Finds the processes that hold sockets.
#[derive(Debug, Default)]
pub struct Holders(());

impl Holders {
    /// Finds a process among `pids` that holds the socket.
    pub fn find(&mut self, _inode: u32, _pids: impl IntoIterator<Item = u32>) -> Option<u32> {
        None
    }
}

/// Lists the living descendants of a process.
pub fn tree(_root: u32) -> Vec<u32> {
    Vec::new()
}
