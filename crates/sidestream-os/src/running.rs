//! The command, the signals that are meant for it, and its end.

use std::process::ExitStatus;

use sidestream_linux::WaitError;
use tokio::sync::watch;

use crate::sys;

/// A command that runs. Signals that ask this process to end are passed on to it.
#[derive(Debug)]
pub struct Running {
    inner: sidestream_linux::Running,
    signals: sys::Signals,
    /// Says to all that depends on it that the command has ended.
    over: watch::Sender<bool>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended(ExitStatus);

impl Running {
    pub(crate) const fn new(
        inner: sidestream_linux::Running,
        signals: sys::Signals,
        over: watch::Sender<bool>,
    ) -> Self {
        Self { inner, signals, over }
    }

    /// Returns the pid of the command.
    pub fn pid(&self) -> u32 {
        self.inner.pid()
    }

    /// Waits until the command and its descendants have ended, and passes signals on meanwhile.
    ///
    /// SIGTERM and SIGHUP are passed on; SIGINT and SIGQUIT, unless the terminal has sent them to
    /// the command as well.
    ///
    /// # Errors
    ///
    /// The driver's keeper was killed; all that ran has been ended nevertheless.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped; call it again.
    pub async fn wait(&mut self) -> Result<Ended, WaitError> {
        loop {
            let signal = tokio::select! {
                ended = self.inner.wait() => {
                    self.over.send_replace(true);
                    return ended.map(Ended);
                }
                signal = self.signals.next() => signal,
            };
            // A command that has just ended needs no signal.
            _ = self.inner.forward(signal);
        }
    }
}

impl Ended {
    /// Returns the exit status as a shell reports it: that of the command, or 128 and the signal.
    pub fn code(&self) -> u8 {
        sys::shell_code(self.0)
    }

    /// Returns the signal that ended the command.
    pub fn signal(&self) -> Option<i32> {
        sys::signal(self.0)
    }

    /// Ends this process as the command ended: with its status, or by its signal.
    pub fn end_alike(self) -> ! {
        if let Some(signal) = self.signal() {
            sys::end_by(signal);
        }
        std::process::exit(i32::from(self.code()))
    }
}
