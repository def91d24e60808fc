//! Systems whose processes cannot be read yet.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use sidestream_flow::{FlowKey, Process, Transport};

use crate::{Connection, DestroyError, Holding, Listener, Reset, Scope, Sighting};

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

    /// Looks up the package of each program as well.
    #[must_use]
    pub fn with_packages(self, _packages: Packages) -> Self {
        self
    }

    /// Returns the process with that id; `None` if there is none.
    pub fn process(&self, _pid: u32) -> Option<Arc<Process>> {
        None
    }

    /// Returns the process with that id if it is the one that started then.
    pub fn process_at(&self, _pid: u32, _started_ns: u64) -> Option<Arc<Process>> {
        None
    }

    /// Returns all processes that run a program.
    pub fn list(&self) -> Vec<Arc<Process>> {
        Vec::new()
    }

    /// Returns a process with its package.
    pub fn complete(&self, process: &Arc<Process>) -> Arc<Process> {
        Arc::clone(process)
    }

    /// Forgets a process, so that it is read anew.
    pub fn forget(&self, _pid: u32) {}
}

/// Knows which package installed a file.
#[derive(Clone, Debug, Default)]
pub struct Packages(());

impl Packages {
    /// Has read beforehand what most answers need.
    pub fn prepare(&self) {}

    /// Finds the package of a file.
    pub fn owner(&self, _path: &Path) -> Option<String> {
        None
    }

    /// Finds the package of a file if it is known already.
    pub fn known_owner(&self, _path: &Path) -> Option<Option<String>> {
        Some(None)
    }

    /// Finds the package of a process's program.
    pub fn owner_of(&self, _process: &Process) -> Option<String> {
        None
    }

    /// Finds the package of a process's program if it is known already.
    pub fn known_owner_of(&self, _process: &Process) -> Option<Option<String>> {
        Some(None)
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

    /// Would look for sockets whose packets leave through that device.
    #[must_use]
    pub fn through(self, _interface: u32) -> Self {
        self
    }

    /// Finds the client's socket of a flow.
    ///
    /// # Errors
    ///
    /// Always `Unsupported` on this system.
    pub fn find(&self, _key: &FlowKey) -> io::Result<Option<Holding>> {
        Err(unsupported())
    }

    /// Finds the socket that waits at an address for anyone.
    ///
    /// # Errors
    ///
    /// Always `Unsupported` on this system.
    pub fn listener(
        &self,
        _transport: Transport,
        _addr: SocketAddr,
    ) -> io::Result<Option<Listener>> {
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

    /// Lists the sockets that are joined to a remote one.
    ///
    /// # Errors
    ///
    /// Always `Unsupported` on this system.
    pub fn connected(&self, _transport: Transport) -> io::Result<Vec<Connection>> {
        Err(unsupported())
    }

    /// Ends a connection as if the network had.
    ///
    /// # Errors
    ///
    /// Always `Unsupported` on this system.
    pub fn destroy(&self, _connection: &Connection) -> Result<(), DestroyError> {
        Err(DestroyError::Unsupported)
    }

    /// Ends the connections of some processes that `wanted` says yes to.
    ///
    /// # Errors
    ///
    /// Always `Unsupported` on this system.
    pub fn reset(
        &self,
        _pids: &[u32],
        _wanted: impl FnMut(&Connection) -> bool,
    ) -> Result<Reset, DestroyError> {
        Err(DestroyError::Unsupported)
    }
}

/// Finds the process that opened a flow.
#[derive(Debug)]
pub struct Owners {
    sockets: Sockets,
}

impl Owners {
    /// Looks for the processes behind these sockets.
    pub fn new(sockets: Sockets, _table: Table, _scope: Scope) -> Self {
        Self { sockets }
    }

    /// Finds the process that opened a flow.
    ///
    /// # Errors
    ///
    /// Always `Unsupported` on this system.
    pub fn find(&self, _key: &FlowKey) -> io::Result<Option<Arc<Process>>> {
        Err(unsupported())
    }

    /// Returns the sockets that are asked about.
    pub fn sockets(&self) -> &Sockets {
        &self.sockets
    }
}

/// Lists the living descendants of a process.
pub fn tree(_root: u32) -> Vec<u32> {
    Vec::new()
}

/// Iterates over what runs.
pub fn scan() -> impl Iterator<Item = Sighting> {
    std::iter::empty()
}

/// Tells whether two ways of saying when a process started mean the same.
pub fn same_start(_started_ns: u64, _started_ticks: u64) -> bool {
    false
}
