//! System calls with the types that they deserve. None of them allocates, so that the keeper may
//! call them after a `fork`.

use std::ffi::{CStr, c_char, c_int, c_ulong, c_void};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::{io, mem, ptr};

/// Turns the -1 of a system call into its error.
pub(super) fn check(returned: c_int) -> io::Result<c_int> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(returned) }
}

fn check_len(returned: isize) -> io::Result<usize> {
    usize::try_from(returned).map_err(|_negative| io::Error::last_os_error())
}

/// Takes a descriptor that was just made.
fn own(fd: c_int) -> io::Result<OwnedFd> {
    let fd = check(fd)?;
    // SAFETY: the kernel just gave this descriptor to us and to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub(super) fn open(path: &CStr, flags: c_int, mode: u32) -> io::Result<OwnedFd> {
    // SAFETY: the path is a live string.
    own(unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC, mode) })
}

/// Closes a descriptor that nothing in this process uses any more.
pub(super) fn close(fd: RawFd) {
    // SAFETY: closing has no effect on memory; the caller gives up the descriptor.
    unsafe { libc::close(fd) };
}

pub(super) fn read(fd: BorrowedFd<'_>, buf: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the pointer and the length are of a live slice.
    check_len(unsafe { libc::read(fd.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len()) })
}

pub(super) fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        // SAFETY: the pointer and the length are of a live slice.
        let wrote = unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
        let wrote = check_len(wrote)?;
        bytes = bytes.get(wrote..).unwrap_or_default();
    }
    Ok(())
}

pub(super) fn mkdir(path: &CStr) -> io::Result<()> {
    // SAFETY: the path is a live string.
    check(unsafe { libc::mkdir(path.as_ptr(), 0o700) }).map(drop)
}

pub(super) fn symlink(target: &CStr, path: &CStr) -> io::Result<()> {
    // SAFETY: both paths are live strings.
    check(unsafe { libc::symlink(target.as_ptr(), path.as_ptr()) }).map(drop)
}

pub(super) fn chmod(path: &CStr, mode: u32) -> io::Result<()> {
    // SAFETY: the path is a live string.
    check(unsafe { libc::chmod(path.as_ptr(), mode) }).map(drop)
}

pub(super) fn mount(
    source: Option<&CStr>,
    target: &CStr,
    kind: Option<&CStr>,
    flags: c_ulong,
) -> io::Result<()> {
    let pointer = |string: Option<&CStr>| string.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: every pointer is null or a live string; no data is given.
    let returned = unsafe {
        libc::mount(pointer(source), target.as_ptr(), pointer(kind), flags, ptr::null::<c_void>())
    };
    check(returned).map(drop)
}

pub(super) fn unmount(target: &CStr) -> io::Result<()> {
    // SAFETY: the path is a live string.
    check(unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) }).map(drop)
}

pub(super) fn unshare(what: c_int) -> io::Result<()> {
    // SAFETY: the call takes no pointers.
    check(unsafe { libc::unshare(what) }).map(drop)
}

pub(super) fn socket(family: c_int, kind: c_int, protocol: c_int) -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointers.
    own(unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) })
}

/// Makes two ends that keep messages whole.
pub(super) fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [0; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: the kernel fills the two descriptors.
    check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()) })?;
    Ok((own(fds[0])?, own(fds[1])?))
}

pub(super) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [0; 2];
    // SAFETY: the kernel fills the two descriptors.
    check(unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) })?;
    Ok((own(fds[0])?, own(fds[1])?))
}

pub(super) fn set_option(
    fd: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    value: c_int,
) -> io::Result<()> {
    // SAFETY: the pointer and the length are of a live integer.
    let returned = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    check(returned).map(drop)
}

/// Reads an option that is a number of 64 bits.
pub(super) fn option_u64(fd: BorrowedFd<'_>, level: c_int, name: c_int) -> io::Result<u64> {
    let mut value = 0_u64;
    let mut len = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the pointer and the length are of a live integer, which the kernel fills.
    let returned = unsafe {
        libc::getsockopt(fd.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut len)
    };
    check(returned).map(|_zero| value)
}

/// Returns who was at the other end of a unix socket when it was connected. The pid is 0 if this
/// pid namespace does not see it.
pub(super) fn peer(fd: BorrowedFd<'_>) -> io::Result<libc::ucred> {
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut len = size_of_val(&peer) as libc::socklen_t;
    let (level, name) = (libc::SOL_SOCKET, libc::SO_PEERCRED);
    // SAFETY: the pointer and the length are of a live structure, which the kernel fills.
    let returned = unsafe {
        libc::getsockopt(fd.as_raw_fd(), level, name, (&raw mut peer).cast(), &raw mut len)
    };
    check(returned).map(|_zero| peer)
}

/// Opens a descriptor of the process at the other end of a unix socket (Linux 6.5 and later).
pub(super) fn peer_pidfd(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut pidfd: c_int = -1;
    let mut len = size_of_val(&pidfd) as libc::socklen_t;
    let (level, name) = (libc::SOL_SOCKET, libc::SO_PEERPIDFD);
    // SAFETY: the pointer and the length are of a live integer, which the kernel fills.
    let returned = unsafe {
        libc::getsockopt(fd.as_raw_fd(), level, name, (&raw mut pidfd).cast(), &raw mut len)
    };
    check(returned).and_then(|_zero| own(pidfd))
}

pub(super) fn send(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    let flags = libc::MSG_NOSIGNAL;
    // SAFETY: the pointer and the length are of a live slice.
    let sent = unsafe { libc::send(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) };
    check_len(sent).map(drop)
}

pub(super) fn receive(fd: BorrowedFd<'_>, buf: &mut [u8], flags: c_int) -> io::Result<usize> {
    // SAFETY: the pointer and the length are of a live slice.
    check_len(unsafe { libc::recv(fd.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len(), flags) })
}

pub(super) fn kill(pid: i32, signal: c_int) -> io::Result<()> {
    // SAFETY: the call takes no pointers.
    check(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// Collects a child that has ended: its pid and wait status. `None` if none has.
pub(super) fn wait(pid: i32, flags: c_int) -> io::Result<Option<(i32, c_int)>> {
    let mut status = 0;
    // SAFETY: the kernel fills the status.
    let pid = check(unsafe { libc::waitpid(pid, &raw mut status, flags) })?;
    Ok((pid != 0).then_some((pid, status)))
}

pub(super) fn poll(fds: &mut [libc::pollfd], timeout_ms: c_int) -> io::Result<c_int> {
    // SAFETY: the pointer and the length are of a live slice.
    check(unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout_ms) })
}

/// Returns the time of a clock that only goes forward.
pub(super) fn now_ms() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel fills the time.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

/// Makes this process the parent of orphans among its descendants.
pub(super) fn become_subreaper() -> io::Result<()> {
    // SAFETY: the call takes no pointers.
    check(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }).map(drop)
}

/// Sets the kernel's short name of this process.
pub(super) fn set_name(name: &CStr) {
    // SAFETY: the name is a live string.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr(), 0, 0, 0) };
}

/// A set of signals.
pub(super) type Signals = libc::sigset_t;

/// Blocks all signals in this thread and returns which were blocked before.
pub(super) fn block_signals() -> Signals {
    let mut all = no_signals();
    let mut old = no_signals();
    // SAFETY: both sets are live.
    unsafe {
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut old);
    }
    old
}

/// Sets which signals are blocked in this thread.
pub(super) fn restore_signals(mask: &Signals) {
    // SAFETY: the set is live; the old one is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, ptr::null_mut()) };
}

pub(super) fn no_signals() -> Signals {
    // SAFETY: a signal set is plain memory, and is emptied at once.
    unsafe {
        let mut set: Signals = mem::zeroed();
        libc::sigemptyset(&raw mut set);
        set
    }
}

pub(super) fn default_action(signal: c_int) {
    // SAFETY: the default action runs no code of ours.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// Makes a descriptor that is readable when a child has ended.
pub(super) fn child_signals() -> io::Result<OwnedFd> {
    let mut set = no_signals();
    // SAFETY: the set is live in both calls.
    unsafe {
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        own(libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK))
    }
}

/// Forks. The child may make system calls and must not return from the caller's function.
///
/// # Safety
///
/// The child has the calling thread only. Until it ends or becomes another program it must not
/// take a lock that another thread may hold: no allocation, no printing, no environment.
pub(super) unsafe fn fork() -> io::Result<c_int> {
    // SAFETY: the caller promises what POSIX asks of the child.
    check(unsafe { libc::fork() })
}

/// Becomes another program; returns only if it cannot.
///
/// # Safety
///
/// Both vectors must end with a null pointer and otherwise hold live strings.
pub(super) unsafe fn exec(
    path: *const c_char,
    args: &[*const c_char],
    env: &[*const c_char],
) -> io::Error {
    // SAFETY: the caller promises well-formed vectors.
    unsafe { libc::execve(path, args.as_ptr(), env.as_ptr()) };
    io::Error::last_os_error()
}

/// Ends the process without running anything else.
pub(super) fn exit(code: c_int) -> ! {
    // SAFETY: nothing runs after it.
    unsafe { libc::_exit(code) }
}

/// Calls `visit` with each name in a directory that is a number, and with the descriptor by which
/// the directory is read. Does not allocate.
pub(super) fn numbers_in(path: &CStr, visit: &mut dyn FnMut(i32, RawFd)) -> io::Result<()> {
    let dir = open(path, libc::O_RDONLY | libc::O_DIRECTORY, 0)?;
    let mut buf = [0_u64; 512];
    loop {
        // SAFETY: the pointer and the length are of the live buffer.
        let len = unsafe {
            libc::syscall(
                libc::SYS_getdents64,
                dir.as_raw_fd(),
                buf.as_mut_ptr(),
                size_of_val(&buf),
            )
        };
        let len = check_len(len as isize)?;
        if len == 0 {
            return Ok(());
        }
        // SAFETY: the kernel has filled that many bytes of the buffer.
        let mut entries = unsafe { std::slice::from_raw_parts(buf.as_ptr().cast::<u8>(), len) };
        // Each entry: inode 8, offset 8, its length 2, type 1, then the name.
        while let Some(entry_len) = entries.get(16..18) {
            let entry_len = usize::from(u16::from_ne_bytes([entry_len[0], entry_len[1]]));
            let name = entries.get(19..entry_len).unwrap_or_default();
            if let Some(number) = leading_number(name) {
                visit(number, dir.as_raw_fd());
            }
            entries = entries.get(entry_len.max(1)..).unwrap_or_default();
        }
    }
}

/// Parses a number that ends with a zero byte.
fn leading_number(name: &[u8]) -> Option<i32> {
    let digits = name.split(|&byte| byte == 0).next().filter(|digits| !digits.is_empty())?;
    digits.iter().try_fold(0_i32, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| i32::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}
