//! Why nothing is captured.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why capturing did not start. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The helper ended before it captured anything.
    #[error("the helper ended: {words}")]
    Ended {
        /// What it said last, or its exit status.
        words: String,
    },
    /// The helper captures nothing.
    #[error(transparent)]
    Local(#[from] sidestream_linux::StartError),
    /// The kernel gives no rights to what this process starts.
    #[error(
        "NoNewPrivs is set for this process, so nothing that it starts can get the rights to \
         capture; start it outside of the container, service or sandbox that sets it, or as root"
    )]
    NoNewPrivs,
    /// There is no helper.
    #[error(
        "sidestream-helper is not beside {}; build it with `cargo build -p sidestream-helper` or \
         install it with `sidestream helper install`", .beside.display()
    )]
    NoHelper {
        /// The folder in which it was looked for first.
        beside: PathBuf,
    },
    /// The caller has not the rights, and nobody can be asked for them.
    #[error(
        "capturing takes root for a small helper: run this as root, or on a terminal with sudo, \
         or in a desktop session with pkexec; or give the helper its capabilities once with \
         `sudo sidestream helper install`"
    )]
    NoRights,
    /// The helper that was named is not there.
    #[error("there is no helper at {}, name another one", .0.display())]
    NotThere(PathBuf),
    /// The helper cannot be told where this process is.
    #[error("cannot listen for the helper; set XDG_RUNTIME_DIR or TMPDIR to a folder of your own")]
    Rendezvous(#[source] io::Error),
    /// The helper did not come.
    #[error(
        "the helper did not connect within {} s; if a password was asked for, start again and \
         answer, else see `sidestream doctor`", .patience.as_secs()
    )]
    Silent {
        /// How long it was waited for.
        patience: Duration,
    },
    /// The helper cannot be run.
    #[error("cannot run the helper {}", .path.display())]
    Spawn {
        /// The helper.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no driver for this system.
    #[error("capturing by process is not on this system yet; run it on Linux")]
    Unsupported,
}
