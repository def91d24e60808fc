//! Making the namespaces and what lies in the mount namespace.

use std::ffi::CStr;
use std::io;
use std::os::fd::AsFd;

use crate::sys::imp::plan::{Cover, Node, Plan};
use crate::sys::imp::raw;
use crate::sys::imp::wire::Step;

type Failure = (Step, io::Error, i32);

/// Makes the namespaces and moves this process into them.
pub(super) fn make(plan: &Plan) -> Result<(), Failure> {
    // Root needs no user namespace, unless its capabilities were taken away.
    let plain = plan.plain && raw::unshare(libc::CLONE_NEWNET).is_ok();
    if !plain {
        user(plan).map_err(|error| (Step::User, error, 0))?;
        raw::unshare(libc::CLONE_NEWNET).map_err(|error| (Step::Network, error, 0))?;
    }
    for (path, value) in &plan.sysctls {
        // As far as it is permitted; a container may hold them read-only.
        _ = write(path, value);
    }
    let private = raw::unshare(libc::CLONE_NEWNS).and_then(|()| {
        // What the host mounts from now on is seen, what we mount is not seen there.
        raw::mount(None, c"/", None, libc::MS_REC | libc::MS_SLAVE)
    });
    private.map_err(|error| (Step::Mount, error, 0))?;
    mount(plan)
}

/// Makes a user namespace in which the caller is who it was.
fn user(plan: &Plan) -> io::Result<()> {
    raw::unshare(libc::CLONE_NEWUSER)?;
    // Without it the kernel does not let an ordinary user map a group.
    write(c"/proc/self/setgroups", b"deny")?;
    write(c"/proc/self/uid_map", &plan.uid_map)?;
    write(c"/proc/self/gid_map", &plan.gid_map)
}

fn write(path: &CStr, value: &[u8]) -> io::Result<()> {
    raw::write_all(raw::open(path, libc::O_WRONLY, 0)?.as_fd(), value)
}

fn mount(plan: &Plan) -> Result<(), Failure> {
    let flags = libc::MS_NOSUID | libc::MS_NODEV;
    let staging = &plan.staging;
    raw::mount(Some(c"sidestream"), staging, Some(c"tmpfs"), flags)
        .map_err(|error| (Step::Tmpfs, error, 0))?;
    for (index, overlay) in plan.overlays.iter().enumerate() {
        cover(overlay).map_err(|error| (Step::Overlay, error, index as i32))?;
    }
    // The mounts over the files keep what lies in it.
    raw::unmount(staging).map_err(|error| (Step::Tmpfs, error, 0))
}

fn cover(overlay: &Cover) -> io::Result<()> {
    for node in &overlay.nodes {
        match node {
            Node::Directory { path, .. } => raw::mkdir(path)?,
            Node::File { path, contents, .. } => {
                let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL;
                raw::write_all(raw::open(path, flags, 0o600)?.as_fd(), contents)?;
            }
            Node::Symlink { path, target } => raw::symlink(target, path)?,
        }
    }
    // Last, from the inside out: a directory may be one that its owner cannot write to.
    for node in overlay.nodes.iter().rev() {
        match node {
            Node::Directory { path, mode } | Node::File { path, mode, .. } => {
                raw::chmod(path, mode & 0o7777)?;
            }
            Node::Symlink { .. } => {}
        }
    }
    raw::mount(Some(&overlay.source), &overlay.target, None, libc::MS_BIND)?;
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_RDONLY;
    raw::mount(None, &overlay.target, None, flags | libc::MS_BIND | libc::MS_REMOUNT)
}
