//! Why there is no capture.

use std::io;

use sidestream_ipc::DecodeError;

/// Why a redirector does not capture for us.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It hung up.
    #[error("the redirector ended before it captured; its own log says why")]
    Ended,
    /// What it sends is not the protocol, or of another version.
    #[error("the redirector is not understood")]
    NotUnderstood(#[from] DecodeError),
    /// It said something that is not due.
    #[error("the redirector sent `{0}` out of turn; install both programs from one release")]
    OutOfTurn(&'static str),
    /// It cannot capture.
    #[error("{what}{}", .remedy.as_ref().map(|remedy| format!(": {remedy}")).unwrap_or_default())]
    Refused {
        /// What went wrong.
        what: String,
        /// What the user can do about it.
        remedy: Option<String>,
    },
    /// It says nothing.
    #[error("the redirector did not answer within {seconds} s; end it and try again")]
    Silent {
        /// How long it was waited for, in seconds.
        seconds: u64,
    },
    /// The connection to it broke.
    #[error("the connection to the redirector broke")]
    System(#[from] io::Error),
}
