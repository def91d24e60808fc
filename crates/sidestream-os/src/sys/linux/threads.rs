//! Dropping capabilities on all threads: the kernel has them per thread, and the C library makes
//! no such call on every one of them.

use std::collections::HashSet;
use std::mem;
use std::path::Path;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, io, ptr};

/// How long one thread may take to get round to it.
const PATIENCE: Duration = Duration::from_secs(5);
const GLANCE: Duration = Duration::from_micros(100);

/// How many threads have dropped theirs, and the last error.
static DONE: AtomicU32 = AtomicU32::new(0);
static ERROR: AtomicI32 = AtomicI32::new(0);
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// `struct __user_cap_header_struct` and two of `__user_cap_data_struct` (linux/capability.h).
static HEADER: [u32; 2] = [0x2008_0522, 0];
static NONE: [u32; 6] = [0; 6];

/// Drops all capabilities of all threads.
pub(super) fn drop_capabilities() -> io::Result<()> {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    ERROR.store(0, Ordering::SeqCst);
    drop_own();
    // SAFETY: the call takes nothing and cannot fail.
    let own = unsafe { libc::gettid() }.cast_unsigned();
    let mut done = HashSet::from([own]);
    let _signal = Handler::set()?;
    loop {
        // A thread that was made meanwhile has what its maker had.
        let left: Vec<u32> = list()?.into_iter().filter(|one| !done.contains(one)).collect();
        if left.is_empty() {
            break;
        }
        for thread in left {
            tell(thread)?;
            done.insert(thread);
        }
    }
    match ERROR.load(Ordering::SeqCst) {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Lists the threads of this process.
pub(super) fn list() -> io::Result<Vec<u32>> {
    let entries = fs::read_dir("/proc/self/task")?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// The signal: one of the last, which nobody takes by habit.
fn signal() -> i32 {
    libc::SIGRTMAX() - 2
}

/// Has a thread drop its own, and waits until it has.
fn tell(thread: u32) -> io::Result<()> {
    let before = DONE.load(Ordering::SeqCst);
    // SAFETY: the call takes no pointers, and the handler is set.
    let told = unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), thread, signal()) };
    if told < 0 {
        let error = io::Error::last_os_error();
        // It has ended.
        return if error.raw_os_error() == Some(libc::ESRCH) { Ok(()) } else { Err(error) };
    }
    let until = Instant::now() + PATIENCE;
    while DONE.load(Ordering::SeqCst) == before {
        if !Path::new(&format!("/proc/self/task/{thread}")).exists() {
            return Ok(());
        }
        if Instant::now() > until {
            let reason = format!("thread {thread} does not take signals");
            return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
        }
        std::thread::sleep(GLANCE);
    }
    Ok(())
}

/// Drops the capabilities of the calling thread. Called in signal handlers: makes system calls
/// only.
fn drop_own() {
    // SAFETY: both pointers are to static memory of the layout that the kernel reads; the other
    // call takes no pointers.
    let dropped = unsafe {
        // An old kernel has no ambient set.
        libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        libc::syscall(libc::SYS_capset, HEADER.as_ptr(), NONE.as_ptr())
    };
    if dropped < 0 {
        let error = io::Error::last_os_error().raw_os_error();
        ERROR.store(error.unwrap_or(libc::EPERM), Ordering::SeqCst);
    }
}

extern "C" fn handle(_: i32) {
    // SAFETY: the location of this thread's error is always valid.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above; whoever was interrupted must find the error that it left.
    let kept = unsafe { *errno };
    drop_own();
    // SAFETY: as above.
    unsafe { *errno = kept };
    DONE.fetch_add(1, Ordering::SeqCst);
}

/// The handler, for as long as this lives.
struct Handler(libc::sigaction);

impl Handler {
    fn set() -> io::Result<Self> {
        // SAFETY: an action is plain memory.
        let (mut new, mut old): (libc::sigaction, libc::sigaction) = unsafe { mem::zeroed() };
        new.sa_sigaction = handle as extern "C" fn(i32) as usize;
        new.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        // SAFETY: both are live, and the handler makes only calls that signal handlers may make.
        if unsafe { libc::sigaction(signal(), &raw const new, &raw mut old) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(old))
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        // SAFETY: the old action is live and was the system's.
        unsafe { libc::sigaction(signal(), &raw const self.0, ptr::null_mut()) };
    }
}
