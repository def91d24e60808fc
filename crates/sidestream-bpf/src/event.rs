//! What the hooks tell while they run.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::Slot;

/// Something that the hooks saw.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The socket of a diverted UDP destination was closed.
    Closed {
        /// Which destination.
        slot: Slot,
    },
    /// A process runs another program.
    Exec {
        /// The process.
        pid: u32,
        /// When it was started, in nanoseconds since boot.
        started_ns: u64,
        /// Its parent.
        parent: u32,
        /// Its real user.
        uid: u32,
        /// Its group in cgroup2.
        cgroup_id: u64,
        /// The executable, as the process itself would name it; empty where it is too long.
        path: PathBuf,
        /// The name of its first thread.
        comm: String,
        /// Its arguments, out of the first 512 bytes; the last one may be cut.
        args: Vec<Vec<u8>>,
        /// The epoch whose [`Items`](crate::Items) said all of the process and of its children;
        /// `None` if they left something open.
        decided: Option<u32>,
    },
    /// The last thread of a process ended.
    Exit {
        /// The process.
        pid: u32,
        /// When it was started, in nanoseconds since boot.
        started_ns: u64,
    },
    /// A process made another one.
    Fork {
        /// The process.
        parent: u32,
        /// The one it made.
        child: u32,
        /// When that one was started, in nanoseconds since boot.
        child_started_ns: u64,
    },
    /// Events were lost, as nobody took them in time.
    Lost {
        /// How many since the last such event.
        count: u64,
    },
    /// A process is in a network namespace for which no ports are set; told once a namespace
    /// where the cookie is known, else each time that a process begins there.
    Namespace {
        /// The process.
        pid: u32,
        /// The inode that the namespace is known by in /proc.
        inum: u32,
        /// The cookie of the namespace; kernels before 5.12 do not tell it.
        cookie: Option<u64>,
    },
    /// A connection of a selected process was left alone.
    Passed {
        /// Why.
        reason: PassReason,
        /// The process.
        pid: u32,
        /// The last component of the path of its executable.
        exe: String,
        /// Where the connection goes.
        destination: SocketAddr,
    },
}

/// Why a connection was left alone although its process may be selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PassReason {
    /// Too many connections wait to be accepted; told once a process.
    Backlog,
    /// The socket is bound to a device; told once a process.
    BoundDevice,
    /// Nobody listens for us in that network namespace; told once a namespace.
    ForeignNetns,
    /// No slot was free; told once a process.
    Full,
    /// The socket has a mark; told once a process.
    Marked,
}
