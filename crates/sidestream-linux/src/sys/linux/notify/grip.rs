//! Taking hold of the socket of another process.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sys::imp::raw::check;

/// The most processes that are kept at hand.
const MAX_KEPT: usize = 256;
/// Names a thread, not a process (Linux 6.9 and later).
const PIDFD_THREAD: libc::c_uint = libc::O_EXCL as libc::c_uint;

/// Takes sockets from processes, or keeps those that it made for them.
#[derive(Debug, Default)]
pub(super) struct Grips {
    /// Each stays the process that it was opened for, whatever becomes of its number.
    processes: Mutex<HashMap<u32, OwnedFd>>,
    /// The sockets that were made here, by inode, where none can be taken.
    made: Option<Mutex<HashMap<u64, OwnedFd>>>,
}

/// A socket of a process, in our hands for the moment.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    pub(super) domain: i32,
    pub(super) kind: i32,
    /// Its number, where it was made here.
    pub(super) inode: Option<u64>,
}

impl Socket {
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Lets go of it where it was made here: what its process closes from now on is closed.
    pub(super) fn release(&self, grips: &Grips) {
        if let Some(inode) = self.inode {
            grips.release(inode);
        }
    }

    /// Whether it speaks TCP, or MPTCP.
    pub(super) fn is_stream(&self) -> bool {
        self.is_inet()
            && self.kind == libc::SOCK_STREAM
            && matches!(self.number(libc::SO_PROTOCOL), Ok(libc::IPPROTO_TCP | libc::IPPROTO_MPTCP))
    }

    /// Whether it speaks UDP.
    pub(super) fn is_datagram(&self) -> bool {
        self.is_inet()
            && self.kind == libc::SOCK_DGRAM
            && self.number(libc::SO_PROTOCOL).is_ok_and(|protocol| protocol == libc::IPPROTO_UDP)
    }

    pub(super) fn is_inet(&self) -> bool {
        matches!(self.domain, libc::AF_INET | libc::AF_INET6)
    }

    pub(super) fn number(&self, option: i32) -> io::Result<i32> {
        number(self.fd(), option)
    }

    /// Whether a call on it may wait.
    pub(super) fn is_blocking(&self) -> bool {
        // SAFETY: the call takes no pointers.
        let flags = unsafe { libc::fcntl(self.fd.as_raw_fd(), libc::F_GETFL) };
        flags >= 0 && flags & libc::O_NONBLOCK == 0
    }

    /// Whether it is bound to a device, from which loopback is not reached.
    pub(super) fn has_device(&self) -> bool {
        let mut name = [0_u8; libc::IFNAMSIZ];
        let mut len = libc::IFNAMSIZ as libc::socklen_t;
        let (level, option) = (libc::SOL_SOCKET, libc::SO_BINDTODEVICE);
        let (fd, name) = (self.fd.as_raw_fd(), name.as_mut_ptr().cast());
        // SAFETY: the pointer and the length are of a live array, which the kernel fills.
        unsafe { libc::getsockopt(fd, level, option, name, &raw mut len) == 0 && len > 1 }
    }
}

fn number(fd: BorrowedFd<'_>, option: i32) -> io::Result<i32> {
    let mut value = 0_i32;
    let mut len = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the pointer and the length are of a live integer, which the kernel fills.
    check(unsafe {
        let into = (&raw mut value).cast();
        libc::getsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, option, into, &raw mut len)
    })?;
    Ok(value)
}

impl Grips {
    /// Makes sockets for processes instead of taking theirs.
    pub(super) fn making() -> Self {
        Self { made: Some(Mutex::default()), ..Self::default() }
    }

    pub(super) const fn is_making(&self) -> bool {
        self.made.is_some()
    }

    /// Takes the socket that a thread has by that number. An error says that it is none, or none
    /// that we can have.
    pub(super) fn take(&self, thread: u32, fd: i32) -> io::Result<Socket> {
        let (taken, inode) = match &self.made {
            None => (self.take_from(thread, fd)?, None),
            Some(made) => {
                let inode = inode(thread, fd)?;
                let made = lock(made);
                let held = made.get(&inode).ok_or(io::ErrorKind::NotFound)?;
                (held.try_clone()?, Some(inode))
            }
        };
        let domain = number(taken.as_fd(), libc::SO_DOMAIN)?;
        let kind = number(taken.as_fd(), libc::SO_TYPE)?;
        Ok(Socket { fd: taken, domain, kind, inode })
    }

    fn take_from(&self, thread: u32, fd: i32) -> io::Result<OwnedFd> {
        let mut processes = lock(&self.processes);
        if let Some(process) = processes.get(&thread) {
            match pidfd_getfd(process.as_fd(), fd) {
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                taken => return taken,
            }
        }
        let exact = pidfd_open(thread, 0).or_else(|_no_leader| pidfd_open(thread, PIDFD_THREAD));
        let Ok(process) = exact else {
            // The number of a thread may become another's while its process lives.
            let process = pidfd_open(group(thread).ok_or(io::ErrorKind::NotFound)?, 0)?;
            return pidfd_getfd(process.as_fd(), fd);
        };
        let taken = pidfd_getfd(process.as_fd(), fd);
        if processes.len() >= MAX_KEPT {
            processes.clear();
        }
        processes.insert(thread, process);
        taken
    }

    /// Keeps a socket that was made for a process.
    pub(super) fn keep(&self, socket: OwnedFd) -> io::Result<()> {
        if let Some(made) = &self.made {
            let inode = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd()))?;
            lock(made).insert(parse(&inode.to_string_lossy())?, socket);
        }
        Ok(())
    }

    /// Lets go of a socket, so that it is closed when its process closes it.
    pub(super) fn release(&self, inode: u64) {
        if let Some(made) = &self.made {
            lock(made).remove(&inode);
        }
    }

    /// Lets go of all sockets but these, and says whether any are left.
    pub(super) fn retain(&self, held: &dyn Fn(u64) -> bool) -> bool {
        self.made.as_ref().is_some_and(|made| {
            let mut made = lock(made);
            made.retain(|inode, _socket| held(*inode));
            !made.is_empty()
        })
    }

    /// Lists the numbers of the sockets that are kept.
    pub(super) fn kept(&self) -> Vec<u64> {
        self.made.as_ref().map_or_else(Vec::new, |made| lock(made).keys().copied().collect())
    }
}

/// Returns the number of the socket that a thread has as that descriptor.
pub(super) fn inode(thread: u32, fd: i32) -> io::Result<u64> {
    let link = std::fs::read_link(format!("/proc/{thread}/fd/{fd}"))?;
    parse(&link.to_string_lossy())
}

fn parse(link: &str) -> io::Result<u64> {
    let number = link.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
    number.and_then(|number| number.parse().ok()).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Finds the process of a thread.
pub(super) fn group(thread: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:"))?.trim().parse().ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn pidfd_open(pid: u32, flags: libc::c_uint) -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointers.
    own(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, flags) })
}

pub(super) fn pidfd_getfd(process: BorrowedFd<'_>, fd: i32) -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointers.
    own(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), fd, 0) })
}

fn own(fd: libc::c_long) -> io::Result<OwnedFd> {
    let fd = check(fd as i32)?;
    // SAFETY: the kernel just gave this descriptor to us and to nobody else; it closes on exec.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
