//! Network and mount namespaces, and mounts in them.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

/// Moves this process into network and mount namespaces of its own; to be called before there are
/// further threads.
pub(crate) fn own_network() -> io::Result<()> {
    // SAFETY: without `FILES`, descriptors are shared as before.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET | UnshareFlags::NEWNS)? };
    Ok(mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?)
}

/// Moves this thread into the network namespace of a process.
pub(crate) fn enter_network_of(pid: u32) -> io::Result<()> {
    let namespace = File::open(format!("/proc/{pid}/ns/net"))?;
    Ok(move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?)
}

/// Lays a file over another, for this mount namespace and those made from it.
pub(crate) fn mount_over(file: &Path, over: &Path) -> io::Result<()> {
    Ok(mount_bind(file, over)?)
}
