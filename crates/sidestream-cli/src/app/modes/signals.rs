//! The signals that ask to end, and the one that asks to read the spec again.

use std::io;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// To end.
    End,
    /// To read again what can be.
    #[cfg_attr(not(unix), expect(dead_code, reason = "no signal asks for it"))]
    Reload,
}

/// The signals that ask for something.
#[cfg(unix)]
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: Option<tokio::signal::unix::Signal>,
    can_reload: bool,
    had_terminal: bool,
}

#[cfg(unix)]
impl Signals {
    /// Takes them from the system. A hangup is taken where there is something to read again, or to
    /// restore at the end; else it ends the process, as is usual.
    pub(super) fn take(can_reload: bool, restores: bool) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: (can_reload || restores).then(|| signal(SignalKind::hangup())).transpose()?,
            can_reload,
            had_terminal: has_terminal(),
        })
    }

    /// Waits for the next.
    pub(super) async fn next(&mut self) -> Asked {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Asked::End,
            _ = self.terminate.recv() => Asked::End,
            // The system sends it as well when the terminal is closed.
            _ = hangup => {
                let is_gone = self.had_terminal && !has_terminal();
                if is_gone || !self.can_reload { Asked::End } else { Asked::Reload }
            }
        }
    }
}

#[cfg(unix)]
fn has_terminal() -> bool {
    io::IsTerminal::is_terminal(&io::stderr())
}

/// The signals that ask for something.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn take(_: bool, _: bool) -> io::Result<Self> {
        Ok(Self)
    }

    pub(super) async fn next(&mut self) -> Asked {
        // Where it cannot be listened to, the system ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Asked::End
    }
}
