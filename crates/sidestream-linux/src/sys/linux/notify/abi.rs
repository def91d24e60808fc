//! What the kernel and a supervisor say to each other (seccomp_unotify(2)).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use crate::sys::imp::raw::check;

/// What a thread asked the kernel for.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct Data {
    pub(super) nr: i32,
    pub(super) arch: u32,
    pub(super) instruction_pointer: u64,
    pub(super) args: [u64; 6],
}

/// A call that waits for its answer.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct Notification {
    pub(super) id: u64,
    /// The thread.
    pub(super) pid: u32,
    pub(super) flags: u32,
    pub(super) data: Data,
}

#[repr(C)]
struct Response {
    id: u64,
    val: i64,
    error: i32,
    flags: u32,
}

#[repr(C)]
struct AddFd {
    id: u64,
    flags: u32,
    srcfd: u32,
    newfd: u32,
    newfd_flags: u32,
}

/// Lets the kernel do what was asked.
const CONTINUE: u32 = 1;
/// Answers with the descriptor, in one step.
const ADDFD_SEND: u32 = 2;

const RECV: libc::c_ulong = 0xc050_2100;
const SEND: libc::c_ulong = 0xc018_2101;
const ID_VALID: libc::c_ulong = 0x4008_2102;
const ADDFD: libc::c_ulong = 0x4018_2103;
const SET_FLAGS: libc::c_ulong = 0x4008_2104;

/// The waking of one by the other stays on the same processor.
const SYNC_WAKE_UP: u64 = 1;

/// The answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The kernel does what was asked.
    Continue,
    /// It was done and gave that.
    Done(i64),
    /// It failed with that error number.
    Failed(i32),
    /// It was answered already.
    Sent,
}

impl From<io::Result<i64>> for Answer {
    fn from(done: io::Result<i64>) -> Self {
        match done {
            Ok(value) => Self::Done(value),
            Err(error) => Self::Failed(error.raw_os_error().unwrap_or(libc::EIO)),
        }
    }
}

fn ioctl<T>(fd: RawFd, request: libc::c_ulong, argument: &mut T) -> io::Result<i32> {
    // SAFETY: each request is called with the structure whose size is part of its number.
    check(unsafe { libc::ioctl(fd, request as _, std::ptr::from_mut(argument)) })
}

/// Asks for quick hand-overs, which newer kernels know.
pub(super) fn wake_in_step(listener: BorrowedFd<'_>) {
    // SAFETY: the request takes a number in the place of a pointer.
    unsafe { libc::ioctl(listener.as_raw_fd(), SET_FLAGS as _, SYNC_WAKE_UP) };
}

/// Takes the next call; the thread may have gone again (`ENOENT`).
pub(super) fn receive(listener: BorrowedFd<'_>) -> io::Result<Notification> {
    let mut notification = Notification::default();
    ioctl(listener.as_raw_fd(), RECV, &mut notification)?;
    Ok(notification)
}

/// Whether the thread still waits: what was read of its number before was of it then.
pub(super) fn is_waiting(listener: BorrowedFd<'_>, id: u64) -> bool {
    let mut id = id;
    ioctl(listener.as_raw_fd(), ID_VALID, &mut id).is_ok()
}

/// Answers a call.
pub(super) fn respond(listener: BorrowedFd<'_>, id: u64, answer: Answer) -> io::Result<()> {
    let mut response = match answer {
        Answer::Continue => Response { id, val: 0, error: 0, flags: CONTINUE },
        Answer::Done(val) => Response { id, val, error: 0, flags: 0 },
        Answer::Failed(errno) => Response { id, val: 0, error: -errno, flags: 0 },
        Answer::Sent => return Ok(()),
    };
    ioctl(listener.as_raw_fd(), SEND, &mut response).map(drop)
}

/// Puts a descriptor of ours into the process and answers the call with its number.
pub(super) fn respond_with(
    listener: BorrowedFd<'_>,
    id: u64,
    fd: BorrowedFd<'_>,
    close_on_exec: bool,
) -> io::Result<()> {
    let mut add = AddFd {
        id,
        flags: ADDFD_SEND,
        srcfd: fd.as_raw_fd().cast_unsigned(),
        newfd: 0,
        newfd_flags: if close_on_exec { libc::O_CLOEXEC.cast_unsigned() } else { 0 },
    };
    match ioctl(listener.as_raw_fd(), ADDFD, &mut add) {
        // Before 5.14 the two are two steps.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            add.flags = 0;
            let made = ioctl(listener.as_raw_fd(), ADDFD, &mut add)?;
            respond(listener, id, Answer::Done(made.into()))
        }
        other => other.map(drop),
    }
}
