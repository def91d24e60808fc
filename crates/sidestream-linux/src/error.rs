//! Why a command was not run, or its end not seen.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::{fmt, io};

/// Why a command was not run. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// No command was given.
    #[error("no command to run, name one")]
    Empty,
    /// An argument or a variable holds a zero byte.
    #[error("{0:?} holds a zero byte, which no system call takes")]
    Nul(OsString),
    /// The command is not there. A shell answers 127.
    #[error("command not found: {}", .0.display())]
    NotFound(OsString),
    /// The command is there and cannot be run. A shell answers 126.
    #[error("cannot run {}", .program.display())]
    NotExecutable {
        /// The command.
        program: OsString,
        /// Why.
        source: io::Error,
    },
    /// The kernel, or who configured it, withholds something that is needed.
    #[error("{feature} cannot be had here: {remedy}")]
    Unavailable {
        /// What is withheld.
        feature: Feature,
        /// What to do about it.
        remedy: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// Something cannot be laid over a file or directory.
    #[error("cannot cover {}", .path.display())]
    Overlay {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system refused something ordinary: a process, a descriptor, memory.
    #[error("cannot prepare the sandbox")]
    System(#[from] io::Error),
}

impl LaunchError {
    /// Returns the exit status with which a shell would answer, if the command is at fault.
    pub fn exit_code(&self) -> Option<u8> {
        match self {
            Self::NotFound(_) => Some(127),
            Self::NotExecutable { .. } => Some(126),
            _ => None,
        }
    }
}

/// What a sandbox needs of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Feature {
    /// A user namespace, which gives an ordinary user rights over the two others.
    UserNamespace,
    /// A network namespace.
    NetworkNamespace,
    /// A mount namespace.
    MountNamespace,
    /// A file system in memory inside of the mount namespace.
    Tmpfs,
    /// Addresses, routes and rules inside of the network namespace.
    Routing,
    /// nftables with `tproxy`, `socket` and `fib`.
    Tproxy,
    /// Transparent sockets.
    TransparentSockets,
    /// A seccomp filter that asks a supervisor.
    Filter,
    /// Reading the memory of the command.
    Memory,
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UserNamespace => "a user namespace",
            Self::NetworkNamespace => "a network namespace",
            Self::MountNamespace => "a mount namespace",
            Self::Tmpfs => "a tmpfs",
            Self::Routing => "routes in a network namespace",
            Self::Tproxy => "nftables with tproxy, socket and fib",
            Self::TransparentSockets => "transparent sockets",
            Self::Filter => "seccomp user notification",
            Self::Memory => "reading the memory of a child",
        })
    }
}

/// Why the end of a command was not seen as it should have been.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The keeper of the sandbox was killed. The processes in it have been ended.
    #[error("the keeper of the sandbox was killed, the command was ended with it")]
    KeeperLost {
        /// How the command ended, if it was seen.
        status: Option<ExitStatus>,
    },
    /// The system failed.
    #[error("cannot wait for the command")]
    System(#[from] io::Error),
}
