//! Processes and signals.

use std::io;
use std::process::ExitStatus;
use std::thread;

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process, set_child_subreaper,
    set_parent_process_death_signal, test_kill_process, waitid,
};
use tokio::runtime::Builder;
use tokio::signal::unix::SignalKind;

/// Makes this process the parent of its descendants that lose theirs.
pub(crate) fn adopt_orphans() -> io::Result<()> {
    Ok(set_child_subreaper(Some(getpid()))?)
}

/// Has this process killed when the thread that started it ends.
pub(crate) fn end_with_parent() -> io::Result<()> {
    Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
}

/// Sends a signal to a process; with 0 it only tells whether there is one.
pub(crate) fn signal(pid: u32, number: i32) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    if number == 0 {
        return Ok(test_kill_process(pid)?);
    }
    let signal = Signal::from_named_raw(number).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(kill_process(pid, signal)?)
}

/// Waits until a child has ended, and leaves it to be reaped, so that its pid stays its own.
pub(crate) fn has_ended(pid: u32) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    loop {
        match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Returns the signal that ended a process.
pub(crate) fn signal_of(status: ExitStatus) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt;
    status.signal()
}

/// Tells whether this process may do to the machine what root may: it is root, and of the first
/// user namespace.
pub(crate) fn is_machine_root() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let all = map.split_whitespace().eq(["0", "0", "4294967295"]);
    all && rustix::process::geteuid().is_root()
}

/// Calls that, once, when this process is told to end.
pub(crate) fn on_terminate(ends: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    // Taken before this returns. A mask would do as well, but programs that are started inherit it.
    let inside = runtime.enter();
    let mut signals =
        [SignalKind::terminate(), SignalKind::interrupt()].map(tokio::signal::unix::signal);
    drop(inside);
    thread::spawn(move || {
        runtime.block_on(async {
            let [Ok(terminate), Ok(interrupt)] = &mut signals else { return };
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            ends();
        });
    });
    Ok(())
}
