//! What the helper is started with, and why it ends.

use std::error::Error;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use sidestream_bpf::LoadError;
use sidestream_spec::ParseSpecError;
use tokio::sync::mpsc;

/// Why it is not known for whom the helper works.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallerError {
    /// A user that is not root named another one.
    #[error("user {real_uid} may not have it work for user {uid}, only root may")]
    NotRoot {
        /// The user that was named.
        uid: u32,
        /// Who named it.
        real_uid: u32,
    },
    /// Nobody captures on this system.
    #[error("not on this system")]
    Unsupported,
    /// sudo or pkexec told something that is not a user.
    #[error("{name} is not a user id: {value:?}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What it holds.
        value: OsString,
    },
}

/// Why the helper did not reach its proxy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nobody waits there.
    #[error("no proxy waits at {}, start one with `sidestream --mode local`", .path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else does.
    #[error("the socket at {} belongs to user {found} and not to user {uid}", .path.display())]
    Foreign {
        /// The socket.
        path: PathBuf,
        /// For whom the helper works.
        uid: u32,
        /// Who waits there.
        found: u32,
    },
}

/// What the helper is started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeOptions {
    /// The user whose proxy is served.
    pub uid: u32,
    /// Whether processes of other users may be captured.
    pub all_users: bool,
}

/// Why the helper ended before it was told to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The proxy cannot be understood.
    #[error("the proxy cannot be understood")]
    Channel(#[source] Box<dyn Error + Send + Sync>),
    /// The proxy hung up before the capture had started.
    #[error("the proxy hung up before the capture had started")]
    HungUp,
    /// Another process than the proxy's knocked.
    #[error(
        "process {knocked} knocked in place of the proxy, whose id is {expected}; run both in one pid namespace"
    )]
    Knock {
        /// The process at the other end of the connection.
        expected: u32,
        /// The process that knocked.
        knocked: u32,
    },
    /// The proxy did not do its part of recognising it.
    #[error("the proxy did not knock")]
    NoKnock,
    /// The proxy said something that it should not say at that point.
    #[error("the proxy said {message} out of turn")]
    OutOfTurn {
        /// What it said.
        message: &'static str,
    },
    /// The kernel cannot capture.
    #[error("the kernel cannot capture connections here")]
    Load(#[from] LoadError),
    /// The proxy did not answer.
    #[error("the proxy did not answer within {seconds} seconds")]
    Silent {
        /// How long it had.
        seconds: u64,
    },
    /// The spec does not parse.
    #[error("the spec does not parse")]
    Spec(#[from] ParseSpecError),
    /// The system refused something.
    #[error("cannot {what}")]
    System {
        /// What was to be done.
        what: &'static str,
        /// Why it was not.
        source: io::Error,
    },
}

impl ServeError {
    /// Says what to do, where something can be done.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Load(error) => error.remedy(),
            _ => None,
        }
    }
}

/// Takes what the helper logs, from any thread.
#[derive(Clone, Debug)]
pub struct LogWriter(mpsc::Sender<LogLine>);

/// Yields what the helper logs, to be told to its proxy.
#[derive(Debug)]
pub struct LogLines(mpsc::Receiver<LogLine>);

type LogLine = (tracing::Level, String);

/// The most lines that wait to be told; more are dropped.
const MAX_LINES: usize = 256;

/// Makes the way from the helper's log to its proxy.
pub fn log_lines() -> (LogWriter, LogLines) {
    let (sender, receiver) = mpsc::channel(MAX_LINES);
    (LogWriter(sender), LogLines(receiver))
}

impl LogWriter {
    /// Adds a line, or drops it where too many wait.
    pub fn write(&self, level: tracing::Level, line: String) {
        // Who would have to be told that there is no room for more?
        drop(self.0.try_send((level, line)));
    }
}

impl LogLines {
    /// Waits for a line; for ever, once there will be no more.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> (tracing::Level, String) {
        match self.0.recv().await {
            Some(line) => line,
            None => std::future::pending().await,
        }
    }
}
