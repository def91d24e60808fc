//! Entering another network namespace for a moment.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::{fs, process};

use rustix::thread::{self, CapabilitySet, LinkNameSpaceType, move_into_link_name_space};

/// What entering a namespace takes.
const RIGHT: CapabilitySet = CapabilitySet::SYS_ADMIN;

/// The network namespace to which the thread returns that opened it.
#[derive(Debug)]
pub(super) struct Home(OwnedFd);

impl Home {
    /// Opens the network namespace of the calling thread.
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self(fs::File::open("/proc/thread-self/ns/net")?.into()))
    }

    /// Acts in another network namespace. What it makes stays there, the thread does not.
    ///
    /// # Errors
    ///
    /// There is no right to enter it; nothing was done.
    pub(super) fn within<T>(&self, net: BorrowedFd<'_>, act: impl FnOnce() -> T) -> io::Result<T> {
        let _armed = Armed::new()?;
        move_into_link_name_space(net, Some(LinkNameSpaceType::Network))?;
        let _back = Back(&self.0);
        Ok(act())
    }
}

/// Returns home when it is dropped.
struct Back<'a>(&'a OwnedFd);

impl Drop for Back<'_> {
    fn drop(&mut self) {
        let kind = Some(LinkNameSpaceType::Network);
        if let Err(error) = move_into_link_name_space(self.0.as_fd(), kind) {
            // Whatever this process did next it would do in the wrong place. When it ends, programs
            // connect as they did before.
            tracing::error!(%error, "no way back from a network namespace");
            process::abort();
        }
    }
}

/// Has the right to enter namespaces in force until it is dropped: it is kept aside otherwise.
struct Armed {
    before: Option<thread::CapabilitySets>,
}

impl Armed {
    fn new() -> io::Result<Self> {
        let before = thread::capabilities(None)?;
        if before.effective.contains(RIGHT) {
            return Ok(Self { before: None });
        }
        if !before.permitted.contains(RIGHT) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let effective = before.effective.union(RIGHT);
        thread::set_capabilities(None, thread::CapabilitySets { effective, ..before })?;
        Ok(Self { before: Some(before) })
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        if let Some(before) = self.before.take()
            && let Err(error) = thread::set_capabilities(None, before)
        {
            tracing::warn!(%error, "a right stays in force");
        }
    }
}

/// Tells whether this process can enter other network namespaces.
pub(crate) fn may_enter() -> bool {
    thread::capabilities(None).is_ok_and(|sets| sets.permitted.contains(RIGHT))
}

/// Tells whether this process is in the network namespace of the machine, or of the container
/// whose processes it sees: that of process 1.
pub(super) fn is_of_the_machine() -> bool {
    let own = inode(Path::new("/proc/thread-self/ns/net"));
    own.is_some() && own == inode_of(1)
}

/// Returns the inode of the network namespace of a process; `None` if it has ended, or cannot be
/// looked at.
pub(super) fn inode_of(pid: u32) -> Option<u32> {
    inode(Path::new(&format!("/proc/{pid}/ns/net")))
}

fn inode(path: &Path) -> Option<u32> {
    fs::metadata(path).ok()?.ino().try_into().ok()
}

/// Opens the network namespace of a process if it is the one with that inode.
pub(super) fn open(pid: u32, inum: u32) -> io::Result<OwnedFd> {
    let net = fs::File::open(format!("/proc/{pid}/ns/net"))?;
    if net.metadata()?.ino() == u64::from(inum) { Ok(net.into()) } else { Err(gone()) }
}

pub(super) fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the network namespace has gone")
}
