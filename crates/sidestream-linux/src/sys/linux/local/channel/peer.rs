//! Who is at the other end.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::sys::imp::raw;

/// The process that connected or listened, as it was then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Its id; `None` if this process' pid namespace does not see it.
    pub(crate) pid: Option<u32>,
    /// Its effective user.
    pub(crate) uid: u32,
    /// Its effective group.
    pub(crate) gid: u32,
}

impl Peer {
    /// Asks the kernel who is at the other end of a unix socket.
    pub(crate) fn of(socket: impl AsFd) -> io::Result<Self> {
        let peer = raw::peer(socket.as_fd())?;
        let pid = u32::try_from(peer.pid).ok().filter(|pid| *pid != 0);
        Ok(Self { pid, uid: peer.uid, gid: peer.gid })
    }

    /// Opens a descriptor that becomes readable when the process at the other end ends.
    ///
    /// Before Linux 6.5 it is found by its id, which another process may have by then if the peer
    /// has ended; the connection is at its end too then.
    pub(crate) fn pidfd(socket: impl AsFd) -> io::Result<OwnedFd> {
        match raw::peer_pidfd(socket.as_fd()) {
            Err(error) if error.raw_os_error() == Some(libc::ENOPROTOOPT) => {
                let pid = Pid::from_raw(raw::peer(socket.as_fd())?.pid);
                let pid = pid.ok_or(io::ErrorKind::NotFound)?;
                Ok(pidfd_open(pid, PidfdFlags::empty())?)
            }
            opened => opened,
        }
    }
}
