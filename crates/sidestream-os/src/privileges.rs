//! Giving root's rights up once they are not needed any more.

use std::io;
use std::path::PathBuf;

use crate::sys;

/// The user who started this process by `sudo`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caller {
    /// The user's id.
    pub uid: u32,
    /// The id of the user's own group.
    pub gid: u32,
    /// The user's name, where the user database has it.
    pub name: Option<String>,
    /// The user's home folder, where the user database has it.
    pub home: Option<PathBuf>,
}

/// Why rights were not given up, or not all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DropError {
    /// A thread still has rights.
    #[error("thread {thread} keeps {what}; end this process and start it as an ordinary user")]
    Kept {
        /// The thread.
        thread: u32,
        /// The right.
        what: &'static str,
    },
    /// The process is not root, so it has nothing to give up.
    #[error("this process is not root, there are no rights to give up")]
    NotRoot,
    /// The system refused.
    #[error("cannot give up {what}")]
    System {
        /// What should have been given up.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// Returns the user who started this process by `sudo`, if it runs as root and that user did.
pub fn sudo_caller() -> Option<Caller> {
    sys::sudo_caller()
}

/// Sets `HOME`, `USER` and `LOGNAME` to what they are for that user.
///
/// To be called first thing: the environment can be changed only while nobody else may read it.
///
/// # Errors
///
/// The process has other threads already, and nothing is changed.
pub fn adopt_environment(caller: &Caller) -> io::Result<()> {
    sys::adopt_environment(caller)
}

/// Becomes that user on all threads, with that user's groups and no capabilities, and no way back.
///
/// For root itself (0) the user and groups stay, and the capabilities go. To be called when the
/// helper has been started and files that only root may open are open. The memory of this process
/// stays closed to the user's other programs, as it speaks to a helper that root started.
///
/// # Errors
///
/// The process has not been root, or kept a right; it should end then, since what it has given up
/// is gone.
pub fn drop_privileges(uid: u32, gid: u32) -> Result<(), DropError> {
    sys::drop_privileges(uid, gid)
}
