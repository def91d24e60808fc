//! Unix: signals and exit statuses.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};

use tokio::signal::unix::{Signal, SignalKind, signal as listen};

/// The signals that ask this process to end, taken from now on.
#[derive(Debug)]
pub(crate) struct Signals {
    hangup: Signal,
    interrupt: Signal,
    quit: Signal,
    terminate: Signal,
}

impl Signals {
    pub(crate) fn take() -> io::Result<Self> {
        Ok(Self {
            hangup: listen(SignalKind::hangup())?,
            interrupt: listen(SignalKind::interrupt())?,
            quit: listen(SignalKind::quit())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Waits for a signal that the command has not got itself.
    pub(crate) async fn next(&mut self) -> i32 {
        loop {
            let signal = tokio::select! {
                _ = self.hangup.recv() => return libc::SIGHUP,
                _ = self.terminate.recv() => return libc::SIGTERM,
                _ = self.interrupt.recv() => libc::SIGINT,
                _ = self.quit.recv() => libc::SIGQUIT,
            };
            if !has_foreground() {
                return signal;
            }
        }
    }
}

/// Returns whether keys pressed on the terminal reach this process, and so the command.
fn has_foreground() -> bool {
    let Ok(terminal) = File::open("/dev/tty") else { return false };
    // SAFETY: the descriptor is open, and neither call takes a pointer.
    unsafe { libc::tcgetpgrp(terminal.as_raw_fd()) == libc::getpgrp() }
}

pub(crate) fn inherited(descriptor: i32) -> io::Result<File> {
    // SAFETY: the call takes no pointer; a number that is no descriptor is answered with an error.
    let copy = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was made just now, and nobody else knows of it.
    Ok(unsafe { File::from_raw_fd(copy) })
}

pub(crate) fn raise_open_files() -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a whole structure that lives through the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } < 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: as above, and the call only reads it.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

pub(crate) fn is_root() -> bool {
    effective_uid() == 0
}

pub(crate) fn effective_uid() -> u32 {
    // SAFETY: the call takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

pub(crate) fn shell_code(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    u8::try_from(code).unwrap_or(u8::MAX)
}

pub(crate) fn signal(status: ExitStatus) -> Option<i32> {
    status.signal()
}

/// Ends this process by that signal, if the signal ends processes.
pub(crate) fn end_by(signal: i32) {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointers are to values that live through the calls, and no handler is set.
    unsafe {
        // The command has left a core where it was to; ours would only be in its way.
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
        libc::signal(signal, libc::SIG_DFL);
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
        libc::raise(signal);
    }
}

pub(crate) fn stand_apart(command: &mut Command) -> &mut Command {
    command.process_group(0)
}
